"""Measuring a model on rows whose target is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from searchlab.errors import DataError
from searchlab.training.files import did_you_mean
from searchlab.training.rows import RowSchema

Array = np.ndarray[Any, Any]


def encode(target: pd.Series[Any], schema: RowSchema) -> Array:
    """The target as the model learned it: float32 quantities, or int64 class numbers (n,).

    Args:
        target: the values (n,), with the numbers of their rows as index.
        schema: what the target is.

    Raises:
        DataError: if a value is missing, no number, or a label that the model does not know.
    """
    missing = np.flatnonzero(target.isna())
    if len(missing):
        raise _wrong(target, int(missing[0]), "is missing: fill it in, or leave the row out")
    if not schema.labels:
        values = pd.to_numeric(target, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        strange = np.flatnonzero(~np.isfinite(values))
        if len(strange):
            raise _wrong(target, int(strange[0]), "is no finite number: correct it")
        return values.astype(np.float32)
    numbers = {_key(label): number for number, label in enumerate(schema.labels)}
    found = target.map(_key).map(numbers)
    unknown = np.flatnonzero(found.isna())
    if len(unknown):
        known = [str(label) for label in schema.labels]
        near = did_you_mean(str(target.iloc[int(unknown[0])]), known)
        listed = f"; it knows {', '.join(known[:10])}{', ...' if len(known) > 10 else ''}"  # noqa: PLR2004
        raise _wrong(target, int(unknown[0]), f"is a class that the model does not know{near or listed}")
    return found.to_numpy(np.int64)


def scores(y: Array, predicted: Array, *, classes: bool) -> dict[str, float]:
    """What Keras' own metrics do not say.

    Args:
        y: the target (n,), quantities or class numbers.
        predicted: what the model says of the same rows (n,).
        classes: which of both they are.

    Returns:
        `rmse` and `r2` (of two rows or more) of quantities, `balanced_accuracy` of classes.
    """
    if classes:
        recalls = [float(np.mean(predicted[y == number] == number)) for number in np.unique(y)]
        return {"balanced_accuracy": float(np.mean(recalls))}
    from sklearn import metrics

    found = {"rmse": float(metrics.root_mean_squared_error(y, predicted))}
    if len(y) > 1:
        found["r2"] = float(metrics.r2_score(y, predicted))
    return found


def _key(label: Any) -> Any:
    """Numbers are compared as numbers, whatever their type; text as text."""
    if isinstance(label, str):
        return label
    return float(label) if isinstance(label, bool | int | float | np.number | np.bool_) else str(label)


def _wrong(target: pd.Series[Any], position: int, what: str) -> DataError:
    row = target.index[position]
    return DataError(f"row {row}: the target {target.name!r} is {target.iloc[position]!r}, which {what}")
