"""Data sets that a function of the user's returns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.core.progress import doing
from searchlab.data.reading.arrays import from_arrays
from searchlab.data.reading.frames import from_frame
from searchlab.data.reading.missing import unmarked
from searchlab.data.reading.raw import Raw
from searchlab.errors import DataError, ModelError
from searchlab.factories.find import load_factory
from searchlab.study.data import DataSpec

_PAIR, _TRIPLE = 2, 3


def read_function(spec: DataSpec, base: Path) -> Raw:
    """Call the function of a data set.

    Args:
        spec: the function, and the names in what it returns.
        base: the directory of the study file.

    Raises:
        DataError: if it cannot be imported or called, or returns something else than a frame, a
            dict of arrays, (X, y), (X, y, weights), ((x_train, y_train), (x_test, y_test)) or a
            tf.data.Dataset of such pairs.
    """
    source = str(spec.function)
    try:
        function = load_factory(source, base, "data function")
    except ModelError as error:
        raise DataError(str(error)) from None
    doing(f"calling {source}")
    try:
        given = function()
    except (Exception, SystemExit) as error:
        why = " ".join(str(error).split())
        raise DataError(f"{source}: fails with {type(error).__name__}: {why}") from error
    name = source.rpartition(":")[2]
    if hasattr(given, "as_numpy_iterator"):
        given = _collected(given, source)
    if isinstance(given, pd.DataFrame):
        given = given.apply(unmarked, marks=spec.missing) if spec.missing else given
        return from_frame(_named(spec, source), given, name, source)
    if isinstance(given, Mapping):
        arrays = {str(key): np.asarray(each) for key, each in given.items()}
        return from_arrays(_named(spec, source), arrays, name, source)
    if isinstance(given, tuple | list) and len(given) in {_PAIR, _TRIPLE}:
        return _from_tuple(spec, tuple(given), name, source)
    raise DataError(
        f"{source}: returned {type(given).__name__}: return a frame, a dict of arrays, or (X, y)"
    )


def _named(spec: DataSpec, source: str) -> DataSpec:
    if spec.target is None:
        raise DataError(f"{source}: which column is to be predicted? Name it as data.target")
    return spec


def _from_tuple(spec: DataSpec, given: tuple[Any, ...], name: str, source: str) -> Raw:
    """Make a data set of (X, y), (X, y, weights) or Keras' two or three pairs."""
    if all(isinstance(each, tuple | list) and len(each) == _PAIR for each in given):
        ends = ("_train", "_test") if len(given) == _PAIR else ("_train", "_val", "_test")
        arrays = {
            f"{key}{end}": np.asarray(each)
            for end, pair in zip(ends, given, strict=True)
            for key, each in zip("xy", pair, strict=True)
        }
        return from_arrays(spec.model_copy(update={"learned": "y"}), arrays, name, source)
    X, y, *weights = given
    target = spec.target or str(getattr(y, "name", None) or "y")
    if isinstance(X, pd.DataFrame):
        X = X.apply(unmarked, marks=spec.missing) if spec.missing else X
        _check_order(X, y, source)
        update = {"learned": target, "weight": "weight" if weights else None}
        frame = X.assign(
            **{target: np.asarray(y)}, **({"weight": np.asarray(weights[0])} if weights else {})
        )
        return from_frame(spec.model_copy(update=update), frame, name, source)
    arrays = {"X": np.asarray(X), target: np.asarray(y)}
    if weights:
        arrays["weight"] = np.asarray(weights[0])
    update = {"learned": target, "weight": "weight" if weights else None}
    return from_arrays(spec.model_copy(update=update), arrays, name, source)


def _check_order(X: pd.DataFrame, y: Any, source: str) -> None:
    """Refuse a target whose rows are those of the features in another order."""
    index = getattr(y, "index", None)
    if not isinstance(index, pd.Index) or index.equals(X.index) or len(index) != len(X):
        return
    if index.sort_values().equals(X.index.sort_values()):
        raise DataError(
            f"{source}: X and y have the same rows in another order, by their indexes: sort them "
            "alike, or reset both indexes"
        )


def _collected(dataset: Any, source: str) -> tuple[Array, ...]:
    """Return the rows of a tf.data.Dataset of (x, y) or (x, y, weight), batched or not."""
    elements = list(dataset.as_numpy_iterator())
    if not elements or not isinstance(elements[0], tuple):
        raise DataError(f"{source}: a dataset has to give (x, y): map its elements to such pairs")
    batched = np.ndim(elements[0][1]) > 0
    join = np.concatenate if batched else np.stack
    return tuple(
        join([np.asarray(each[place]) for each in elements]) for place in range(len(elements[0]))
    )
