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
from searchlab.report.brief import Brief
from searchlab.report.lines import Cells, Lines
from searchlab.report.phrases import STATE_STYLES, search_text
from searchlab.report.rows import TrialRow, trial_rows


def show_table(record: StudyRecord) -> RenderableType:
    """Return a table of all trials, the best one marked, with a column per param if they fit."""
    return _ShowTable(record)


def list_table(studies: Sequence[tuple[Brief, str]]) -> RenderableType:
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
    for brief, cluster in studies:
        row, planned = brief.row, brief.planned
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


class _ShowTable:
    """The trials of a study; only the form that fits the width is laid out."""

    def __init__(self, record: StudyRecord) -> None:
        self._metric = record.spec.objective.metric
        self._names = list(record.spec.search_space.domains)
        self._rows = trial_rows(record)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console
        head, tail = ["trial", "state", self._metric], ["epochs", "time"]
        wide = Lines([*head, *self._names, *tail], [1], [self._row(row) for row in self._rows])
        if wide.width <= options.max_width or options.no_wrap:
            yield wide
            return
        rows = [_cells(row, [params_text(row.params)]) for row in self._rows]
        yield Lines([*head, "params", *tail], [1, 3], rows, fold=3)

    def _row(self, row: TrialRow) -> Cells:
        params = row.params
        return _cells(
            row, [scalar_text(params[name]) if name in params else "" for name in self._names]
        )


def _cells(row: TrialRow, params: Sequence[str]) -> Cells:
    number = f"* {row.number}" if row.best else str(row.number)
    texts = (
        number,
        str(row.state),
        number_text(row.value),
        *params,
        str(row.epochs),
        clock_text(row.seconds),
    )
    return Cells(texts, STATE_STYLES[row.state], bold=row.best)


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
