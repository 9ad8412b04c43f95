"""The files of a data set: one, or some for the parts of its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from searchlab.data.parts import Assignment, Part
from searchlab.data.reading.files import read_source
from searchlab.data.reading.raw import Raw, did_you_mean
from searchlab.errors import DataError
from searchlab.study.data import DataSpec

_KEYS: dict[Part, str] = {
    "validation": "validation_path",
    "test": "test_path",
}


def read_files(spec: DataSpec, base: Path) -> Raw:
    """Read all files of a data set as one: first `path`, then those of other parts.

    Rows of the others are told as "row 7 of test.csv".

    Args:
        spec: which files, and which of their columns or arrays.
        base: the directory that their paths are relative to.

    Raises:
        DataError: if one cannot be read, or lacks a column of the first.
    """
    first = read_source(spec, base)
    keys = {part: key for part, key in _KEYS.items() if key in spec.files}
    if not keys:
        return first
    others = [read_source(spec, base, key, like=first) for key in keys.values()]
    raws = [first, *(_like(first, other) for other in others)]
    assigned = Assignment.consecutive({"train": len(first.y)})
    if first.assigned is not None:  # arrays of its own for the test, say
        assigned = first.assigned
        for part, key in keys.items():
            if len(assigned.rows(part)):
                raise DataError(
                    f"{first.source}: has {part} rows of its own, and data.{key} has others: leave "
                    f"one of them out"
                )
    more = Assignment.consecutive(
        {part: len(raw.y) for part, raw in zip(keys, others, strict=True)}
    )
    columns: dict[str, Any] = {}
    for name in ("y", "weight", "split"):
        parts = [getattr(raw, name) for raw in raws]
        columns[name] = None if parts[0] is None else pd.concat(parts)
    return replace(
        first,
        X=_joined([raw.X for raw in raws]),
        aside=None if first.aside is None else _joined([raw.aside for raw in raws]),
        assigned=Assignment(np.concatenate([assigned.numbers, more.numbers])),
        **columns,
    )


def _joined(parts: list[Any]) -> Any:
    frames = [part for part in parts if isinstance(part, pd.DataFrame)]
    return pd.concat(frames) if len(frames) == len(parts) else np.concatenate(parts)


def _like(first: Raw, other: Raw) -> Raw:
    """Return the rows of another file with the columns of the first."""
    X = other.X
    if isinstance(first.X, pd.DataFrame) and isinstance(X, pd.DataFrame):
        names = list(map(str, X))
        for name in first.X:
            if name not in X:
                raise DataError(
                    f"{other.source}: no column {name!r}{did_you_mean(str(name), names)}, which "
                    f"{first.source} has: add it, or drop it in both"
                )
        X = X[list(first.X)]
    elif first.X.shape[1:] != X.shape[1:] or isinstance(X, pd.DataFrame):
        raise DataError(
            f"{other.source}: its rows have shape {X.shape[1:]}, and those of {first.source} "
            f"{first.X.shape[1:]}: give both the same"
        )
    index = pd.Index([f"{row} of {other.source}" for row in other.y.index])
    moved: dict[str, Any] = {"X": X.set_axis(index) if isinstance(X, pd.DataFrame) else X}
    for name in ("y", "weight", "split", "aside"):
        column = getattr(other, name)
        moved[name] = None if column is None else column.set_axis(index)
    return replace(other, **moved)
