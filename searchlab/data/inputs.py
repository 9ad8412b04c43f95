"""Writing a model's inputs: the features of some rows, preprocessed a few rows at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array, Inputs
from searchlab.core.progress import counted
from searchlab.data.arrays import CHUNK, ArrayPreprocessing, moments
from searchlab.data.columns.groups import places_of
from searchlab.data.columns.preprocessing import ColumnPreprocessing
from searchlab.data.columns.texts import TextPreprocessing
from searchlab.data.load import Table
from searchlab.data.preprocessing import Fitted
from searchlab.errors import DataError

_STEP = 8192  # rows of a table that are transformed at a time, fewer if they have many cells
_CELLS = 2_000_000
_FEWEST = 256


class Transform(Protocol):
    """Preprocessing that makes a model's inputs of raw rows."""

    def transform(self, raw: pd.DataFrame | Array) -> Array:
        """Convert raw rows to float32 input, or to bytes for a model of raw text."""


class Aligned:
    """Preprocessing whose inputs have the places that those of another one have.

    Fitted to fewer rows, it knows fewer categories and words: inputs of the same name have the same
    place, others take places that are left, and what is left then is 0.
    """

    def __init__(self, own: ColumnPreprocessing, other: ColumnPreprocessing) -> None:
        """Find the places.

        Raises:
            DataError: if there are too few.
        """
        self._own, self._width = own, other.width
        if own.width > other.width:
            raise DataError(
                f"data.scale: the transformer makes {own.width} inputs of a fold's rows and "
                f"{other.width} of all training rows: let it make as many of fewer rows"
            )
        free: dict[str, deque[int]] = {}
        for place, name in enumerate(other.inputs):
            free.setdefault(name, deque()).append(place)
        known = [free[name].popleft() if free.get(name) else None for name in own.inputs]
        left = sorted(place for places in free.values() for place in places)
        self._places = _filled(known, left, own, other)

    def transform(self, raw: pd.DataFrame | Array) -> Array:
        """Convert raw rows to float32 input."""
        return self.placed(self._own.transform(raw))

    def placed(self, x: Array) -> Array:
        """Return the preprocessing's own output in these places."""
        aligned = np.zeros((len(x), self._width), x.dtype)
        aligned[:, self._places] = x
        return aligned


def _filled(
    known: Sequence[int | None],
    left: list[int],
    own: ColumnPreprocessing,
    other: ColumnPreprocessing,
) -> list[int]:
    """Give inputs without a place those that are left: of the same column as far as there are.

    An input of a model that has several sees the values of its own columns only.
    """
    if None not in known:
        return [place for place in known if place is not None]
    mine, others = own.sources, other.sources
    places = list(known)
    for number, place in enumerate(places):
        same = [each for each in left if others[each] == mine[number]]
        if place is None and same:
            places[number] = same[0]
            left.remove(same[0])
    return [left.pop(0) if place is None else place for place in places]


def write_parts(
    directory: Path,
    X: pd.DataFrame | Array,
    parts: Mapping[str, Array],
    preprocessing: Transform,
    fitted: tuple[Array, Array | None],
) -> Array:
    """Write the inputs of parts as `x_train.npy` and so on.

    Args:
        directory: the directory.
        X: the features of all rows.
        parts: the numbers of the rows of each part, "train" among them.
        preprocessing: makes inputs of features.
        fitted: the training rows that it was fitted to, counted within them; and, if it looks at
            the target, their inputs, in which none has seen its own.

    Returns:
        The training rows' inputs, mapped from the file.
    """
    for part, rows in parts.items():
        _write(directory / f"x_{part}.npy", X, rows, preprocessing)
    x = np.load(directory / "x_train.npy", mmap_mode="r+")
    if fitted[1] is not None:
        x[fitted[0]] = fitted[1]
        x.flush()
    trained: Array = x
    return trained


def _write(path: Path, X: pd.DataFrame | Array, rows: Array, preprocessing: Transform) -> None:
    if not len(rows):  # scikit-learn transforms no empty arrays
        _write(path, X, np.arange(1), preprocessing)
        np.save(path, np.load(path)[:0])
        return
    if isinstance(preprocessing, TextPreprocessing):  # only together do they tell the longest
        np.save(path, preprocessing.transform(_chosen(X, rows)))
        return
    written: Array | None = None
    step = CHUNK
    if isinstance(X, pd.DataFrame):
        step = max(_FEWEST, min(_STEP, _CELLS // X.shape[1]))
    starts = range(0, len(rows), step)
    for start in counted(starts, f"preparing the {path.stem.removeprefix('x_')} rows: part"):
        chosen = rows[start : start + step]
        x = preprocessing.transform(_chosen(X, chosen))
        if written is None:
            shape = (len(rows), *x.shape[1:])
            written = np.lib.format.open_memmap(path, "w+", dtype=np.float32, shape=shape)
        written[start : start + step] = x


def _chosen(X: pd.DataFrame | Array, rows: Array) -> pd.DataFrame | Array:
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


def figures(x: Array, rows: Array, preprocessing: Fitted) -> dict[str, Any]:
    """Return mean and variance of the inputs of some rows, as `meta` has them; text has none."""
    if isinstance(preprocessing, TextPreprocessing):
        return {}
    if isinstance(preprocessing, ColumnPreprocessing):
        mean, variance = moments(x, rows, x.shape[1])
        return {"mean": mean.tolist(), "variance": variance.tolist()}
    mean, variance = moments(x, rows, preprocessing.channels)
    if preprocessing.channels == 1:
        return {"mean": float(mean[0]), "variance": float(variance[0])}
    return {"mean": mean.tolist(), "variance": variance.tolist()}


def inputs_of(table: Table, preprocessing: Fitted) -> Inputs:
    """Return the places in a row of the values of each input of the model.

    Raises:
        DataError: if a transformer of the user's hides of which column a value is made.
    """
    if not table.groups or isinstance(preprocessing, ArrayPreprocessing):
        return {}
    return places_of(table.groups, preprocessing.sources)
