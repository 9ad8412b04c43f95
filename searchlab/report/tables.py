"""Tables of trials and of studies, for a terminal of any width.

Foreign texts (params, errors, paths) go into `Text` objects and never into rich's markup, so that a
`[red]` in an error message stays as written.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from searchlab.core.wording import clock_text, number_text, params_text, scalar_text
from searchlab.journal.record import StudyRecord
from searchlab.report.phrases import STATE_STYLES, search_text
from searchlab.report.results import planned_trials
from searchlab.report.rows import TrialRow, study_row, trial_rows


def show_table(record: StudyRecord) -> RenderableType:
    """Return a table of all trials, the best one marked, with a column per param if they fit."""
    wide, narrow = _trial_table(record), _trial_table(record)
    names = list(record.spec.space)
    for name in names:
        wide.add_column(name, justify="right", no_wrap=True)
    narrow.add_column("params", ratio=1, overflow="fold")
    for table in (wide, narrow):
        table.add_column("epochs", justify="right", no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
    for row in trial_rows(record):
        head, tail = _head_cells(row), [str(row.epochs), clock_text(row.seconds)]
        cells = [scalar_text(row.params[name]) if name in row.params else "" for name in names]
        style = "bold" if row.best else ""
        wide.add_row(*head, *map(Text, cells), *tail, style=style)
        narrow.add_row(*head, Text(params_text(row.params)), *tail, style=style)
    return FirstThatFits(wide, narrow)


def list_table(studies: Sequence[tuple[StudyRecord, str]]) -> RenderableType:
    """Return a table of studies in the order given, on one line each, or two if narrow.

    Args:
        studies: each with the address of its cluster, or "".
    """
    wide, narrow = plain_table("study", "backend", "data"), plain_table("study")
    away = any(cluster for _, cluster in studies)
    for table in (wide, narrow):
        table.add_column("state", no_wrap=True)
        for name in ("trials", "best", "time"):
            table.add_column(name, justify="right", no_wrap=name != "best")
    if away:
        wide.add_column("cluster", overflow="fold")
    for record, cluster in studies:
        row, planned = study_row(record), planned_trials(record)
        cells = (
            Text(row.state, STATE_STYLES[row.state]),
            Text(str(row.trials) if planned is None else f"{row.trials}/{planned}"),
            Text("-" if row.best is None else f"{row.metric} {number_text(row.best)}"),
            Text(clock_text(row.seconds)),
        )
        where = search_text(row.backend, row.data) + (f" at {cluster}" if cluster else "")
        narrow.add_row(Text.assemble(row.name, "\n", (where, "dim")), *cells)
        last = [Text(cluster)] if away else []
        wide.add_row(Text(row.name), Text(row.backend), Text(row.data), *cells, *last)
    return FirstThatFits(wide, narrow)


def plain_table(*columns: str) -> Table:
    """Return a table without edges, with these columns."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _trial_table(record: StudyRecord) -> Table:
    table = plain_table()
    table.add_column("trial", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column(record.spec.objective.metric, justify="right", no_wrap=True)
    return table


def _head_cells(row: TrialRow) -> list[Text]:
    return [
        Text(f"* {row.number}" if row.best else str(row.number)),
        Text(str(row.state), STATE_STYLES[row.state]),
        Text(number_text(row.value)),
    ]


class FirstThatFits:
    """The first of two tables if it fits the width, else the second.

    Printed with `soft_wrap=True`, as for a pipe, every width fits, so that a row stays one line.
    """

    def __init__(self, wide: Table, narrow: Table) -> None:
        self._wide = wide
        self._narrow = narrow

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        needed = console.measure(self._wide, options=options.update(max_width=10_000)).maximum
        if needed <= options.max_width or options.no_wrap:
            yield from console.render(self._wide, options.update(width=needed))
        else:
            yield self._narrow
