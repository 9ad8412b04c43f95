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
_STEPS = 20  # whole numbers that get an interval each
_VALUES = 8
_FAR = 2.0  # times the usual range, up to which all values are inside a histogram
_FREQUENT = 0.02  # of the rows have the most frequent value, at least
_TAILS = (0.5, 99.5)  # percentiles; a few values far away would squash all others


def chart(values: Array) -> Chart | None:
    """Return how often values occur: a histogram of many numbers, else the most frequent values.

    Args:
        values: numbers or text, without the missing ones (n,).
    """
    if not len(values):
        return None
    if values.dtype.kind in "iuf" and _many(values):
        return _histogram(values.astype(np.float64))
    counts = pd.Series(values).value_counts()
    if len(counts) > _VALUES and counts.iloc[0] < _FREQUENT * len(values):
        return None  # nearly all different
    shown = counts.iloc[:_VALUES]
    if values.dtype.kind in "biuf":
        shown = shown.sort_index()
    others = len(values) - int(shown.sum())
    return Chart(tuple(map(shown_text, shown.index)), tuple(map(int, shown)), others)


def shown_text(value: Any) -> str:
    """Return a value as an example: one line of bounded length."""
    if isinstance(value, float | np.floating):
        return number_text(float(value))
    if isinstance(value, np.datetime64 | pd.Timestamp):
        return str(pd.Timestamp(value)).removesuffix(" 00:00:00")
    line = one_line(str(value))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _histogram(values: Array) -> Chart:
    low, high = _tails(values)
    least, most = float(values.min()), float(values.max())
    if most - least < _STEPS and (values == np.round(values)).all():
        steps = np.bincount((values - least).astype(np.int64))
        return Chart(
            (number_text(least), number_text(most)), tuple(map(int, steps)), histogram=True
        )
    if most - least <= _FAR * (high - low) or low == high:
        low, high = least, most
    places = ((np.clip(values, low, high) - low) * (_INTERVALS / (high - low))).astype(np.int64)
    counts = np.bincount(np.minimum(places, _INTERVALS - 1), minlength=_INTERVALS)
    ends = (_end(low, least, "from"), _end(high, most, "to"))
    return Chart(ends, tuple(map(int, counts)), histogram=True)


def _many(values: Array) -> bool:
    """Return whether numbers are too many for one bar each, which mostly the first ones tell."""
    return any(len(pd.unique(values[:rows])) > _VALUES for rows in (_VALUES * 2, 1000))


def _tails(values: Array) -> tuple[float, float]:
    """Return the percentiles `_TAILS` as `np.percentile` does, which takes ten times as long."""
    places = [percent / 100 * (len(values) - 1) for percent in _TAILS]
    below = [int(place) for place in places]
    above = [min(place + 1, len(values) - 1) for place in below]
    ordered = np.partition(values, [*below, *above])
    low, high = (
        float(ordered[one] + (ordered[other] - ordered[one]) * (place - one))
        for place, one, other in zip(places, below, above, strict=True)
    )
    return low, high


def _end(shown: float, true: float, word: str) -> str:
    """Return an end of a histogram, and how far the values go beyond it."""
    text = number_text(shown)
    return text if shown == true else f"{text} ({word} {number_text(true)})"
