"""The table, in the terminal and on a page of the docs."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .studies import today

BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"
_HEADINGS = ("what", "searchlab", "compared with", "result")


@dataclass(frozen=True)
class Row:
    """A row of the table; all attributes are text.

    Attributes:
        what: the measured quantity.
        ours: searchlab's value.
        other: the value to compare with.
        result: the ratio.
    """

    what: str
    ours: str
    other: str
    result: str

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The row in the order of the headings."""
        return self.what, self.ours, self.other, self.result


def show(rows: Sequence[Row], remark: str) -> None:
    """Print the table to the terminal."""
    table = Table(*_HEADINGS, show_lines=True)
    for row in rows:
        table.add_row(*row.cells)
    console = Console()
    console.print(table)
    console.print(remark, highlight=False)


def markdown(rows: Sequence[Row], remark: str) -> str:
    """Format the table for docs/speed.md."""
    lines = [" | ".join(_HEADINGS), "---|---|---|---:", *(" | ".join(row.cells) for row in rows)]
    return "\n".join([*(f"| {line} |" for line in lines), "", remark])


def with_table(text: str, table: str) -> str:
    """Return a text with the table between its markers, replacing their content.

    Raises:
        ValueError: if the markers are missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no {BEGIN} and {END}: put them where the table belongs")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def remark(executor: str, repeat: int) -> str:
    """Describe the conditions under which the table was measured."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("keras", "tensorflow"))
    repeats = f"; searchlab's times are medians of {repeat} runs" if repeat > 1 else ""
    return f"{measured()} with the {executor} executor, {libraries}{repeats}."


def measured() -> str:
    """Describe the date and the machine."""
    return f"Measured on {today()} on {os.cpu_count()} cores of {_processor()}"


def _processor() -> str:
    """Return the processor's name as far as the system reveals it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def seconds(value: float) -> str:
    """Format a duration, with tenths of a second where they matter."""
    return f"{value:,.0f} s" if value >= 100 else f"{value:.1f} s"


def rate(value: float) -> str:
    """Format model-epochs per second."""
    return f"{value:,.0f}/s" if value >= 100 else f"{value:.2f}/s"


def score(value: float) -> str:
    """Format an objective."""
    return f"{value:.4f}"


def percent(value: float) -> str:
    """Format a fraction."""
    return f"{100 * value:.0f} %"


def megabytes(value: int) -> str:
    """Format a size in bytes."""
    return f"{value / 1e6:,.0f} MB"
