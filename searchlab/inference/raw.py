"""Reading of raw rows from files, with or without the target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.data.catalog import ARRAYS
from searchlab.data.columns.select import matching
from searchlab.data.reading.arrays import arrays_of, check_arrays, features_name, together
from searchlab.data.reading.files import read_frames, reading
from searchlab.data.reading.folders import TEXT_COLUMN, files_in, read_pictures, read_texts
from searchlab.data.reading.places import Place, places
from searchlab.data.schema import RowSchema
from searchlab.errors import DataError

_PICTURE = 3  # dimensions: height, width, channels


@dataclass(frozen=True)
class Input:
    """The rows of a file.

    Attributes:
        rows: a frame with all columns of the file, or its array of features.
        target: the target's values (n,), or None if the file lacks them.
        weight: the rows' weights (n,), or None if the file lacks them.
        empty: the first empty row that stands before others, such as "row 4", or None.
        id: what says which row is which (n,), or None if the file lacks it.
    """

    rows: pd.DataFrame | np.ndarray[Any, Any]
    target: pd.Series[Any] | None
    weight: pd.Series[Any] | None
    empty: str | None = None
    id: pd.Series[Any] | None = None


def read_input(path: Path, schema: RowSchema) -> Input:
    """Read raw rows from a file, or from a directory of pictures or texts.

    Args:
        path: the file.
        schema: the schema of the rows; columns unknown to it are ignored.

    Raises:
        DataError: if the file does not exist or cannot be read. Missing columns are detected only
            when the rows are used.
    """
    with places(str(path), Path(), "correct the path", whole=True) as found, reading(str(path)):
        if found[0].path.is_dir() and TEXT_COLUMN not in schema.kinds:
            return Input(_pictures(found[0], schema), None, None)
        if found[0].path.is_dir():
            files = files_in(found[0].path, found[0].source)
            names = pd.Index([each.relative_to(path).as_posix() for each in files])
            return Input(read_texts(files, found[0].source, names), None, None)
        if len(found) == 1 and found[0].ending in ARRAYS:
            return _arrays(found[0], schema)
        read = read_frames(found, schema.known)
    target, weight, key = (_column(read.frame, name) for name in _roles(schema))
    return Input(read.frame, target, weight, read.empty, key)


def _pictures(place: Place, schema: RowSchema) -> Array:
    if schema.kinds or len(schema.shape) != _PICTURE:
        raise DataError(f"{place.source}: is a directory: name a file")
    files = files_in(place.path, place.source)
    return read_pictures(files, place.source, schema.shape[:2], schema.shape[2])


def _roles(schema: RowSchema) -> tuple[str | None, ...]:
    return schema.target, schema.weight, schema.id


def _arrays(place: Place, schema: RowSchema) -> Input:
    arrays, _ = together(arrays_of(place.path, place.source))
    names, roles = list(arrays), _roles(schema)
    dropped = (name for pattern in schema.drop for name in matching(names, pattern))
    key = features_name(names, {*roles, *dropped}, place.source)
    columns = {name: arrays[name] for name in roles if name is not None and name in names}
    rows = arrays[key]
    check_arrays(place.source, key, rows, columns)
    series = {n: pd.Series(each.reshape(len(rows)), name=n) for n, each in columns.items()}
    target, weight, ids = (None if name is None else series.get(name) for name in roles)
    return Input(rows, target, weight, id=ids)


def _column(frame: pd.DataFrame, name: str | None) -> pd.Series[Any] | None:
    return None if name is None else frame.get(name)
