"""The rows of all tables, as unformatted values: of trials, studies and baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from searchlab.core.domains import Params
from searchlab.core.state import StudyState
from searchlab.core.trial import TrialState
from searchlab.core.wording import reason_text
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.journal.standings import ranked, standing_of, standings
from searchlab.report.phrases import BASELINES, data_text
from searchlab.report.results import chosen, finite, model_value


@dataclass(frozen=True)
class TrialRow:
    """A trial; a value that is not known or not finite is None.

    Attributes:
        number: the trial's number.
        state: its state.
        params: its params.
        seed: the seed of its trainings.
        value: its objective.
        confirmed: the mean of its objective over other seeds, once all are done.
        scores: the objective of each fold.
        epochs: model-epochs so far.
        seconds: the time that it took, once it has ended.
        error: why it failed, in one line.
        unfused: why it was trained by itself where a fused program was asked for.
        best: whether it is the best of the search.
        chosen: whether the study's model is made of it.
    """

    number: int
    state: TrialState
    params: Params
    seed: int
    value: float | None
    confirmed: float | None
    scores: tuple[float | None, ...]
    epochs: int
    seconds: float | None
    error: str | None
    unfused: str | None
    best: bool
    chosen: bool


@dataclass(frozen=True)
class StudyRow:
    """A study beside others; a value that is not known is None.

    Attributes:
        name: the study's name.
        backend: the search library.
        data: the name of the data set.
        metric: the objective.
        direction: "maximize" or "minimize".
        state: the study's state.
        trials: how many have ended.
        best: the best objective of the search.
        confirmed: the winner's mean over other seeds.
        spread: the standard deviation over them.
        value: the objective's metric of the study's model.
        measured: the part that it was measured on, "test" or "validation".
        epochs: model-epochs of all trials.
        seconds: wall time that processes have spent on the study.
    """

    name: str
    backend: str
    data: str
    metric: str
    direction: str
    state: StudyState
    trials: int
    best: float | None
    confirmed: float | None
    spread: float | None
    value: float | None
    measured: str
    epochs: int
    seconds: float


@dataclass(frozen=True)
class BaselineRow:
    """A baseline: a simple model beside the network.

    Attributes:
        name: its name in the study.
        title: its name for people.
        metrics: its metrics on the rows of the study's model; empty if it failed.
        seconds: the time that its fit took.
        error: why it failed, in one line, or None.
    """

    name: str
    title: str
    metrics: Mapping[str, float | None]
    seconds: float
    error: str | None


def trial_rows(record: StudyRecord) -> list[TrialRow]:
    """Return all trials by number."""
    confirmed = {standing.number: standing.mean for standing in standings(record)}
    return [
        trial_row(trial, record, confirmed.get(number))
        for number, trial in sorted(record.trials.items())
    ]


def trial_row(trial: TrialRecord, record: StudyRecord, confirmed: float | None = None) -> TrialRow:
    """Return a trial as a row; `confirmed` is its mean over other seeds, if known."""
    outcome, number = trial.outcome, trial.trial.number
    failure = None if outcome is None else outcome.error
    return TrialRow(
        number=number,
        state=trial.state,
        params=trial.trial.suggestion.params,
        seed=trial.trial.seed,
        value=None if outcome is None else finite(outcome.value),
        confirmed=confirmed,
        scores=() if outcome is None else tuple(map(finite, outcome.scores)),
        epochs=trial.epochs,
        seconds=None if outcome is None else outcome.seconds,
        error=None if failure is None else reason_text(failure),
        unfused=None if outcome is None else outcome.unfused,
        best=number == record.best,
        chosen=trial is chosen(record),
    )


def best_first(rows: Sequence[TrialRow], record: StudyRecord) -> list[TrialRow]:
    """Sort the rows: the COMPLETE trials, best first, then the others by number."""
    ranks = {trial.trial.number: rank for rank, (trial, _) in enumerate(ranked(record))}
    return sorted(rows, key=lambda row: (ranks.get(row.number, len(ranks)), row.number))


def study_row(record: StudyRecord) -> StudyRow:
    """Return a study as a row."""
    spec, best, standing = record.spec, record.best_trial, standing_of(record)
    return StudyRow(
        name=spec.name,
        backend=spec.search.backend,
        data=data_text(spec),
        metric=spec.objective.metric,
        direction=spec.objective.way,
        state=record.state,
        trials=record.ended,
        best=None if best is None else trial_row(best, record).value,
        confirmed=None if standing is None else standing.mean,
        spread=None if standing is None else standing.spread,
        value=model_value(record),
        measured=spec.data.measured,
        epochs=record.epochs,
        seconds=record.seconds,
    )


def baseline_rows(record: StudyRecord) -> list[BaselineRow]:
    """Return the baselines, the simplest first."""
    order = [*BASELINES, *(name for name in record.baselines if name not in BASELINES)]
    return [
        BaselineRow(
            name,
            BASELINES.get(name, name),
            {metric: finite(value) for metric, value in compared.metrics.items()},
            compared.seconds,
            None if compared.error is None else reason_text(compared.error),
        )
        for name in order
        if (compared := record.baselines.get(name)) is not None
    ]
