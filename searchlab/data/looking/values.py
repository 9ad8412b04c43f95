"""Findings about the values of single columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.core.wording import one_line
from searchlab.data.columns.encoders import MOST
from searchlab.data.findings import Finding
from searchlab.data.looking.view import View, listed, share_text

_FEW = 20  # rows; fewer may all be different by chance
_DENSE = 2  # numbers that all differ, and are at most so many times as many as the rows
_NAMES = re.compile(
    r"(^|[\W_])(id|idx|index|key|uuid|guid|nr|no|number|row)$|[a-z](Id|ID|Key|No|Nr)$|^Unnamed",
)
_CALLED_ID = re.compile(_NAMES.pattern, re.IGNORECASE)
_CALLED_TIME = re.compile(r"date|time|stamp|epoch|when|(^|[\W_])(ts|dt)$", re.IGNORECASE)
_CALLED_YEAR = re.compile(r"(^|[\W_])(year|yr|fy|season|jahr)s?([\W_]|$)|[a-z]Year$", re.IGNORECASE)
_OF_THINGS = re.compile(
    r"birth|born|built|build|construct|found|garage|made|make|manufact|model|open|remod|renov",
    re.IGNORECASE,
)
_A_TIME = re.compile(r"\d{1,4}[-/.:]\d{1,2}([-/.:T ].*)?")
_YEARS = (1900, 2100)
_SECONDS = (5e8, 2.2e9)  # since 1970: the years 1985 to 2039
_DATES = 5  # different ones, at least
_MOSTLY = 0.5  # of the values of a column are numbers
_VARIED = 10  # different numbers, so that they are no codes
_MARKS = tuple(sign * int("9" * digits) for digits in range(2, 7) for sign in (-1, 1))
_APART = 2  # times the range of all other numbers from the nearest one


def constants(view: View) -> Iterator[Finding]:
    """Find columns with one value in all rows."""
    found = [name for name, column in view.columns if _constant(column)]
    if found:
        yield Finding(
            "constant",
            tuple(found),
            f"{listed(found)}: the same value in all rows, which tells the model nothing: "
            f"add {_them(found)} to data.drop",
        )


def ids(view: View) -> Iterator[Finding]:
    """Find features that name rows: different in each, and in a row or in no order."""
    for name, column in view.whole:
        if not distinct(column) or dated(name, column) or yearly(name, column):
            continue
        if _counted(name, column):
            yield _id(name, column)
    for name, column in view.words:
        if (
            distinct(column)
            and not _A_TIME.fullmatch(str(column.iloc[0]))
            and column.dropna().map(_words).median() <= 1
        ):
            yield _id(name, column)


def dates(view: View) -> Iterator[Finding]:
    """Find dates that are used as numbers, such as 20240131."""
    for name, column in view.whole:
        form = dated(name, column)
        if form:
            example = int(column.dropna().iloc[0])
            yield Finding(
                "date-as-number",
                (name,),
                f"column {name!r} holds {form} such as {example}, but is used as a number, in "
                f"which the step from one month to the next is no step in time: name its kind, as "
                f"data.kinds: {{{name}: date}}, or add it to data.drop",
            )


def mixed(view: View) -> Iterator[Finding]:
    """Find columns of numbers with words in them, which makes them categories."""
    for name, column in view.words:
        counts = column.value_counts()
        numbers = pd.to_numeric(counts.index.to_series(), errors="coerce").notna().to_numpy()
        share = counts[numbers].sum() / max(1, counts.sum())
        if not _MOSTLY <= share < 1 or numbers.sum() < _VARIED:
            continue
        words = counts[~numbers].index[:3]
        said = ", ".join(repr(one_line(str(word)))[:20] for word in words)
        yield Finding(
            "words-among-numbers",
            (name,),
            f"column {name!r} is {share_text(share)} numbers, but words such as {said} make it "
            f"text: list them in data.missing if they mean that a value is missing, else correct "
            f"them",
        )


def marks(view: View) -> Iterator[Finding]:
    """Find numbers such as -999 that stand for missing ones: often there, and far from all."""
    for name, column in view.numbers.select_dtypes("number").items():
        mark = _mark(column.dropna().to_numpy())
        if mark is not None:
            yield Finding(
                "missing-as-number",
                (str(name),),
                f"column {name!r} is {mark} in {share_text(float((column == mark).mean()))} of the "
                f"rows, far from all its other values: if that means that a value is missing, say "
                f"data.missing: [{mark}]",
            )


def _mark(values: Array) -> int | None:
    """Return the number that stands for missing ones, or None."""
    ends = {values.min(), values.max()} if len(values) else set()
    for mark in ends.intersection(_MARKS):
        others = values[values != mark]
        if len(others) > len(values) - 2 or len(np.unique(others)) < _VARIED:
            continue
        low, high = float(others.min()), float(others.max())
        if max(low - mark, mark - high) > _APART * (high - low):
            return int(mark)
    return None


def cut_categories(view: View) -> Iterator[Finding]:
    """Find columns with more categories than get an input of their own."""
    if not isinstance(view.table.X, pd.DataFrame) or view.spec.categories != "one_hot":
        return
    for name, kind in view.table.kinds.items():
        if kind != "category":
            continue
        counts = view.table.X[name].iloc[view.parts["train"]].value_counts()
        if len(counts) <= MOST:
            continue
        rest = counts.iloc[MOST - 1 :]
        yield Finding(
            "categories-cut",
            (name,),
            f"column {name!r} has {len(counts):,} categories, of which {len(rest):,} "
            f"({share_text(rest.sum() / counts.sum())} of the rows) share one input: merge rare "
            f"ones, use another data.categories, or add it to data.drop",
        )


# ---- single columns


def _constant(column: pd.Series[Any]) -> bool:
    """Return whether a column has one value; missing text is a value of its own."""
    start = column.iloc[:_FEW]
    text = column.dtype == object
    return start.nunique(dropna=not text) <= 1 and column.nunique(dropna=not text) <= 1


def distinct(column: pd.Series[Any]) -> bool:
    """Return whether all values differ, in enough rows to mean something."""
    start = column.iloc[:_FEW]
    if len(column) < _FEW or start.nunique() < len(start) - start.isna().sum():
        return False
    values = column.dropna()
    return 2 * len(values) >= len(column) and values.is_unique


def dated(name: str, column: pd.Series[Any]) -> str:
    """Return the form of date that whole numbers have, in words; "" if they have none."""
    values = column.dropna().to_numpy()
    if not len(values) or values.min() < _YEARS[0] * 100:
        return ""
    unique = np.unique(values[:10_000].astype(np.int64))
    if len(unique) < _DATES:
        return ""
    return next((said for said, fits in _FORMS.items() if fits(name, unique)), "")


def yearly(name: str, column: pd.Series[Any]) -> bool:
    """Return whether whole numbers are the years of rows, and not of what the rows are about."""
    values = column.dropna().to_numpy()
    called = _CALLED_YEAR.search(name) and not _OF_THINGS.search(name)
    return bool(called and len(values) and _within(np.array([values.min(), values.max()])))


def rising(column: pd.Series[Any]) -> bool:
    """Return whether values never fall, or never rise, from row to row, and none is missing."""
    return not column.isna().any() and bool(
        column.is_monotonic_increasing or column.is_monotonic_decreasing
    )


def called_id(name: str) -> bool:
    """Return whether a column is named as ids are."""
    return bool(_NAMES.search(name) or _CALLED_ID.search(name))


def _days(_: str, values: Array) -> bool:
    years, days = values // 10_000, values % 10_000
    return _within(years) and _calendar(days // 100, days % 100)


def _months(_: str, values: Array) -> bool:
    return _within(values // 100) and _calendar(values % 100, np.ones_like(values))


def _seconds(name: str, values: Array) -> bool:
    return bool(
        _CALLED_TIME.search(name) and values[0] >= _SECONDS[0] and values[-1] <= _SECONDS[1]
    )


def _milliseconds(name: str, values: Array) -> bool:
    return _seconds(name, values // 1000)


_FORMS: dict[str, Callable[[str, Array], bool]] = {
    "dates": _days,
    "months": _months,
    "seconds since 1970": _seconds,
    "milliseconds since 1970": _milliseconds,
}


def _within(years: Array) -> bool:
    return bool(years[0] >= _YEARS[0] and years[-1] <= _YEARS[1])


def _calendar(months: Array, days: Array) -> bool:
    return bool(((months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)).all())  # noqa: PLR2004


def _counted(name: str, column: pd.Series[Any]) -> bool:
    values = column.dropna()
    dense = values.max() - values.min() < _DENSE * len(values)
    return called_id(name) or rising(column) or bool(dense)


def _id(name: str, column: pd.Series[Any]) -> Finding:
    first = column.dropna().iloc[:2].tolist()
    shown = ", ".join(str(int(v) if isinstance(v, float) else v)[:20] for v in first)
    return Finding(
        "id-as-feature",
        (name,),
        f"column {name!r} is different in every row ({shown}, ...), so it names rows and cannot "
        f"help with new ones: name it as data.id, or add it to data.drop",
    )


def _words(text: str) -> int:
    return len(text.split())


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"
