"""A few raw rows kept with a model as an example of its input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.data.schema import RowSchema

FILES = ("example.json", "example.npy")
"""The files with the rows: of a frame, or images."""

_ROWS = 5
_STEP = 512  # rows that are looked at, at a time


def save_example(X: pd.DataFrame | Array, schema: RowSchema, rows: Array, directory: Path) -> None:
    """Write a few rows as they are in the data set.

    Args:
        X: the features of a checked data set.
        schema: their schema.
        rows: the numbers of the rows to choose from, preferably without missing values.
        directory: the directory of the file.
    """
    if not isinstance(X, pd.DataFrame):
        np.save(directory / FILES[1], X[rows[:_ROWS]])
        return
    complete = _complete(X, rows)
    some = schema.dated(X.iloc[rows[:_ROWS]])
    shown = some if complete.empty else schema.natural(complete)
    cells = [[None if pd.isna(each) else each for each in row] for row in _rows(shown)]
    saved = {"columns": list(shown.columns), "data": cells}
    (directory / FILES[0]).write_text(json.dumps(saved, ensure_ascii=False), encoding="utf-8")


def _complete(X: pd.DataFrame, rows: Array) -> pd.DataFrame:
    """Return the first of some rows in which nothing is missing."""
    found: list[pd.DataFrame] = []
    for start in range(0, len(rows), _STEP):
        part = X.iloc[rows[start : start + _STEP]]
        found.append(part[part.notna().all(axis=1)])
        if sum(map(len, found)) >= _ROWS:
            break
    return pd.concat(found).head(_ROWS)


def _rows(frame: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a frame as Python's own values."""
    return zip(*(column.tolist() for _, column in frame.items()), strict=True)


def load_example(directory: Path) -> pd.DataFrame | Array:
    """Read what `save_example` wrote.

    Raises:
        OSError: if there is no such file.
        ValueError: if the file is damaged.
    """
    file = directory / FILES[0]
    if not file.exists():
        return np.asarray(np.load(directory / FILES[1], allow_pickle=False))
    saved = json.loads(file.read_text(encoding="utf-8"))
    return pd.DataFrame(saved["data"], columns=saved["columns"])
