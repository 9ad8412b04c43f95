"""The standings of the best trials after confirmation, and the winner.

The best of many scores is partly luck. So the best few trials are retrained with unseen seeds, and
the best mean wins. All results are derived from the record.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from searchlab.core.space import identity
from searchlab.core.trial import Report, TrialState
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.study.spec import StudySpec

_SEEDS = 2**31 - 1  # the largest seed; the smallest is 1


@dataclass(frozen=True)
class Standing:
    """The scores of one of the best trials.

    Attributes:
        number: the trial's number.
        search: its objective in the search.
        scores: the objective with each seed whose training did not fail.
        failed: the number of seeds whose training failed.
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
        """The sample standard deviation over the seeds; None for fewer than two."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else None


def candidates(record: StudyRecord) -> list[TrialRecord]:
    """Return the trials to confirm: the best ones, each point of the space once."""
    return best_trials(record, record.ending.top if record.ending.seeds else 0)


def best_trials(
    record: StudyRecord, count: int, among: Iterable[int] | None = None
) -> list[TrialRecord]:
    """Return the best COMPLETE trials, best first, and earliest first among equals.

    Of trials with the same params (Hyperband promotes a trial under a new number), only the best
    counts.

    Args:
        record: the study.
        count: the number of trials.
        among: the numbers of the trials to consider, or None for all.
    """
    chosen: dict[Hashable, TrialRecord] = {}
    for trial, _ in _best_first(record, among):
        if len(chosen) == count:
            break
        chosen.setdefault(identity(trial.trial.suggestion.params), trial)
    return list(chosen.values())


def ranked(
    record: StudyRecord, among: Iterable[int] | None = None
) -> list[tuple[TrialRecord, float]]:
    """Return the COMPLETE trials with their objectives, best first, then earliest first."""
    return list(_best_first(record, among))


def _best_first(
    record: StudyRecord, among: Iterable[int] | None
) -> Iterator[tuple[TrialRecord, float]]:
    """Yield them one by one, as mostly the first few of very many are wanted."""
    if among is not None:
        cost = record.spec.objective.cost
        yield from sorted(complete(record, among), key=lambda pair: cost(pair[1]))
        return
    for _, number in record.ranking:
        yield from complete(record, [number])


def complete(
    record: StudyRecord, among: Iterable[int] | None = None
) -> list[tuple[TrialRecord, float]]:
    """Return the COMPLETE trials with their objectives, by number."""
    numbers = record.trials if among is None else record.trials.keys() & among
    return [
        (trial, trial.outcome.value)
        for trial in (record.trials[number] for number in sorted(numbers))
        if trial.state is TrialState.COMPLETE
        and trial.outcome is not None
        and trial.outcome.value is not None
    ]


def fresh_seeds(record: StudyRecord) -> list[int]:
    """Return the seeds for confirmation: those that follow the study's own."""
    seed = record.spec.search.seed
    return [(seed + step - 1) % _SEEDS + 1 for step in range(1, record.ending.seeds + 1)]


def missing(record: StudyRecord) -> Iterator[tuple[TrialRecord, int]]:
    """Yield the trainings still to be done, each a trial and a seed."""
    for trial in candidates(record):
        for seed in fresh_seeds(record):
            if (trial.trial.number, seed) not in record.confirmations:
                yield trial, seed


def standings(record: StudyRecord) -> list[Standing]:
    """Return the candidates by their confirmed scores, best first; empty until all are confirmed.

    A trial that fails with more seeds ranks behind those that fail with fewer.
    """
    if next(missing(record), None) is not None:
        return []
    cost = record.spec.objective.cost
    found = [_standing(trial, record) for trial in candidates(record)]

    def rank(standing: Standing) -> tuple[int, float]:
        return standing.failed, math.inf if standing.mean is None else cost(standing.mean)

    return sorted(found, key=rank)


def winner(record: StudyRecord) -> TrialRecord | None:
    """Return the trial for the study's model: the first in the standings.

    If nothing is or can be confirmed, it is the best trial of the search.
    """
    ranked = standings(record)
    if ranked and ranked[0].scores:
        return record.trials[ranked[0].number]
    return record.best_trial


def standing_of(record: StudyRecord) -> Standing | None:
    """Return the standing of the trial behind the study's model; None if not confirmed."""
    number = None if record.stopped is None else record.stopped.winner
    ranked = (each for each in standings(record) if each.number == number and each.scores)
    return next(ranked, None)


def known_scores(trial: TrialRecord, record: StudyRecord) -> dict[str, float]:
    """Return a trial's `search` score and, after confirmation, `confirmed` and `spread`."""
    number = trial.trial.number
    standing = next((each for each in standings(record) if each.number == number), None)
    found = {"search": None if trial.outcome is None else trial.outcome.value}
    if standing is not None:
        found |= {"confirmed": standing.mean, "spread": standing.spread}
    return {name: value for name, value in found.items() if value is not None}


def epochs_of(trial: TrialRecord, record: StudyRecord) -> int:
    """Return the epochs of a trial's refit: the median of its trainings' best epochs.

    The trainings are those of its confirmation or, without any, its own.
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


def learning_rates(reports: Sequence[Report]) -> tuple[float, ...]:
    """Return the learning rate of each epoch, the median over folds, if a callback reported it."""
    found: dict[int, list[float]] = {}
    for report in reports:
        if "learning_rate" in report.metrics:
            found.setdefault(report.epoch, []).append(report.metrics["learning_rate"])
    return tuple(statistics.median(rates) for _, rates in sorted(found.items()))


def best_epochs(reports: Sequence[Report], spec: StudySpec) -> tuple[int, ...]:
    """Return each fold's best epoch by the monitor of early stopping, or its last without one."""
    settings = spec.training.early_stopping
    folds: dict[int, list[Report]] = {}
    for report in reports:
        folds.setdefault(report.fold, []).append(report)
    if settings is None:
        return tuple(of[-1].epoch for _, of in sorted(folds.items()))
    sign = -1 if spec.stopping_way == "maximize" else 1

    def rank(report: Report) -> float:
        value = report.metrics.get(settings.monitor, math.inf)
        return sign * value if math.isfinite(value) else math.inf

    return tuple(min(of, key=rank).epoch for _, of in sorted(folds.items()))


def _standing(trial: TrialRecord, record: StudyRecord) -> Standing:
    number = trial.trial.number
    outcomes = [record.confirmations[number, seed].outcome for seed in fresh_seeds(record)]
    scores = tuple(outcome.value for outcome in outcomes if outcome.value is not None)
    assert trial.outcome is not None  # noqa: S101 - candidates are COMPLETE
    assert trial.outcome.value is not None  # noqa: S101 - so they have a value
    return Standing(number, trial.outcome.value, scores, len(outcomes) - len(scores))
