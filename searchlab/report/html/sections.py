"""The tables of a study's page, as rows of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from searchlab.core.domains import Choice, Domain
from searchlab.core.wording import confirmed_text, number_text, one_line, scalar_text
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import fresh_seeds, standings
from searchlab.report.phrases import (
    data_text,
    division_text,
    memory_text,
    scored_text,
    target_text,
)
from searchlab.report.questions import questions
from searchlab.report.results import chosen
from searchlab.study.sought import options

_DIGEST = 16  # characters of a digest that tell data sets apart


@dataclass(frozen=True)
class Param:
    """A param of the space: its name, the winner's value or "", and its range."""

    name: str
    value: str
    domain: str


@dataclass(frozen=True)
class Candidate:
    """A row of the standings, formatted for people.

    Attributes:
        number: the trial.
        mean: its confirmed score.
        search: its score in the search.
        seeds: its score with each seed.
    """

    number: int
    mean: str
    search: str
    seeds: tuple[str, ...]


def params(record: StudyRecord) -> list[Param]:
    """Return the search space, with the params of the study's model."""
    trial = chosen(record)
    values = {} if trial is None else trial.trial.suggestion.params
    return [
        Param(name, scalar_text(values[name]) if name in values else "", _domain(domain))
        for name, domain in record.spec.search_space
    ]


def candidates(record: StudyRecord) -> Iterator[Candidate]:
    """Yield the confirmed candidates, best first; none before all are confirmed."""
    for standing in standings(record):
        number = standing.number
        outcomes = [record.confirmations[number, seed].outcome for seed in fresh_seeds(record)]
        yield Candidate(
            number,
            confirmed_text(standing.mean, standing.spread),
            number_text(standing.search),
            tuple("failed" if each.value is None else number_text(each.value) for each in outcomes),
        )


def data(record: StudyRecord) -> Iterator[tuple[str, str]]:
    """Yield label and text of each fact about the data."""
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
    if (target := target_text(record)) is not None:
        yield "target for the model", target
    yield from (("question", line) for line in questions(record))
    if "rows" in known:
        shape = " x ".join(map(str, known.get("input_shape", [])))
        of = "texts" if known.get("raw_text") else "numbers"
        yield "rows", f"{known['rows']:,}" + (f", each {shape} {of}" if shape else "")
    for key, what in (
        ("train", "for training"),
        ("validation", "for early stopping"),
        ("test", "for the test"),
    ):
        if key in known:
            yield what, f"{known[key]:,} rows" if known[key] else "no rows"
    yield "divided", division_text(record.spec)
    yield "scored on", scored_text(record.spec)
    yield "scaled", " or ".join(options(spec.scale or "standard"))
    yield "seed", str(record.spec.search.seed)


def environment(record: StudyRecord) -> Iterator[tuple[str, str]]:
    """Yield label and text of each fact about the executor, the memory and the libraries."""
    if record.budget is not None:
        workers = record.budget.workers
        yield "executor", f"{record.budget.executor}, {workers} worker{'s' * (workers > 1)}"
    if memory := memory_text(record.stopped):
        yield "memory", memory
    versions = {} if record.started is None else record.started.versions
    yield from sorted(versions.items())


def _domain(domain: Domain) -> str:
    """Return the range of a param in one line."""
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
