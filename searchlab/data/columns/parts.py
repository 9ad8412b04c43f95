"""The parts of a date that a model sees as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.data.columns import dates

LINEAR = ("year", "elapsed days")
"""The parts that grow with time, which are scaled as numbers are."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""The parts that are 1 on one day of the week, and else 0."""

_DAY = pd.Timedelta(days=1)


def _fraction(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return the time of day as a fraction of the day."""
    fraction: pd.Series[Any] = (times - times.dt.normalize()) / _DAY
    return fraction


# Each of these comes round again; its value is the fraction of the way.
_CYCLES: Mapping[str, Callable[[pd.Series[Any]], pd.Series[Any]]] = {
    "month": lambda times: (times.dt.month - 1) / 12,
    "day of year": lambda times: (times.dt.dayofyear - 1) / (365 + times.dt.is_leap_year),
    "weekday": lambda times: times.dt.dayofweek / 7,
    "hour": _fraction,
}


def possible_parts(form: str) -> tuple[str, ...]:
    """Return the parts that dates of a form have."""
    hour = ("hour (sine)", "hour (cosine)")
    if dates.is_clock(form):
        return hour
    month = ("year", "month (sine)", "month (cosine)", "elapsed days")
    if not dates.has_day(form):
        return month
    days = [f"{name} ({way})" for name in ("day of year", "weekday") for way in ("sine", "cosine")]
    return (*month, *days, *WEEKDAYS, *hour)


def part_name(column: str, part: str) -> str:
    """Return the name of the number that a part becomes."""
    return f"{column}: {part}"


def expand(
    column: pd.Series[Any], name: str, parts: Sequence[str], origin: pd.Timestamp
) -> dict[str, Array]:
    """Compute parts of dates.

    Args:
        column: times, datetime64 (n,), NaT where missing.
        name: the column's name.
        parts: some of `possible_parts`.
        origin: the time from which days are counted.

    Returns:
        float64 (n,) by the name of each, NaN where missing.
    """
    return {part_name(name, part): _part(column, part, origin) for part in parts}


def _part(times: pd.Series[Any], part: str, origin: pd.Timestamp) -> Array:
    if part == "year":
        values = times.dt.year
    elif part == "elapsed days":
        values = (times - origin) / _DAY
    elif part in WEEKDAYS:
        values = (times.dt.dayofweek == WEEKDAYS.index(part)).where(times.notna())
    else:
        cycle, _, way = part.rpartition(" ")
        angle = 2 * np.pi * _CYCLES[cycle](times)
        values = np.sin(angle) if way == "(sine)" else np.cos(angle)
    found: Array = values.to_numpy(np.float64, na_value=np.nan)
    return found
