"""Reading of raw rows from files, with or without the target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from searchlab.data.reading.arrays import check_arrays, features_name, open_arrays
from searchlab.data.reading.files import find_file, read_frame, reading
from searchlab.data.schema import RowSchema


@dataclass(frozen=True)
class Input:
    """The rows of a file.

    Attributes:
        rows: a frame with all columns of the file, or its array of features.
        target: the target's values (n,), or None if the file lacks them.
        weight: the rows' weights (n,), or None if the file lacks them.
    """

    rows: pd.DataFrame | np.ndarray[Any, Any]
    target: pd.Series[Any] | None
    weight: pd.Series[Any] | None


def read_input(path: Path, schema: RowSchema) -> Input:
    """Read a CSV, TSV, Parquet or NPZ file of raw rows.

    Args:
        path: the file.
        schema: the schema of the rows; columns unknown to it are ignored.

    Raises:
        DataError: if the file does not exist or cannot be read. Missing columns are detected only
            when the rows are used.
    """
    ending = find_file(path, str(path), "correct the path")
    with reading(str(path)):
        if ending == ".npz":
            return _arrays(path, schema)
        frame, _ = read_frame(path, str(path), schema.known)
    return Input(frame, _column(frame, schema.target), _column(frame, schema.weight))


def _arrays(path: Path, schema: RowSchema) -> Input:
    with open_arrays(path, str(path)) as opened:
        names = list(opened.files)
        no_features = {schema.target, schema.weight, *schema.drop}
        key = features_name(names, no_features, str(path))
        columns = {n: opened[n] for n in (schema.target, schema.weight) if n in names and n}
        rows = opened[key]
    check_arrays(str(path), key, rows, columns)
    series = {n: pd.Series(each.reshape(len(rows)), name=n) for n, each in columns.items()}
    return Input(rows, series.get(schema.target), series.get(str(schema.weight)))


def _column(frame: pd.DataFrame, name: str | None) -> pd.Series[Any] | None:
    return None if name is None else frame.get(name)
