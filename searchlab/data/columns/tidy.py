"""Conversion of raw columns to the types of a checked data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.core.progress import counted
from searchlab.data.columns import dates
from searchlab.data.columns.kinds import Kind, truth_of
from searchlab.data.reading.raw import did_you_mean
from searchlab.errors import DataError

LARGEST = float(np.finfo(np.float32).max)
"""The largest number that a model can use."""


def tidy(frame: pd.DataFrame, kinds: Mapping[str, Kind], forms: Mapping[str, str]) -> pd.DataFrame:
    """Convert columns to the types of `Table.X`.

    Args:
        frame: at least the columns of `kinds`; others are dropped.
        kinds: the columns wanted, in order.
        forms: how the dates of each column of dates are written.

    Raises:
        DataError: if a column is missing, or a value is not of its column's kind or too large for
            float32.
    """
    there = set(frame)
    for name in kinds:
        if name not in there:
            raise DataError(
                f"column {name!r} is missing{did_you_mean(name, list(map(str, frame)))}: add it"
            )
    if list(frame) == list(kinds) and _are_floats(frame, kinds):
        return frame
    columns: dict[str, Any] = {}
    for name, kind in counted(list(kinds.items()), "converting the columns:"):
        columns[name] = _tidied(frame[name], name, kind, forms.get(name, ""))
    return pd.DataFrame(columns, index=frame.index)


def _are_floats(frame: pd.DataFrame, kinds: Mapping[str, Kind]) -> bool:
    """Return whether a frame has nothing but numbers as they are wanted, which need no copy."""
    if set(kinds.values()) != {"number"} or set(frame.dtypes) != {np.dtype(np.float64)}:
        return False
    values = frame.to_numpy()
    return bool(
        np.nanmax(values, initial=0) <= LARGEST and np.nanmin(values, initial=0) >= -LARGEST
    )


def _tidied(column: pd.Series[Any], name: str, kind: Kind, form: str) -> Any:
    if kind in {"category", "text"}:
        return words(column)
    if kind == "date":
        return dates.read(column.rename(name), form)
    if kind == "boolean" and not pd.api.types.is_numeric_dtype(column):
        column = _truths(column, name)
    try:
        values = floats(column)
    except (TypeError, ValueError) as error:
        raise DataError(f"column {name!r} must hold numbers ({error}): correct it") from None
    wrong = np.flatnonzero(np.abs(values) > LARGEST)
    if len(wrong):
        raise DataError(
            f"row {column.index[wrong[0]]}: column {name!r} is {values[wrong[0]]}, which "
            f"no model can use: correct it, or leave the cell empty"
        )
    if kind == "boolean":
        _check_truths(values, column, name)
    return values


def _truths(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Convert yes and no to 1 and 0."""
    found = column.map(lambda value: truth_of(str(value)), na_action="ignore")
    wrong = np.flatnonzero(found.isna() & column.notna())
    if len(wrong):
        raise _no_truth(column, name, int(wrong[0]))
    return found.astype("float64")


def _check_truths(values: Array, column: pd.Series[Any], name: str) -> None:
    wrong = np.flatnonzero(~(np.isnan(values) | (values == 0) | (values == 1)))
    if len(wrong):
        raise _no_truth(column, name, int(wrong[0]))


def _no_truth(column: pd.Series[Any], name: str, position: int) -> DataError:
    return DataError(
        f"row {column.index[position]}: column {name!r} is {str(column.iloc[position])!r}, which "
        "is neither true nor false: correct it, or leave the cell empty"
    )


def floats(column: pd.Series[Any]) -> Array:
    """Return a column as float64 (n,), NaN where missing.

    Raises:
        TypeError or ValueError: if a value is no number.
    """
    if column.dtype == object:  # Python's numbers and booleans, or None if missing
        column = column.where(column.notna(), np.nan)
    return column.to_numpy(np.float64, na_value=np.nan)


def words(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column as text (n,), None where missing."""
    if isinstance(column.dtype, pd.StringDtype):
        codes, different = pd.factorize(column)  # equal cells share one text in memory
        texts = np.array([*different, None], object)
        return pd.Series(texts[codes], index=column.index, dtype=object)
    cells = zip(column, column.isna(), strict=True)
    found = [None if missing else _word(value) for value, missing in cells]
    return pd.Series(found, index=column.index, dtype=object)


def _word(value: Any) -> str:
    """Return a value as text; whole numbers alike, also where missing ones made them fractions."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
