"""A few raw rows kept with a model as an example of its input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.data.schema import RowSchema

FILES = ("example.json", "example.npy")
"""The files with the rows: of a frame, or images."""

_ROWS = 5


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
    chosen = X.iloc[rows]
    complete = chosen[chosen.notna().all(axis=1)].head(_ROWS)
    shown = schema.dated(chosen.head(_ROWS)) if complete.empty else schema.natural(complete)
    cells = shown.astype(object).where(shown.notna(), None).to_numpy().tolist()
    saved = {"columns": list(shown.columns), "data": cells}
    (directory / FILES[0]).write_text(json.dumps(saved, ensure_ascii=False), encoding="utf-8")


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
