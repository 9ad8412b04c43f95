"""Values that a study says are missing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from searchlab.data.reading.cells import EXACT


def unmarked(column: pd.Series[Any], marks: Collection[str | int | float]) -> pd.Series[Any]:
    """Return a column without the values that a study says are missing."""
    if not marks or pd.api.types.is_bool_dtype(column):
        return column
    missing = column.isin(list(marks))
    if not missing.any():
        return column
    return _exact(column).mask(missing)


def _exact(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return whole numbers as Int64 if as floats, beside missing ones, they would lose digits."""
    whole = pd.api.types.is_integer_dtype(column) and len(column) > 0
    return column.astype("Int64") if whole and int(column.abs().max()) > EXACT else column
