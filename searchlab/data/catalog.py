"""Facts about data that need no reading; light, so that study files are checked fast."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

from searchlab.core.nearest import did_you_mean

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

SHEETS = (".xlsx", ".xlsm")
"""The endings of Excel's files."""

ARRAYS = (".npz", ".npy")
"""The endings of NumPy's files."""

ENDINGS = (*TEXT, *SHEETS, ".parquet", ".feather", ".arrow", *ARRAYS)
"""The endings of files that a data set can be read from."""

PACKED = (".gz", ".zip", ".bz2", ".xz")
"""The endings that a text file may have besides, in an archive."""

_PATTERN = re.compile(r"[*?\[]")


def ending_of(name: str) -> str | None:
    """Return the ending of a file that can be read, with that of its archive; else None."""
    lower = name.lower()
    packed = next((end for end in PACKED if lower.endswith(end)), "")
    found = next((end for end in ENDINGS if lower.removesuffix(packed).endswith(end)), "")
    if packed == ".zip" and not found:  # the file in it tells
        return packed
    return f"{found}{packed}" if found and (not packed or found in TEXT) else None


_CLUTTER = {"__macosx", "thumbs.db", "desktop.ini"}


def is_clutter(path: PurePath) -> bool:
    """Return whether a file, by its path in a directory or an archive, is the system's own."""
    return any(part.startswith(".") or part.lower() in _CLUTTER for part in path.parts)


def is_address(given: str) -> bool:
    """Return whether a path is the address of a file on another machine."""
    return "://" in given


def matching(given: str, base: Path) -> list[Path]:
    """Return the files that a pattern such as parts/*.csv stands for, sorted by their names."""
    if not _PATTERN.search(given) or (base / given).exists():
        return []
    place = given if Path(given).is_absolute() else f"{glob.escape(str(base))}/{given}"
    return sorted(Path(each) for each in glob.glob(place, recursive=True))  # noqa: PTH207


def file_problems(given: str | tuple[str, ...], base: Path) -> Iterator[str]:
    """Find problems with the files of a data set, without reading them.

    Args:
        given: the path that the study file gives, or some of them.
        base: the directory that they are relative to.
    """
    for name in (given,) if isinstance(given, str) else given:
        path = base / name
        if is_address(name) or path.is_dir() or matching(name, base):
            continue
        if _PATTERN.search(name) and not path.exists():
            yield f"no file is named like {name}: a path starts at the study file's directory"
        elif ending_of(path.name) is None:
            yield f"{name} is an unknown kind of file: give one of {', '.join(ENDINGS)}"
        elif not path.is_file():
            names = [each.name for each in path.parent.glob("*")] if path.parent.is_dir() else []
            hint = did_you_mean(path.name, names, "a path starts at the study file's directory")
            yield f"there is no file {name}: {hint}"
