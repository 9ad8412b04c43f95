"""The tables of a study's page, as rows of texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from searchlab.core.space import Choice, Domain
from searchlab.core.wording import clock_text, number_text, one_line, reason_text, scalar_text
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.journal.standings import ranked
from searchlab.report.html.scores import chosen
from searchlab.report.phrases import data_text, scored_text

_DIGEST = 16  # characters of a digest that tell data sets apart


@dataclass(frozen=True)
class Param:
    """A param of the space: its name, the winner's value or "", and what it may be."""

    name: str
    value: str
    domain: str


@dataclass(frozen=True)
class Row:
    """A trial, for people."""

    number: int
    state: str
    value: str
    params: tuple[tuple[str, str], ...]
    epochs: int
    time: str
    error: str
    chosen: bool


def params(record: StudyRecord) -> list[Param]:
    """The search space, with the params of the study's model."""
    trial = chosen(record)
    values = {} if trial is None else trial.trial.suggestion.params
    return [
        Param(name, scalar_text(values[name]) if name in values else "", _domain(domain))
        for name, domain in record.spec.search_space
    ]


def rows(record: StudyRecord) -> list[Row]:
    """All trials: the COMPLETE ones, best first, then the others by number."""
    best_first = [trial for trial, _ in ranked(record)]
    known = {trial.trial.number for trial in best_first}
    others = [trial for number, trial in sorted(record.trials.items()) if number not in known]
    winner = chosen(record)
    return [_row(trial, trial is winner) for trial in best_first + others]


def data(record: StudyRecord) -> Iterator[tuple[str, str]]:
    """Label and text of each fact about the data."""
    known = {} if record.started is None else record.started.data
    spec = record.spec.data
    yield "data set", data_text(record.spec)
    if "source" in known:
        yield "source", str(known["source"])
    if "digest" in known:
        yield "SHA-256", f"{str(known['digest'])[:_DIGEST]}…"
    if "target" in known:
        task = known.get("task", "")
        classes = f", {len(known['classes'])} classes" if known.get("classes") else ""
        yield "target", f"{known['target']} ({task}{classes})"
    if "rows" in known:
        shape = " x ".join(map(str, known.get("input_shape", [])))
        yield "rows", f"{known['rows']:,}" + (f", each {shape} numbers" if shape else "")
    for key, what in (
        ("train", "for training"),
        ("validation", "for early stopping"),
        ("test", "for the test"),
    ):
        if key in known:
            yield what, f"{known[key]:,} rows"
    yield "scored on", scored_text(record.spec)
    yield "scaled", spec.scale
    yield "seed", str(record.spec.search.seed)


def environment(record: StudyRecord) -> Iterator[tuple[str, str]]:
    """Label and text of what the study ran with."""
    if record.budget is not None:
        workers = record.budget.workers
        yield "executor", f"{record.budget.executor}, {workers} worker{'s' * (workers > 1)}"
    if record.stopped is not None and record.stopped.memory is not None:
        yield "memory", f"at most {record.stopped.memory / 1e9:.1f} GB"
    versions = {} if record.started is None else record.started.versions
    yield from sorted(versions.items())


def _row(trial: TrialRecord, is_chosen: bool) -> Row:
    outcome = trial.outcome
    failure = None if outcome is None else outcome.error
    values = trial.trial.suggestion.params.items()
    return Row(
        number=trial.trial.number,
        state=str(trial.state),
        value="-" if outcome is None else number_text(outcome.value),
        params=tuple((name, scalar_text(value)) for name, value in values),
        epochs=trial.epochs,
        time="-" if outcome is None else clock_text(outcome.seconds),
        error="" if failure is None else reason_text(failure),
        chosen=is_chosen,
    )


def _domain(domain: Domain) -> str:
    """What a param may be, in one line."""
    if isinstance(domain, Choice):
        text = ", ".join(scalar_text(value) for value in domain.values)
    else:
        text = f"{scalar_text(domain.low)} to {scalar_text(domain.high)}"
        text += ", log" if domain.log else ""
        text += f", step {scalar_text(domain.step)}" if domain.step not in (None, 1) else ""
    if domain.when is not None:
        values = " or ".join(map(scalar_text, domain.when.values))
        text += f"; only if {one_line(domain.when.param)} is {values}"
    return text
