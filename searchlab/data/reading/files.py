"""Files of data sets: found, read by their ending, and checked for what a study names.

Errors that pandas and NumPy ignore are refused: truncated rows, repeated names, arrays that do not
fit together. Rows have the numbers that users know: row 1 of a CSV file is its header, row 1 of a
Parquet file its first row, and the rows of arrays are counted from 0.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from searchlab.core.arrays import Array
from searchlab.data.catalog import ARRAYS, SHEETS
from searchlab.data.columns.select import is_pattern
from searchlab.data.reading.arrays import arrays_of, from_arrays, named_columns
from searchlab.data.reading.dialect import Dialect, Notation
from searchlab.data.reading.folders import read_folder
from searchlab.data.reading.frames import from_frame
from searchlab.data.reading.functions import read_function
from searchlab.data.reading.known import Known
from searchlab.data.reading.numbers import same_unit, signed
from searchlab.data.reading.places import Place, places
from searchlab.data.reading.raw import Raw, kind_of
from searchlab.data.reading.tables import read_columns, read_query, read_sheet, worded
from searchlab.data.reading.text import read_text, unpacked
from searchlab.errors import DataError
from searchlab.study.data import DataSpec

_FIRST = 2
"""The number of the first row below the names."""

_UNREADABLE = (
    *(OSError, EOFError, ValueError, KeyError, zlib.error, lzma.LZMAError),
    *(zipfile.BadZipFile, pyarrow.ArrowException, pd.errors.ParserError),
)


def read_source(spec: DataSpec, base: Path, key: str = "path", like: Raw | None = None) -> Raw:
    """Read a data set from files, a database or a function.

    Args:
        spec: from where, and which of the columns or arrays.
        base: the directory that paths are relative to.
        key: the key of the study's data that names the files.
        like: another file of the data set, whose columns are of the same kinds; None for the first.

    Raises:
        DataError: if there is no such file, it cannot be read, or it lacks what `spec` names.
    """
    if spec.function is not None and key == "path":
        return read_function(spec, base)
    known = _known(spec, like)
    if spec.sql is not None and key == "path":
        source = f"the database of {spec.url_env}"
        frame, dialect = worded(read_query(spec.sql, str(spec.url_env)), source, known)
        return from_frame(spec, frame, "query", source, dialect)
    with places(spec.files[key], base, f"correct data.{key}") as found:
        source = _title(spec.files[key], found)
        name = found[0].name if len(found) == 1 else _shared_name(found)
        with reading(source):
            if len(found) == 1 and found[0].path.is_dir() and not _columnar(found[0].path):
                return read_folder(spec, found[0].path, name, source)
            if spec.target is None:
                raise DataError(
                    f"{source}: which column is to be predicted? Name it as data.target"
                )
            if all(place.ending in ARRAYS for place in found):
                return from_arrays(spec, _arrays(found), name, source)
            read = read_frames(found, known)
    return from_frame(spec, read.frame, name, source, read.dialect)


def _title(given: str | tuple[str, ...], found: list[Place]) -> str:
    if len(found) == 1:
        return found[0].source
    return given if isinstance(given, str) else f"{found[0].source} and {len(found) - 1} more"


def _shared_name(found: list[Place]) -> str:
    return found[0].path.resolve().parent.name or found[0].name


def _arrays(found: list[Place]) -> dict[str, Array]:
    """Return the arrays of one file or several; a lone array has the name of its file."""
    if len(found) == 1:
        return arrays_of(found[0].path, found[0].source)
    joined: dict[str, Array] = {}
    for place in found:
        arrays = arrays_of(place.path, place.source)
        lone = len(arrays) == 1
        named = {place.path.stem if lone else name: each for name, each in arrays.items()}
        twice = sorted(joined.keys() & named.keys())
        if twice:
            raise DataError(
                f"{place.source}: array {twice[0]!r} is in another file too: rename one"
            )
        joined |= named
    return joined


def _known(spec: DataSpec, like: Raw | None) -> Known:
    names = tuple(name for name, _ in named_columns(spec))
    dropped = tuple(name for name in spec.drop if not is_pattern(name))
    known = Known(
        keys=spec,
        names=(*names, *dropped),
        text=frozenset() if spec.id is None else frozenset([spec.id]),
        kinds=spec.kinds,
        target=spec.target,
        task=spec.task,
        aside=frozenset(dropped) - set(names),
    )
    if like is None or like.dialect is None:
        return known
    columns = {name: kind for name, kind in like.columns if name not in known.aside}
    numbers = frozenset(name for name, kind in columns.items() if kind in "biuf")
    text = frozenset(columns) - numbers
    truths = frozenset(name for name in numbers if columns[name] == "b")
    return replace(known, text=text, numbers=numbers, truths=truths, dialect=like.dialect)


@dataclass(frozen=True)
class Read:
    """A table as read.

    Attributes:
        frame: its rows; the index has the row numbers that users know.
        dialect: the dialect of a text file.
        empty: the first empty row that stands before others, such as "row 4", or None.
    """

    frame: pd.DataFrame
    dialect: Dialect | None
    empty: str | None = None


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Convert libraries' errors about an unreadable file to one line."""
    try:
        yield
    except _UNREADABLE as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{source}: cannot be read ({why}): write it again") from None


def read_frames(found: Sequence[Place], known: Known) -> Read:
    """Read one table from a file, or from several with the same columns.

    Raises:
        DataError: if one cannot be read, or lacks a column of the first.
    """
    if len(found) == 1:
        return read_frame(found[0], known)
    read = [read_frame(place, known) for place in found]
    if codes := _codes([each.frame for each in read]):
        known = replace(known, text=known.text | codes)
        again = [read_frame(place, known) for place in found]
        if all(_digits(each.frame[name]) for each in again for name in codes):
            read = again
    first, frames = list(read[0].frame.columns), []
    for place, each in zip(found, read, strict=True):
        if odd := sorted({*each.frame.columns} ^ {*first}):
            raise DataError(
                f"{place.source}: column {odd[0]!r} is only in one of this file and "
                f"{found[0].source}: give all files the same columns"
            )
        each.frame.index = pd.Index([f"{row} of {place.source}" for row in each.frame.index])
        alike = list(each.frame.columns) == first
        frames.append(each.frame if alike else each.frame[first])
    dialects = [each.dialect for each in read]
    _check_types(frames, found)
    _check_signs(frames, dialects, found)
    empty = [
        f"{each.empty} of {place.source}"
        for place, each in zip(found, read, strict=True)
        if each.empty
    ]
    merged = _merged([each for each in dialects if each is not None])
    return Read(pd.concat(frames), merged, next(iter(empty), None))


def _codes(frames: Sequence[pd.DataFrame]) -> set[str]:
    """Return the columns that are codes of digits in one file, and numbers in another."""
    return {
        str(name)
        for name in frames[0]
        for columns in [[each[name] for each in frames if name in each]]
        if {"O"} < {kind_of(each) for each in columns} <= {"O", "i", "f"}
        and all(_digits(each) for each in columns if kind_of(each) == "O")
    }


def _digits(column: pd.Series[Any]) -> bool:
    """Return whether the cells of a column of text that are not missing are digits alone."""
    return bool(column.dropna().astype(str).str.isdigit().all())


def _check_types(frames: Sequence[pd.DataFrame], found: Sequence[Place]) -> None:
    """Refuse files of which one has words where others have numbers."""
    for name in frames[0]:
        words = [kind_of(frame[name]) not in "biuf" for frame in frames]
        filled = [frame[name].notna().any() for frame in frames]
        kinds = {each for each, some in zip(words, filled, strict=True) if some}
        if len(kinds) > 1:
            worded, number = (found[words.index(each)].source for each in (True, False))
            raise DataError(
                f"{worded}: column {name!r} holds words, and in {number} numbers: write it alike"
            )


def _check_signs(
    frames: Sequence[pd.DataFrame], dialects: Sequence[Dialect | None], found: Sequence[Place]
) -> None:
    """Refuse files of which one has percents, or another currency, where others have none."""
    notations = [{} if dialect is None else dialect.notations for dialect in dialects]
    for name in dict.fromkeys(name for each in notations for name in each):
        signs: dict[str, str] = {}
        for frame, noted, place in zip(frames, notations, found, strict=True):
            if frame[name].notna().any():
                signs.setdefault(noted.get(name, Notation()).sign, place.source)
        for (sign, source), (other, elsewhere) in combinations(signs.items(), 2):
            if not same_unit(sign, other):
                raise DataError(
                    f"{elsewhere}: column {name!r} has numbers {signed(other)}, and in {source} "
                    f"{signed(sign)}: write both alike"
                )


def _merged(dialects: Sequence[Dialect]) -> Dialect | None:
    if not dialects:
        return None
    notations = {name: each for dialect in dialects for name, each in dialect.notations.items()}
    missing = {
        name: tuple(sorted({m for d in dialects for m in d.missing.get(name, ())}))
        for dialect in dialects
        for name in dialect.missing
    }
    return replace(dialects[0], notations=notations, missing=missing)


def _columnar(path: Path) -> bool:
    """Return whether a directory holds Parquet files, as Spark and others write them."""
    return path.is_dir() and next(path.rglob("*.parquet"), None) is not None


def read_frame(place: Place, known: Known) -> Read:
    """Read a file with a table.

    Args:
        place: the file, or a directory of Parquet files.
        known: what is known about its columns.

    Raises:
        DataError: if rows are truncated, a name is repeated, or it is not certain how the file
            writes a table.
    """
    path, source = place.path, place.source
    name = path.name.lower()
    if path.is_dir() or name.endswith((".parquet", ".feather", ".arrow")):
        return Read(*worded(read_columns(path), source, known))
    if place.ending in ARRAYS:
        raise DataError(f"{source}: holds arrays, and other files tables: give one kind")
    empty: int | None
    if name.endswith(SHEETS):
        frame, dialect = read_sheet(path, source, known)
        empty = _gap(frame.index)
    else:
        tabs = any(ending in name for ending in (".tsv", ".tab"))
        expected = "\t" if tabs else ","
        frame, dialect, empty = read_text(partial(unpacked, path, source), source, known, expected)
    return Read(frame, dialect, None if empty is None else f"row {empty}")


def _gap(index: pd.Index[Any]) -> int | None:
    """Return the number of the first row that is left out and stands before others."""
    if len(index) == 0:
        return None
    before = min(int(index[0]), _FIRST) - 1
    numbers = np.array([before, *index.to_numpy()])
    jumps = np.flatnonzero(np.diff(numbers) != 1)
    return int(numbers[jumps[0]]) + 1 if len(jumps) else None
