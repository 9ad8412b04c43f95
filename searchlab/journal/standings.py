"""Which of the best trials is the winner: what trainings with other seeds say of them.

The best of many scores is the luckiest one, too. So the first few are trained again with seeds
that the search has not seen, and the best mean wins. Everything here is read off the record.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from searchlab.core.space import identity
from searchlab.core.trial import Report, TrialState
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.study.spec import ObjectiveSpec, StudySpec

_SEEDS = 2**31 - 1  # the largest seed; the smallest is 1


@dataclass(frozen=True)
class Standing:
    """What is known of one of the best trials.

    Attributes:
        number: the trial's number.
        search: its objective in the search.
        scores: the objective with each seed that its training did not fail with.
        failed: how many seeds its training failed with.
    """

    number: int
    search: float
    scores: tuple[float, ...]
    failed: int

    @property
    def mean(self) -> float | None:
        """The confirmed score: the mean over the seeds; None if all trainings failed."""
        return math.fsum(self.scores) / len(self.scores) if self.scores else None

    @property
    def spread(self) -> float | None:
        """The sample standard deviation over the seeds; None below two of them."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else None


def candidates(record: StudyRecord) -> list[TrialRecord]:
    """The trials that are confirmed, or have been: the best ones, each point of the space once."""
    return best_trials(record, record.ending.top if record.ending.seeds else 0)


def best_trials(
    record: StudyRecord, count: int, among: Iterable[int] | None = None
) -> list[TrialRecord]:
    """The best COMPLETE trials, best first, the earliest of equals first.

    Of trials with the same params (Hyperband promotes a trial under a new number) only the best
    is among them.

    Args:
        record: the study.
        count: how many.
        among: the numbers of the trials that come into question, or None for all.
    """
    chosen: dict[Hashable, TrialRecord] = {}
    for trial, _ in ranked(record, among):
        if len(chosen) == count:
            break
        chosen.setdefault(identity(trial.trial.suggestion.params), trial)
    return list(chosen.values())


def ranked(
    record: StudyRecord, among: Iterable[int] | None = None
) -> list[tuple[TrialRecord, float]]:
    """The COMPLETE trials, best first, the earliest of equals first, each with its objective."""
    cost = record.spec.objective.cost
    return sorted(complete(record, among), key=lambda pair: cost(pair[1]))


def complete(
    record: StudyRecord, among: Iterable[int] | None = None
) -> list[tuple[TrialRecord, float]]:
    """The COMPLETE trials by number, each with its objective."""
    numbers = record.trials if among is None else record.trials.keys() & among
    return [
        (trial, trial.outcome.value)
        for trial in (record.trials[number] for number in sorted(numbers))
        if trial.state is TrialState.COMPLETE
        and trial.outcome is not None
        and trial.outcome.value is not None
    ]


def fresh_seeds(record: StudyRecord) -> list[int]:
    """The seeds that the best trials are confirmed with: those after the study's own."""
    seed = record.spec.search.seed
    return [(seed + step - 1) % _SEEDS + 1 for step in range(1, record.ending.seeds + 1)]


def missing(record: StudyRecord) -> Iterator[tuple[TrialRecord, int]]:
    """The trainings, of a trial with a seed, that are still to be done."""
    for trial in candidates(record):
        for seed in fresh_seeds(record):
            if (trial.trial.number, seed) not in record.confirmations:
                yield trial, seed


def standings(record: StudyRecord) -> list[Standing]:
    """The candidates by their confirmed scores, best first; empty until all are confirmed.

    A trial that fails with some seed is behind those that fail with fewer.
    """
    if next(missing(record), None) is not None:
        return []
    cost = record.spec.objective.cost
    found = [_standing(trial, record) for trial in candidates(record)]

    def rank(standing: Standing) -> tuple[int, float]:
        return standing.failed, math.inf if standing.mean is None else cost(standing.mean)

    return sorted(found, key=rank)


def winner(record: StudyRecord) -> TrialRecord | None:
    """The trial that the study's model is made of: the first in the standings.

    If nothing is confirmed, or nothing could be, it is the best trial of the search.
    """
    ranked = standings(record)
    if ranked and ranked[0].scores:
        return record.trials[ranked[0].number]
    return record.best_trial


def standing_of(record: StudyRecord) -> Standing | None:
    """The confirmed score of the trial that the study's model was made of; None without one."""
    number = None if record.stopped is None else record.stopped.winner
    ranked = (each for each in standings(record) if each.number == number and each.scores)
    return next(ranked, None)


def known_scores(trial: TrialRecord, record: StudyRecord) -> dict[str, float]:
    """A trial's `search` score, and once all are confirmed its `confirmed` one and its `spread`."""
    number = trial.trial.number
    standing = next((each for each in standings(record) if each.number == number), None)
    found = {"search": None if trial.outcome is None else trial.outcome.value}
    if standing is not None:
        found |= {"confirmed": standing.mean, "spread": standing.spread}
    return {name: value for name, value in found.items() if value is not None}


def epochs_of(trial: TrialRecord, record: StudyRecord) -> int:
    """For how many epochs a trial's model is refitted: the median of its trainings' best epochs.

    The trainings are those that confirmed it, or, if there are none, its own.
    """
    number = trial.trial.number
    best = [
        epoch
        for seed in fresh_seeds(record)
        if (number, seed) in record.confirmations
        for epoch in record.confirmations[number, seed].best_epochs
    ]
    best = best or list(best_epochs(trial.reports, record.spec))
    return max(1, round(statistics.median(best))) if best else trial.trial.suggestion.epochs


def best_epochs(reports: Sequence[Report], spec: StudySpec) -> tuple[int, ...]:
    """The epoch at which each fold was best, in the eyes of early stopping; without it the last."""
    settings = spec.training.early_stopping
    folds: dict[int, list[Report]] = {}
    for report in reports:
        folds.setdefault(report.fold, []).append(report)
    if settings is None:
        return tuple(of[-1].epoch for _, of in sorted(folds.items()))
    sign = -1 if _maximized(settings.monitor, spec) else 1

    def rank(report: Report) -> float:
        value = report.metrics.get(settings.monitor, math.inf)
        return sign * value if math.isfinite(value) else math.inf

    return tuple(min(of, key=rank).epoch for _, of in sorted(folds.items()))


def _maximized(monitor: str, spec: StudySpec) -> bool:
    if monitor == spec.objective.metric:
        return spec.objective.maximized
    try:
        return ObjectiveSpec(metric=monitor).maximized
    except ValueError:  # its name does not tell; Keras' EarlyStopping minimizes then
        return False


def _standing(trial: TrialRecord, record: StudyRecord) -> Standing:
    number = trial.trial.number
    outcomes = [record.confirmations[number, seed].outcome for seed in fresh_seeds(record)]
    scores = tuple(outcome.value for outcome in outcomes if outcome.value is not None)
    assert trial.outcome is not None  # noqa: S101 - candidates are COMPLETE
    assert trial.outcome.value is not None  # noqa: S101 - and so they have a value
    return Standing(number, trial.outcome.value, scores, len(outcomes) - len(scores))
