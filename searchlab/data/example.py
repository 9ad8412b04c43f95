"""A few raw rows that are kept with a model, to show what it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from searchlab.data.schema import RowSchema

Array = np.ndarray[Any, Any]

FILES = ("example.json", "example.npy")
"""Where the rows are: those of a frame, or images."""

_ROWS = 5


def save_example(X: pd.DataFrame | Array, schema: RowSchema, rows: Array, directory: Path) -> None:
    """Writes a few rows as the data set has them.

    Args:
        X: the features of a checked data set.
        schema: what they are.
        rows: the numbers of the rows to choose from; rows without missing values are preferred.
        directory: where the file goes.
    """
    if not isinstance(X, pd.DataFrame):
        np.save(directory / FILES[1], X[rows[:_ROWS]])
        return
    chosen = X.iloc[rows]
    complete = chosen[chosen.notna().all(axis=1)].head(_ROWS)
    shown = chosen.head(_ROWS) if complete.empty else schema.natural(complete)
    cells = shown.astype(object).where(shown.notna(), None).to_numpy().tolist()
    saved = {"columns": list(shown.columns), "data": cells}
    (directory / FILES[0]).write_text(json.dumps(saved, ensure_ascii=False), encoding="utf-8")


def load_example(directory: Path) -> pd.DataFrame | Array:
    """Reads what `save_example` wrote.

    Raises:
        OSError: if there is none.
        ValueError: if it is damaged.
    """
    file = directory / FILES[0]
    if not file.exists():
        return np.asarray(np.load(directory / FILES[1], allow_pickle=False))
    saved = json.loads(file.read_text(encoding="utf-8"))
    return pd.DataFrame(saved["data"], columns=saved["columns"])
