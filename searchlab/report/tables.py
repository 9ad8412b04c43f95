"""Tables of trials and of studies for a terminal, wide or narrow.

Texts that come from elsewhere (params, errors, paths) go into `Text` objects, never into rich's
markup, so a `[red]` in an error message stays what it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from searchlab.core.wording import clock_text, number_text, params_text, scalar_text
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.report.json import value_of
from searchlab.report.phrases import STATE_STYLES, data_text


def show_table(record: StudyRecord) -> RenderableType:
    """All trials by number, the best one marked; a column for each param if there is room."""
    wide, narrow = _trial_table(record), _trial_table(record)
    names = list(record.spec.space)
    for name in names:
        wide.add_column(name, justify="right", no_wrap=True)
    narrow.add_column("params", ratio=1, overflow="fold")
    for table in (wide, narrow):
        table.add_column("epochs", justify="right", no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
    for number in sorted(record.trials):
        trial = record.trials[number]
        params = trial.trial.suggestion.params
        head = _head_cells(record, trial)
        seconds = "-" if trial.outcome is None else clock_text(trial.outcome.seconds)
        tail = [str(trial.epochs), seconds]
        cells = [scalar_text(params[name]) if name in params else "" for name in names]
        style = "bold" if number == record.best else ""
        wide.add_row(*head, *map(Text, cells), *tail, style=style)
        narrow.add_row(*head, Text(params_text(params)), *tail, style=style)
    return FirstThatFits(wide, narrow)


def list_table(studies: Sequence[tuple[StudyRecord, str]]) -> RenderableType:
    """All studies in the order given: one a line, or two lines each where there is no room.

    Args:
        studies: each with the address of the cluster that it is on, or "".
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
        spec, best = record.spec, record.best_trial
        backend, data = spec.search.backend, data_text(spec)
        cells = (
            Text(record.state, STATE_STYLES[record.state]),
            Text(_progress(record)),
            Text("-" if best is None else f"{spec.objective.metric} {number_text(value_of(best))}"),
            Text(clock_text(record.seconds)),
        )
        where = f"{backend} on {data}{f' at {cluster}' if cluster else ''}"
        narrow.add_row(Text.assemble(spec.name, "\n", (where, "dim")), *cells)
        last = [Text(cluster)] if away else []
        wide.add_row(Text(spec.name), Text(backend), Text(data), *cells, *last)
    return FirstThatFits(wide, narrow)


def plain_table(*columns: str) -> Table:
    """A table without edges, with these columns."""
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


def _head_cells(record: StudyRecord, trial: TrialRecord) -> list[Text]:
    number, state = trial.trial.number, str(trial.state)
    best = number == record.best
    return [
        Text(f"* {number}" if best else str(number)),
        Text(state, STATE_STYLES[state]),
        Text(number_text(value_of(trial))),
    ]


class FirstThatFits:
    """Renders the first of two tables if it fits the width, else the second.

    Printed with `soft_wrap=True`, as for a pipe, any width fits: one line stays one line.
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


def _progress(record: StudyRecord) -> str:
    """How many trials ended, of how many if that is known."""
    ended = record.ended
    total = record.spec.search.trials if record.budget is None else record.budget.trials
    return str(ended) if total is None else f"{ended}/{total}"
