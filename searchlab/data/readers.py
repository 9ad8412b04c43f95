"""Read the files of data sets: CSV, TSV, Parquet and NPZ.

Errors that pandas and NumPy ignore are refused here: truncated rows, repeated names, arrays that do
not fit together. Rows have the numbers that users know: row 1 of a CSV file is its header, row 1 of
a Parquet file its first row, and the rows of arrays are counted from 0.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from searchlab.data.catalog import ENDINGS
from searchlab.errors import DataError
from searchlab.study.spec import DataSpec

_UNREADABLE = (
    *(OSError, EOFError, ValueError, KeyError, csv.Error, zlib.error),
    *(zipfile.BadZipFile, pyarrow.ArrowException, pd.errors.ParserError),
)


@dataclass(frozen=True)
class Raw:
    """A data set as read; `data.load` checks its columns and its target.

    Attributes:
        name: the name of the data set, or of the file without its ending.
        source: "sklearn:digits", or the path as in the study file.
        X: the features: a frame with a column each, or an array (n, height, width, ...).
        y: the target (n,); its index has the row numbers that users know.
        target: the name of the target.
        weight: the weights of the rows (n,) with their name; None if there are none.
        aside: the columns of `data.drop`, which only the findings look at; None for arrays.
    """

    name: str
    source: str
    X: pd.DataFrame | np.ndarray[Any, Any]
    y: pd.Series[Any]
    target: str
    weight: pd.Series[Any] | None = None
    aside: pd.DataFrame | None = None

    def error(self, message: str, position: int | None = None) -> DataError:
        """Make an error about a row, or about the whole data set."""
        row = "" if position is None else f"row {self.y.index[position]}: "
        return DataError(f"{self.source}: {row}{message}")


def read_file(spec: DataSpec, base: Path) -> Raw:
    """Read the file of a data set.

    Args:
        spec: which file, and which of its columns or arrays.
        base: the directory that its path is relative to.

    Raises:
        DataError: if there is no such file, it cannot be read, or it lacks what `spec` names.
    """
    path = base / str(spec.path)
    source = path.name if Path(str(spec.path)).is_absolute() else str(spec.path)
    ending = find_file(path, source, "correct data.path")
    name = path.name[: -len(ending)]
    with reading(source):
        if ending == ".npz":
            return _read_npz(spec, path, name, source)
        return _from_frame(spec, read_frame(path, source), name, source)


def find_file(path: Path, source: str, remedy: str) -> str:
    """Check that a file exists and return its ending.

    Args:
        path: the file.
        source: its name in messages.
        remedy: the remedy if it does not exist.

    Raises:
        DataError: if it does not exist or is of an unknown kind.
    """
    ending = next((end for end in ENDINGS[::-1] if path.name.lower().endswith(end)), None)
    if ending is None:
        raise DataError(f"{source}: unknown kind of file: give one of {', '.join(ENDINGS)}")
    if not path.is_file():
        near = did_you_mean(path.name, [p.name for p in path.parent.glob("*")])
        raise DataError(f"{source}: no such file{near}: {remedy}")
    return ending


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Convert libraries' errors about an unreadable file to one line."""
    try:
        yield
    except _UNREADABLE as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{source}: cannot be read ({why}): write it again (text as UTF-8)"
        ) from None


def read_frame(path: Path, source: str, text: Collection[str] = ()) -> pd.DataFrame:
    """Read a CSV, TSV or Parquet file.

    Args:
        path: the file.
        source: its name in messages.
        text: the columns that are text even if they look like numbers.

    Returns:
        A frame whose index has the row numbers that users know.

    Raises:
        DataError: if rows are truncated or a name is repeated.
    """
    if path.name.lower().endswith(".parquet"):
        frame = pd.read_parquet(path).reset_index(drop=True)
        frame.index += 1
    else:
        separator = "\t" if ".tsv" in path.name.lower() else ","
        frame = _read_csv(path, source, separator, text)
    frame.columns = pd.Index([str(column) for column in frame.columns])
    _check_names(list(frame.columns), source)
    return frame


def _read_csv(path: Path, source: str, separator: str, text: Collection[str]) -> pd.DataFrame:
    """Read a CSV file; the index has the row numbers of the file, from 2."""
    _check_cells(path, source, separator)
    frame = pd.read_csv(
        path,
        sep=separator,
        index_col=False,
        low_memory=False,
        skip_blank_lines=False,
        dtype=dict.fromkeys(text, str),
    )
    frame.index += 2
    return frame.dropna(how="all")  # spreadsheets leave empty rows at the end


def _check_cells(path: Path, source: str, separator: str) -> None:
    """Compare each row with the header, as pandas fills short rows with missing values."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter=separator)
        header = next(rows, [])
        if not header:
            raise DataError(f"{source}: row 1 is empty: it must name the columns")
        _check_names(header, source)
        for number, row in enumerate(rows, start=2):
            if row and len(row) != len(header):
                raise DataError(
                    f"{source}: row {number} has {len(row)} cells where the header has "
                    f"{len(header)}: correct it (the file may be cut off there)"
                )


def _check_names(names: list[str], source: str) -> None:
    twice = [name for index, name in enumerate(names) if name in names[:index]]
    if twice:
        raise DataError(f"{source}: column {twice[0]!r} appears twice: rename one")


def _from_frame(spec: DataSpec, frame: pd.DataFrame, name: str, source: str) -> Raw:
    names = list(frame.columns)
    for wanted, key in [*_named(spec), *((name, "drop") for name in spec.drop)]:
        if wanted not in names:
            hint = did_you_mean(str(wanted), names) or f"; the columns are {_listed(names)}"
            raise DataError(f"{source}: no column {wanted!r}{hint}: correct data.{key}")
    X = frame.drop(columns=[*(wanted for wanted, _ in _named(spec)), *spec.drop])
    if X.shape[1] == 0:
        raise DataError(f"{source}: no columns are left to learn from: drop fewer")
    unnamed = [column for column in X if re.fullmatch(r"Unnamed: \d+", str(column))]
    if unnamed:  # usually row numbers that pandas wrote, which a model must not see
        raise DataError(f"{source}: a column has no name: name it, or add {unnamed[0]!r} to drop")
    weight = None if spec.weight is None else frame[spec.weight]
    aside = frame[list(spec.drop)]
    return Raw(name, source, X, frame[str(spec.target)], str(spec.target), weight, aside)


def _named(spec: DataSpec) -> list[tuple[str, str]]:
    """Return the columns or arrays that are not features, with the keys that name them."""
    keys = {"target": spec.target, "weight": spec.weight}
    return [(name, key) for key, name in keys.items() if name is not None]


def _read_npz(spec: DataSpec, path: Path, name: str, source: str) -> Raw:
    with open_arrays(path, source) as opened:
        names = list(opened.files)
        for wanted, of in _named(spec):
            if wanted not in names:
                hint = did_you_mean(wanted, names) or f"; the arrays are {_listed(names)}"
                raise DataError(f"{source}: no array {wanted!r}{hint}: correct data.{of}")
        key = features_name(names, {spec.target, spec.weight, *spec.drop}, source)
        X, columns = opened[key], {wanted: opened[wanted] for wanted, _ in _named(spec)}
    check_arrays(source, key, X, columns)
    rows = {n: pd.Series(each.reshape(len(X)), name=n) for n, each in columns.items()}
    y, weight = rows[str(spec.target)], None if spec.weight is None else rows[spec.weight]
    if X.ndim > 2:  # noqa: PLR2004 - a matrix has columns; anything deeper is images
        return Raw(name, source, X, y, str(spec.target), weight)
    frame = pd.DataFrame(X, columns=[f"{key}{column}" for column in range(X.shape[1])])
    return Raw(name, source, frame, y, str(spec.target), weight)


def open_arrays(path: Path, source: str) -> np.lib.npyio.NpzFile:
    """Open an NPZ file.

    Raises:
        DataError: if it is a NumPy file of another kind.
    """
    opened = np.load(path, allow_pickle=False)
    if not isinstance(opened, np.lib.npyio.NpzFile):
        raise DataError(f"{source}: holds a single array: write features and target with np.savez")
    return opened


def features_name(names: Sequence[str], no_features: Collection[str | None], source: str) -> str:
    """Find the array with the features: X, x, or the only one left.

    Raises:
        DataError: if there are several candidates.
    """
    others = [array for array in names if array not in no_features]
    key = next((array for array in ("X", "x") if array in others), others[0] if others else "")
    if not key or (len(others) > 1 and key not in {"X", "x"}):
        raise DataError(
            f"{source}: which array has the features? Name it X (it has {_listed(list(names))})"
        )
    return key


def check_arrays(
    source: str, key: str, X: np.ndarray[Any, Any], columns: Mapping[str, np.ndarray[Any, Any]]
) -> None:
    """Refuse arrays that do not fit together, and features that are not finite numbers.

    Args:
        source: the file's name in messages.
        key: the name of the features.
        X: the features.
        columns: the other arrays, by name, one value a row.

    Raises:
        DataError: with the array and its problem.
    """
    if X.ndim < 2 or 0 in X.shape[1:]:  # noqa: PLR2004
        raise DataError(
            f"{source}: {key} has shape {X.shape}: it needs (rows, features) or more dimensions"
        )
    for name, values in columns.items():
        if values.shape not in {(values.size,), (values.size, 1)}:
            raise DataError(
                f"{source}: {name} has shape {values.shape}: it needs one value per row"
            )
        if len(X) != len(values):
            raise DataError(
                f"{source}: {key} has {len(X)} rows and {name} has {len(values)}: give both the "
                "same"
            )
    if X.dtype.kind not in "biuf":
        raise DataError(f"{source}: {key} has the type {X.dtype}: convert it to numbers")
    wrong = np.argwhere(~np.isfinite(X)) if X.dtype.kind == "f" else np.empty((0, X.ndim))
    if len(wrong):
        position = tuple(int(index) for index in wrong[0])
        raise DataError(
            f"{source}: {key}[{', '.join(map(str, position))}] is {X[position]}: "
            f"arrays must be complete and finite; fill or leave out such rows"
        )


def did_you_mean(name: str, names: list[str]) -> str:
    """Suggest the nearest of `names`; "" if none is near."""
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:10])
    return f"{shown}, ..." if len(names) > 10 else shown or "none"  # noqa: PLR2004
