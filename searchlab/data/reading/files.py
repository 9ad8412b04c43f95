"""Files of data sets: found, read by their ending, and checked for what a study names.

Errors that pandas and NumPy ignore are refused: truncated rows, repeated names, arrays that do not
fit together. Rows have the numbers that users know: row 1 of a CSV file is its header, row 1 of a
Parquet file its first row, and the rows of arrays are counted from 0.
"""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow

from searchlab.data.catalog import ENDINGS, PACKED, TEXT
from searchlab.data.columns.select import is_pattern, select_features
from searchlab.data.reading.arrays import named_columns, others, read_arrays
from searchlab.data.reading.columns import Known
from searchlab.data.reading.dialect import Dialect
from searchlab.data.reading.raw import Raw, check_names, did_you_mean, listed
from searchlab.data.reading.text import read_text, unpacked
from searchlab.errors import DataError
from searchlab.study.spec import DataSpec

_UNREADABLE = (
    *(OSError, EOFError, ValueError, KeyError, zlib.error, lzma.LZMAError),
    *(zipfile.BadZipFile, pyarrow.ArrowException, pd.errors.ParserError),
)


def read_file(spec: DataSpec, base: Path, key: str = "path", like: Raw | None = None) -> Raw:
    """Read a file of a data set.

    Args:
        spec: which file, and which of its columns or arrays.
        base: the directory that its path is relative to.
        key: the key of the study's data that names the file.
        like: another file of the data set, whose columns are of the same kinds; None for the first.

    Raises:
        DataError: if there is no such file, it cannot be read, or it lacks what `spec` names.
    """
    file = spec.files[key]
    path = base / file
    source = path.name if Path(file).is_absolute() else file
    ending = find_file(path, source, f"correct data.{key}")
    name = path.name[: -len(ending)]
    with reading(source):
        if ending == ".npz":
            return read_arrays(spec, path, name, source)
        frame, dialect = read_frame(path, source, _known(spec, like))
    return _from_frame(spec, frame, name, source, dialect)


def _known(spec: DataSpec, like: Raw | None) -> Known:
    names = tuple(name for name, _ in named_columns(spec))
    dropped = tuple(name for name in spec.drop if not is_pattern(name))
    known = Known(
        keys=spec,
        names=(*names, *dropped),
        text=frozenset() if spec.id is None else frozenset([spec.id]),
        kinds=spec.kinds,
        target=spec.target,
        aside=frozenset(dropped),
    )
    if like is None or like.dialect is None:
        return known
    columns = {name: kind for name, kind in like.columns if name not in known.aside}
    numbers = frozenset(name for name, kind in columns.items() if kind in "biuf")
    text = frozenset(columns) - numbers
    return replace(known, text=text, numbers=numbers, dialect=like.dialect)


def find_file(path: Path, source: str, remedy: str) -> str:
    """Check that a file exists and return its ending.

    Args:
        path: the file.
        source: its name in messages.
        remedy: the remedy if it does not exist.

    Raises:
        DataError: if it does not exist or is of an unknown kind.
    """
    ending = ending_of(path)
    if ending is None:
        raise DataError(f"{source}: unknown kind of file: give one of {', '.join(ENDINGS)}")
    if not path.is_file():
        near = did_you_mean(path.name, [p.name for p in path.parent.glob("*")])
        raise DataError(f"{source}: no such file{near}: {remedy}")
    return ending


def ending_of(path: Path) -> str | None:
    """Return the ending of a file that can be read, with that of its archive; else None."""
    name = path.name.lower()
    packed = next((end for end in PACKED if name.endswith(end)), "")
    inner = name.removesuffix(packed)
    found = next((end for end in ENDINGS if inner.endswith(end)), "")
    if packed == ".zip" and not found:  # the file in it tells
        return packed
    return f"{found}{packed}" if found and (not packed or found in TEXT) else None


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Convert libraries' errors about an unreadable file to one line."""
    try:
        yield
    except _UNREADABLE as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{source}: cannot be read ({why}): write it again") from None


def read_frame(path: Path, source: str, known: Known) -> tuple[pd.DataFrame, Dialect | None]:
    """Read a file with a table.

    Args:
        path: the file.
        source: its name in messages.
        known: what is known about its columns.

    Returns:
        A frame whose index has the row numbers that users know, and the dialect of a text file.

    Raises:
        DataError: if rows are truncated, a name is repeated, or it is not certain how the file
            writes a table.
    """
    dialect = None
    if path.name.lower().endswith(".parquet"):
        frame = pd.read_parquet(path).reset_index(drop=True)
        frame.index += 1
    else:
        tabs = any(ending in path.name.lower() for ending in (".tsv", ".tab"))
        content = unpacked(path, source)
        frame, dialect = read_text(content, source, known, "\t" if tabs else ",")
    frame.columns = pd.Index([str(column) for column in frame.columns])
    check_names(list(frame.columns), source)
    return frame, dialect


def _from_frame(
    spec: DataSpec, frame: pd.DataFrame, name: str, source: str, dialect: Dialect | None
) -> Raw:
    names = list(frame.columns)
    for wanted, key in named_columns(spec):
        if wanted not in names:
            hint = did_you_mean(str(wanted), names) or f"; the columns are {listed(names)}"
            raise DataError(f"{source}: no column {wanted!r}{hint}: correct data.{key}")
    try:
        X = frame[select_features(names, _no_features(spec), spec)]
    except DataError as error:
        raise DataError(f"{source}: {error}") from None
    unnamed = [column for column in X if re.fullmatch(r"Unnamed: \d+", str(column))]
    if unnamed:  # usually row numbers that pandas wrote, which a model must not see
        raise DataError(f"{source}: a column has no name: name it, or add {unnamed[0]!r} to drop")
    used = {*X, *(wanted for wanted, _ in named_columns(spec))}
    aside = frame[[column for column in names if column not in used]]
    y, known = frame[str(spec.target)], others(frame, spec)
    return Raw(name, source, X, y, str(spec.target), aside=aside, dialect=dialect, **known)


def _no_features(spec: DataSpec) -> list[str]:
    split = None if spec.split is None else spec.split.no_feature
    return [name for name in (spec.target, spec.weight, spec.id, split) if name is not None]
