"""Draw up how often the values of a column occur."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.core.wording import number_text, one_line
from searchlab.data.understood import Chart

LONGEST = 24
"""The number of characters of a value shown as an example."""

_INTERVALS = 16
_VALUES = 8
_TAILS = (0.5, 99.5)  # percentiles; a few values far away would squash all others


def chart(values: Array) -> Chart | None:
    """Return how often values occur: a histogram of many numbers, else the most frequent values.

    Args:
        values: numbers or text, without the missing ones (n,).
    """
    if not len(values):
        return None
    if values.dtype.kind in "iuf" and len(pd.unique(values[:1000])) > _VALUES:
        return _histogram(values.astype(np.float64))
    counts = pd.Series(values).value_counts()
    if counts.iloc[0] == 1 and len(counts) > _VALUES:
        return None  # all different
    shown = counts.iloc[:_VALUES]
    if values.dtype.kind in "biuf":
        shown = shown.sort_index()
    others = len(values) - int(shown.sum())
    return Chart(tuple(map(shown_text, shown.index)), tuple(map(int, shown)), others)


def shown_text(value: Any) -> str:
    """Return a value as an example: one line of bounded length."""
    if isinstance(value, float | np.floating):
        return number_text(float(value))
    line = one_line(str(value))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _histogram(values: Array) -> Chart:
    low, high = np.percentile(values, _TAILS)
    if low == high:
        low, high = values.min(), values.max()
    counts, _ = np.histogram(np.clip(values, low, high), _INTERVALS, (low, high))
    ends = (number_text(float(low)), number_text(float(high)))
    return Chart(ends, tuple(map(int, counts)), histogram=True)
