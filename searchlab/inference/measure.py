"""Evaluation metrics on rows whose target is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.data.reading.raw import did_you_mean
from searchlab.data.schema import RowSchema
from searchlab.errors import DataError


def encode(target: pd.Series[Any], schema: RowSchema) -> Array:
    """Encode a target for the model: float32 quantities or int64 class numbers, (n,).

    Args:
        target: the values (n,), indexed by row number.
        schema: the schema that describes the target.

    Raises:
        DataError: if a value is missing, not a number, or a label unknown to the model.
    """
    missing = np.flatnonzero(target.isna())
    if len(missing):
        raise _wrong(target, int(missing[0]), "is missing: fill it in, or leave the row out")
    if not schema.labels:
        values = pd.to_numeric(target, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        strange = np.flatnonzero(~np.isfinite(values))
        if len(strange):
            raise _wrong(target, int(strange[0]), "is not a finite number: correct it")
        return values.astype(np.float32)
    numbers = {_key(label): number for number, label in enumerate(schema.labels)}
    found = target.map(_key).map(numbers)
    unknown = np.flatnonzero(found.isna())
    if len(unknown):
        position = int(unknown[0])
        raise _wrong(target, position, _unknown(str(target.iloc[position]), schema))
    return found.to_numpy(np.int64)


def _unknown(label: str, schema: RowSchema) -> str:
    known = [str(each) for each in schema.labels]
    more = ", ..." if len(known) > 10 else ""  # noqa: PLR2004
    listed = f"; it knows {', '.join(known[:10])}{more}"
    return f"is a class that the model does not know{did_you_mean(label, known) or listed}"


def row_weights(weights: pd.Series[Any]) -> Array:
    """Convert row weights to float32 (n,).

    Raises:
        DataError: if a weight is not a finite number of at least 0.
    """
    values = pd.to_numeric(weights, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~((values >= 0) & np.isfinite(values)))
    if len(wrong):
        row = weights.index[int(wrong[0])]
        raise DataError(
            f"row {row}: the weight {weights.name!r} must be finite and 0 or more: correct it"
        )
    return values.astype(np.float32)


def scores(y: Array, predicted: Array, w: Array | None, *, classes: bool) -> dict[str, float]:
    """Compute the metrics that Keras does not provide.

    Args:
        y: the target (n,), quantities or class numbers.
        predicted: the model's predictions for the same rows (n,).
        w: the rows' weights (n,), or None.
        classes: whether both are class numbers.

    Returns:
        `rmse` and, given two or more rows, `r2` for quantities; `balanced_accuracy` for classes.
    """
    weights = np.ones(len(y)) if w is None else w.astype(np.float64)
    if not weights.any():
        return {}
    if classes:
        return {"balanced_accuracy": _balanced(y, predicted, weights)}
    from sklearn import metrics

    mse = metrics.mean_squared_error(y, predicted, sample_weight=weights)
    found = {"rmse": math.sqrt(mse)}
    if len(y) > 1:
        found["r2"] = float(metrics.r2_score(y, predicted, sample_weight=weights))
    return found


def _balanced(y: Array, predicted: Array, weights: Array) -> float:
    """Return the mean over classes of the weighted share of each class that is found."""
    chosen = [y == number for number in np.unique(y)]
    counted = [rows for rows in chosen if weights[rows].any()]
    return float(
        np.mean([np.average(predicted[rows] == y[rows], weights=weights[rows]) for rows in counted])
    )


def _key(label: Any) -> Any:
    """Return a key by which numbers compare as numbers, whatever their type, and text as text."""
    if isinstance(label, np.generic):
        label = label.item()
    return label if isinstance(label, bool | int | float) else str(label)


def _wrong(target: pd.Series[Any], position: int, what: str) -> DataError:
    value, row = target.iloc[position], target.index[position]
    shown = "" if pd.isna(value) else f" is {str(value)!r}, which"
    return DataError(f"row {row}: the target {target.name!r}{shown} {what}")
