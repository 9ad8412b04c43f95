"""The data set on a study's page: its columns as rows of text, with small pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from searchlab.core.wording import one_line
from searchlab.data.understood import Chart, Column, Profile
from searchlab.report.understood import kind_text, missing_text

_MOST = 400  # columns on a page
_SHARES = 3  # values named below a picture


@dataclass(frozen=True)
class Bar:
    """A bar of a small picture: its height as a percentage, and its tooltip."""

    height: float
    title: str


@dataclass(frozen=True)
class Row:
    """A column of the data set, formatted for people.

    Attributes:
        name: its name.
        role: its use if it is no feature, else "".
        kind: the kind of its values, and what it was told by.
        treatment: what is done with it.
        missing: the share of rows without a value, or "".
        bars: how often its values occur.
        below: the ends of a histogram, or the most frequent values with their shares.
        odd: whether a finding is about it.
    """

    name: str
    role: str
    kind: str
    treatment: str
    missing: str
    bars: tuple[Bar, ...]
    below: str
    odd: bool


def columns(profile: Profile | None) -> list[Row]:
    """Return the columns that a page has room for: the odd ones, and the first of the others."""
    if profile is None:
        return []
    odd = {name for finding in profile.findings for name in finding.columns}
    shown = list(profile.columns)
    if len(shown) > _MOST:
        shown.sort(key=lambda column: column.role == "feature" and column.name not in odd)
    return [_row(column, profile.rows, column.name in odd) for column in shown[:_MOST]]


def hidden(profile: Profile | None) -> int:
    """Return how many columns a page has no room for."""
    return 0 if profile is None else max(0, len(profile.columns) - _MOST)


def _row(column: Column, rows: int, odd: bool) -> Row:
    return Row(
        name=one_line(column.name),
        role="" if column.role == "feature" else column.role,
        kind=kind_text(column),
        treatment=column.treatment,
        missing=missing_text(column, rows),
        bars=() if column.chart is None else tuple(_bars(column.chart)),
        below=", ".join(column.examples) if column.chart is None else _below(column.chart),
        odd=odd,
    )


def _bars(chart: Chart) -> Iterator[Bar]:
    highest = max(chart.counts)
    for place, count in enumerate(chart.counts):
        where = f"interval {place + 1}" if chart.histogram else chart.labels[place]
        yield Bar(100 * count / max(1, highest), f"{where}: {count:,} rows")


def _below(chart: Chart) -> str:
    if chart.histogram:
        return " … ".join(chart.labels)
    total = sum(chart.counts) + chart.others
    by_size = sorted(zip(chart.counts, chart.labels, strict=True), key=lambda pair: -pair[0])
    shares = [(label, 100 * count / total) for count, label in by_size[:_SHARES]]
    named = [f"{label}: {share:.0f} %" for label, share in shares if share >= 1]
    return ", ".join([*named, *(["…"] if len(by_size) > len(named) or chart.others else [])])
