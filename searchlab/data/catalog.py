"""Facts about data that need no reading; light, so that study files are checked fast."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

DATASETS: Mapping[str, str] = {
    "digits": "1,797 handwritten digits of 8 x 8 pixels as 64 columns, 10 classes",
    "diabetes": "442 patients, 10 columns, the progression of their disease",
    "breast_cancer": "569 tumours, 30 columns, 2 classes",
    "wine": "178 wines, 13 columns, 3 classes",
    "iris": "150 flowers, 4 columns, 3 classes",
    "california_housing": "20,640 districts, 8 columns, the median house value (downloaded once)",
    "fashion_mnist": "70,000 images of 28 x 28 pixels, 10 classes of clothing (downloaded once)",
}
"""The built-in data sets, each described in a line that begins with its number of rows."""

TEXT = (".csv", ".tsv", ".tab", ".txt", ".data")
"""The endings of text files with a table."""

ENDINGS = (*TEXT, ".parquet", ".npz")
"""The endings of files that a data set can be read from."""

PACKED = (".gz", ".zip", ".bz2", ".xz")
"""The endings that a text file may have besides, in an archive."""


def file_problems(name: str, base: Path) -> Iterator[str]:
    """Find problems with the file of a data set, without reading it.

    Args:
        name: the path that the study file gives.
        base: the directory that it is relative to.
    """
    path = base / name
    if path.is_dir():
        yield f"{name} is a directory: name the file in it"
    elif not path.name.lower().endswith(ENDINGS):
        yield f"{name} is an unknown kind of file: give one of {', '.join(ENDINGS)}"
    elif not path.is_file():
        names = [each.name for each in path.parent.glob("*")] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else "a path starts at the study file's directory"
        yield f"there is no file {name}: {hint}"
