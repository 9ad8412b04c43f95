"""Findings about what an author wrote for people: numbers with units, dates in words, and sums."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.core.wording import number_text, one_line
from searchlab.data.findings import Finding
from searchlab.data.looking.view import View

_VARIED = 10  # different cells, at least, so that they are no categories
_UNITS = 3  # different words after the numbers, at most
_NUMBER = r"[+-]?\d+(?:[.,]\d+)*"
_PLAIN = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_FORMS = {
    "a unit": rf"{_NUMBER} ?(?P<unit>[^\W\d_]{{1,8}}[²³23]?|[^\W\d_]{{0,4}}/[^\W\d_]{{1,4}}|°\w?)",
    "a minus behind": r"\d+(?:[.,]\d+)?-?",
    "a clock's colons": r"\d{1,4}:[0-5]\d(?::[0-5]\d(?:\.\d+)?)?",
    "groups of two digits": r"[+-]?\d{1,2}(?:,\d{2})*,\d{3}(?:\.\d+)?|\d{1,3}(?:\.\d+)?",
}
_YEAR, _MONTH = r"(?:19|20)\d\d", r"(?P<word>[^\W\d_]{3,10})\.?"
_PERIOD = r"(?:Q|QTR|W|WK|KW|H|S|T)[ -]?\d{1,2}"
_DATES = (
    rf"{_YEAR}[ /-]?{_PERIOD}",
    rf"{_PERIOD}[ /-]*{_YEAR}",
    rf"\d{{1,2}}[. /-]{{1,2}}{_MONTH}[ /-]{_YEAR}",
    rf"{_MONTH} \d{{1,2}},? {_YEAR}",
)
_MONTHS = 12
_FEWEST = 10  # rows; in fewer one may be the sum of the others by chance
_CLOSE = 1e-6  # of a sum, by rounding


def units(view: View) -> Iterator[Finding]:
    """Find columns of which each cell is a number, but written so that it is text."""
    for name, column in view.words:
        if name in view.spec.kinds:
            continue
        cells = [str(cell).strip() for cell in column.iloc[view.sample].dropna().unique()]
        form = _form(cells) if len(cells) >= _VARIED else None
        if form is not None:
            example = next(cell for cell in cells if not _PLAIN.fullmatch(cell))
            yield Finding(
                "numbers-in-text",
                (name,),
                f"column {name!r} is text, although each cell has a number, with {form}, such as "
                f"{one_line(example)[:20]!r}: write plain numbers to learn from their size, or say "
                f"kinds: {{{name}: category}} if they are names",
            )


def _form(cells: list[str]) -> str | None:
    """Return how numbers are written that no reader takes for numbers, or None."""
    if all(map(_PLAIN.fullmatch, cells)):
        return None  # such as codes with leading zeros
    for form, pattern in _FORMS.items():
        found = [re.fullmatch(pattern, cell) for cell in cells]
        marks = {each.groupdict().get("unit") for each in found if each is not None}
        if all(found) and len(marks) <= _UNITS:
            return form
    return None


def dates(view: View) -> Iterator[Finding]:
    """Find columns of dates in a form that is not read, such as 2024-Q1 or 3. Juli 2024."""
    for name, column in view.words:
        if name in view.spec.kinds:
            continue
        cells = [str(cell).strip() for cell in column.iloc[view.sample].dropna().unique()]
        if len(cells) >= _VARIED and any(_dated(cells, form) for form in _DATES):
            yield Finding(
                "date-as-text",
                (name,),
                f"column {name!r} holds dates such as {one_line(cells[0])[:20]!r}, in a form that "
                f"searchlab does not read, so that they are text: write them as 2026-01-31 or "
                f"2026-01, or say kinds: {{{name}: category}} if they are names",
            )


def _dated(cells: list[str], form: str) -> bool:
    """Return whether all cells are dates of a form, with no more words than months."""
    found = [re.fullmatch(form, cell, re.IGNORECASE) for cell in cells]
    words = {each.groupdict().get("word") for each in found if each is not None}
    return all(found) and len(words) <= _MONTHS


def sums(view: View) -> Iterator[Finding]:
    """Find a last row with the sums of the rows above it."""
    X = view.table.X
    if not isinstance(X, pd.DataFrame) or len(X) < _FEWEST:
        return
    columns = [(name, column.to_numpy()) for name, column in view.columns if _quantity(column)]
    if not view.classes:
        columns.append((view.table.target, view.y.astype(np.float64)))
    found = [name for name, values in columns if _is_sum(values)]
    if found:
        last = dict(columns)[found[0]][-1]
        yield Finding(
            "sum-row",
            tuple(found),
            f"row {X.index[-1]}, the last one, has the sum of the rows above it in column "
            f"{found[0]!r} ({number_text(float(last))}), so it is no example: remove it",
        )


def _quantity(column: pd.Series[Any]) -> bool:
    return column.dtype.kind in "iuf"


def _is_sum(values: Array) -> bool:
    """Return whether the last number is the sum of the others, and larger than each of them."""
    above, last = values[:-1], float(values[-1])
    total = float(np.nansum(above))
    if not np.isfinite(last) or abs(last - total) > _CLOSE * abs(total):
        return False
    return bool(abs(last) > 2 * np.nanmax(np.abs(above)))
