"""What a study comes to, in words, tables and JSON: for `run`, `show`, `list` and `best`.

Texts that come from elsewhere (params, errors, paths) go into `Text` objects, never into rich's
markup, so a `[red]` in an error message stays what it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from searchlab import reasons
from searchlab.record import StudyRecord, TrialRecord
from searchlab.space import Scalar
from searchlab.wording import (
    STATE_STYLES,
    clock_text,
    data_text,
    duration_text,
    number_text,
    params_text,
    reason_text,
    scalar_text,
)


class Ids(Protocol):
    """Where a study lies in its tracking store."""

    @property
    def uri(self) -> str | None:
        """The tracking URI, without a password."""

    @property
    def experiment_id(self) -> str | None:
        """The experiment."""

    @property
    def run_id(self) -> str | None:
        """The study's own run."""

    @property
    def trials(self) -> Mapping[int, str]:
        """The run of each trial."""


def study_json(record: StudyRecord, ids: Ids | None, directory: Path) -> dict[str, Any]:
    """A study as plain JSON values; what is not known is null, and NaN never appears.

    Args:
        record: the study.
        ids: where it lies in its tracking store, or None if it was never tracked.
        directory: the study's directory, which the path of the model starts from.
    """
    spec, best = record.spec, record.best_trial
    model = _model_path(record, directory)
    return {
        "name": spec.name,
        "backend": spec.search.backend,
        "state": record.state,
        "trials_by_state": record.counts(),
        "best": None
        if best is None
        else {
            "number": best.trial.number,
            "value": _value(best),
            "params": dict(best.trial.suggestion.params),
        },
        "metric": spec.objective.metric,
        "direction": "maximize" if spec.objective.maximized else "minimize",
        "epochs": record.epochs,
        "seconds": record.seconds,
        "memory": None if record.stopped is None else record.stopped.memory,
        "tracking_uri": None if ids is None else ids.uri,
        "experiment_id": None if ids is None else ids.experiment_id,
        "run_id": None if ids is None else ids.run_id,
        "model_path": None if model is None else str(model),
        "test": {name: _finite(value) for name, value in _test(record).items()},
    }


def show_json(record: StudyRecord, ids: Ids | None, directory: Path) -> dict[str, Any]:
    """`study_json` with all trials, by number."""
    runs = {} if ids is None else ids.trials
    trials = [_trial_json(record.trials[number], runs) for number in sorted(record.trials)]
    return {**study_json(record, ids, directory), "trials": trials}


def summary(
    record: StudyRecord, ids: Ids | None, directory: Path, file: Path | None = None
) -> Text:
    """What a study came to and what to do next; one fact a line.

    Print it with `soft_wrap=True`, so that paths stay whole.

    Args:
        record: the study.
        ids: where it lies in its tracking store, or None if it was never tracked.
        directory: the study's directory.
        file: the study file, if known, so that the command to continue can be copied.
    """
    text = Text.assemble(
        "study ", (record.spec.name, "bold"), " ", (record.state, STATE_STYLES[record.state])
    )
    for label, value in _facts(record, ids, directory, file):
        text.append("\n")
        text.append(f"  {label:<9}", "dim")
        text.append(value)
    return text


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
    return _FirstThatFits(wide, narrow)


def list_table(records: Iterable[StudyRecord]) -> RenderableType:
    """All studies in the order given: one a line, or two lines each where there is no room."""
    wide, narrow = _table("study", "backend", "data"), _table("study")
    for table in (wide, narrow):
        table.add_column("state", no_wrap=True)
        for name in ("trials", "best", "time"):
            table.add_column(name, justify="right", no_wrap=name != "best")
    for record in records:
        spec, best = record.spec, record.best_trial
        backend, data = spec.search.backend, data_text(spec)
        cells = (
            Text(record.state, STATE_STYLES[record.state]),
            Text(_progress(record)),
            Text("-" if best is None else f"{spec.objective.metric} {number_text(_value(best))}"),
            Text(clock_text(record.seconds)),
        )
        wide.add_row(Text(spec.name), Text(backend), Text(data), *cells)
        narrow.add_row(Text.assemble(spec.name, "\n", (f"{backend} on {data}", "dim")), *cells)
    return _FirstThatFits(wide, narrow)


def best_text(record: StudyRecord, directory: Path) -> Text:
    """The best trial's params as YAML to paste into `model.params`, with comments above.

    If no trial is COMPLETE there is only a comment that says so.
    """
    best = record.best_trial
    if best is None:
        return Text(
            f"# study {record.spec.name} has no COMPLETE trial: run it further, or see why its "
            f"trials failed with searchlab show {record.spec.name}"
        )
    model = _model_path(record, directory)
    lines = [
        f"# study {record.spec.name}, trial {best.trial.number}",
        f"# {record.spec.objective.metric}: {_value(best)}",
        f"# model: {'not made yet' if model is None else model}",
    ]
    params = best.trial.suggestion.params
    lines += [f"{name}: {_yaml(value)}" for name, value in params.items()]
    return Text("\n".join(lines))


def _facts(
    record: StudyRecord, ids: Ids | None, directory: Path, file: Path | None
) -> Iterator[tuple[str, str | Text]]:
    """Label and value of each line of a summary."""
    yield "trials", _trials_by_state(record)
    yield from _best_facts(record)
    if test := _test(record):
        yield "test", "  ".join(f"{name} {number_text(value)}" for name, value in test.items())
    yield (
        "trained",
        f"{record.epochs} model-epochs in {duration_text(record.seconds)}{_memory(record)}",
    )
    model = _model_path(record, directory)
    if model is not None:
        yield "model", str(model)
    if ids is not None and ids.uri is not None:
        yield "MLflow", ids.uri if ids.run_id is None else f"run {ids.run_id} in {ids.uri}"
    yield from reasons.failures(record)
    yield from reasons.unfused(record)
    yield from _next_steps(record, file)


def _memory(record: StudyRecord) -> str:
    if record.stopped is None or record.stopped.memory is None:
        return ""
    return f", with at most {record.stopped.memory / 1e9:.1f} GB of memory"


def _best_facts(record: StudyRecord) -> Iterator[tuple[str, str]]:
    best = record.best_trial
    if best is None or best.outcome is None:
        yield "best", "none, no trial is COMPLETE"
        return
    metric, value = record.spec.objective.metric, number_text(_value(best))
    scores = best.outcome.scores
    folds = f", folds {' '.join(map(number_text, scores))}" if len(scores) > 1 else ""
    yield "best", f"{metric} {value} in trial {best.trial.number}{folds}"
    params = best.trial.suggestion.params
    width = max(map(len, params), default=0)
    for name, chosen in params.items():
        yield "", f"  {name:<{width}}  {scalar_text(chosen)}"


def _next_steps(record: StudyRecord, file: Path | None) -> Iterator[tuple[str, str]]:
    name, run = record.spec.name, f"searchlab run {file or 'FILE'}"
    if record.state == "interrupted":
        yield "next", f"{run}  (continues it)"
    elif record.state == "running":
        yield "next", f"{run}  (continues it, if no process is at it any more)"
    elif record.state == "failed":
        yield "next", f"searchlab show {name}  (all its trials)"
    else:
        yield "next", f"searchlab best {name}  (the params as YAML), or searchlab ui"


def _trials_by_state(record: StudyRecord) -> Text:
    """How many trials are in which state; none is RUNNING once the process has left."""
    counts = record.counts()
    words = {} if record.stopped is None else {"RUNNING": "unfinished"}
    parts = [
        Text(f"{counts[state]} {words.get(state, state)}", style)
        for state, style in STATE_STYLES.items()
        if state in counts
    ]
    return Text("  ").join(parts) if parts else Text("none yet")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _trial_table(record: StudyRecord) -> Table:
    table = _table()
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
        Text(number_text(_value(trial))),
    ]


class _FirstThatFits:
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
    ended = len(record.trials) - len(record.unfinished())
    total = record.spec.search.trials if record.budget is None else record.budget.trials
    return str(ended) if total is None else f"{ended}/{total}"


def _trial_json(trial: TrialRecord, runs: Mapping[int, str]) -> dict[str, Any]:
    outcome, number = trial.outcome, trial.trial.number
    failure = None if outcome is None else outcome.error
    return {
        "number": number,
        "state": str(trial.state),
        "params": dict(trial.trial.suggestion.params),
        "value": _value(trial),
        "epochs": trial.epochs,
        "seconds": None if outcome is None else outcome.seconds,
        "run_id": runs.get(number),
        "error": None if failure is None else reason_text(failure),
        "scores": [] if outcome is None else [_finite(score) for score in outcome.scores],
        "unfused": None if outcome is None else outcome.unfused,
    }


def _test(record: StudyRecord) -> Mapping[str, float]:
    return {} if record.stopped is None else record.stopped.test


def _model_path(record: StudyRecord, directory: Path) -> Path | None:
    path = None if record.stopped is None else record.stopped.model_path
    return None if path is None else directory / path


def _value(trial: TrialRecord) -> float | None:
    return None if trial.outcome is None else _finite(trial.outcome.value)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _yaml(value: Scalar) -> str:
    """A scalar that YAML 1.1 and 1.2 read back with the same type and value."""
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")
    return text
