"""The projection of journal entries to MLflow's runs and points, without a store.

Every point has the time of its entry, so that the same entries always make the same points. An
MLflow store keeps one of several points that agree in name, step, time and value; sending entries
again therefore changes nothing, and an outage needs no bookkeeping point by point.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import islice

from searchlab.core.trial import Outcome, Trial, TrialState
from searchlab.journal.events import (
    Asked,
    Compared,
    Confirmed,
    Entry,
    Reported,
    Resumed,
    Retried,
    Started,
    Stopped,
    Told,
)
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import standing_of
from searchlab.tracking.mlflow.points import (
    Point,
    confirmed_points,
    finite_points,
    first_non_finite,
    metric_name,
    milliseconds,
    outcome_points,
    report_points,
)


@dataclass
class TrialUpdate:
    """The news of one attempt at a trial.

    Attributes:
        trial: number, suggestion and seed.
        attempt: the number of the attempt, counted from 1.
        started: when the attempt began.
        fresh: whether the attempt began within the batch.
        points: new points, in order.
        outcome: how it ended, if it did.
        ended: when it ended or was left, or None.
        non_finite: from which step on a metric was NaN or infinite, for an ended trial.
    """

    trial: Trial
    attempt: int
    started: float
    fresh: bool = False
    points: list[Point] = field(default_factory=list)
    outcome: Outcome | None = None
    ended: float | None = None
    non_finite: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class BaselineUpdate:
    """A fitted baseline, and the time of its end."""

    compared: Compared
    ended: float


@dataclass
class Batch:
    """The changes of some consecutive entries.

    Attributes:
        until: the number of entries of the journal up to the end of this batch.
        created: when the study was created.
        time: when the last of them was written.
        earliest: when the first run that they make began, at the earliest.
        trials: the changes by trial number.
        baselines: the fitted baselines.
        points: new points of the study's run.
        process: which process wrote the last of them, counted from 1; the step of the metrics
            that each process leaves behind.
        fresh: whether a process took up the study within the batch.
        improved: whether there is another best trial.
        stopped: whether the study was left, and not taken up again within the batch.
    """

    until: int
    created: float = 0.0
    time: float = 0.0
    earliest: float = math.inf
    trials: dict[int, TrialUpdate] = field(default_factory=dict)
    baselines: list[BaselineUpdate] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    process: int = 0
    fresh: bool = False
    improved: bool = False
    stopped: bool = False


_BEGIN = (Asked, Retried, Resumed, Compared)
"""The events with which runs of trials and baselines begin."""


@dataclass(frozen=True)
class Doubt:
    """The runs of trials and baselines that may be in a store without a note of them.

    Attributes:
        since: when the earliest of them began, in seconds since the epoch.
        begun: when the runs of which the journal tells began, in milliseconds since the epoch;
            None if it tells of all that there can be.
    """

    since: float
    begun: frozenset[int] | None = None

    @classmethod
    def of(cls, entries: Collection[Entry], sent: int, last: float) -> Doubt:
        """Return what another process may have sent.

        Args:
            entries: the whole journal.
            sent: how many of them were noted as sent.
            last: the time of the last of these.
        """
        told = (begun(each) for each in entries if isinstance(each.event, _BEGIN))
        unnoted = map(begun, islice(entries, sent, None))
        return cls(min(last, min(unnoted, default=last)), frozenset(map(milliseconds, told)))

    def told(self, start: int) -> bool:
        """Return whether the journal tells of a run that began then."""
        return self.begun is None or start in self.begun


def begun(entry: Entry) -> float:
    """Return when a run that is made of the entry began, in seconds since the epoch."""
    return entry.time - (entry.event.seconds if isinstance(entry.event, Compared) else 0.0)


class Planner:
    """A converter of entries, in their order, into batches.

    It folds the journal by itself, as the engine does: the outbox sends entries later than they are
    recorded, in another thread, and a batch is made of the study as of each of its entries.

    Attributes:
        record: the study as of the last planned entry.
    """

    def __init__(self) -> None:
        self.record = StudyRecord()
        self._planned = 0
        self._created = 0.0
        self._processes = 0
        self._attempts: dict[int, int] = {}
        self._told = 0

    def plan(self, entries: Sequence[Entry]) -> Batch:
        """Return the changes of the next entries."""
        batch = Batch(self._planned)
        for entry in entries:
            self._take(batch, entry)
        self._planned += len(entries)
        batch.until, batch.process, batch.created = self._planned, self._processes, self._created
        return batch

    def _take(self, batch: Batch, entry: Entry) -> None:
        best = self.record.best
        self.record.apply(entry)
        batch.time = entry.time
        batch.earliest = min(batch.earliest, begun(entry))
        match entry.event:
            case Started():
                batch.fresh, self._created = True, entry.time
            case Resumed():
                self._resume(batch, entry.time)
            case Asked(trial):
                self._begin(batch, trial, entry.time)
            case Reported(report):
                folds = self.record.spec.evaluation.trainings
                self._update(batch, report.number).points += report_points(
                    report, entry.time, folds
                )
            case Retried(number):
                self._begin(batch, self.record.trials[number].trial, entry.time)
            case Told(outcome):
                self._end(batch, outcome, entry.time)
            case Confirmed() as confirmed:
                batch.points += confirmed_points(confirmed, entry.time)
            case Compared() as compared:
                batch.baselines.append(BaselineUpdate(compared, entry.time))
            case Stopped() as stopped:
                self._stop(batch, stopped, entry.time)
        if self.record.best != best:
            batch.improved = True
            batch.points += self._objective(entry.time)

    def _resume(self, batch: Batch, time: float) -> None:
        self._processes += 1
        batch.fresh, batch.stopped = True, False
        for record in self.record.unfinished():
            self._begin(batch, record.trial, time)

    def _begin(self, batch: Batch, trial: Trial, time: float) -> None:
        """Begin a new attempt, which voids the reports of an earlier one."""
        attempt = self._attempts[trial.number] = self._attempts.get(trial.number, 0) + 1
        batch.trials[trial.number] = TrialUpdate(trial, attempt, time, fresh=True)

    def _update(self, batch: Batch, number: int) -> TrialUpdate:
        record = self.record.trials[number]
        update = TrialUpdate(record.trial, self._attempts[number], record.started)
        return batch.trials.setdefault(number, update)

    def _end(self, batch: Batch, outcome: Outcome, time: float) -> None:
        self._told += 1
        update = self._update(batch, outcome.number)
        update.outcome, update.ended = outcome, time
        update.points += outcome_points(outcome, time)
        update.non_finite = first_non_finite(
            self.record.trials[outcome.number].reports, self.record.spec.evaluation.trainings
        )

    def _stop(self, batch: Batch, event: Stopped, time: float) -> None:
        batch.stopped = True
        for record in self.record.unfinished():
            self._update(batch, record.trial.number).ended = time
        batch.points += finite_points(
            Point(metric_name(name), float(value), time, self._processes)
            for name, value in self._totals(event).items()
        )

    def _objective(self, time: float) -> list[Point]:
        """Return the best value so far, over the number of finished trials."""
        best = self.record.best_trial
        if best is None or best.outcome is None or best.outcome.value is None:
            return []
        return [Point("objective", best.outcome.value, time, self._told)]

    def _totals(self, event: Stopped) -> dict[str, float]:
        """Return the totals at the end of a process; `seconds` over all processes."""
        counts, part = self.record.counts(), self.record.spec.data.measured
        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
        return {
            **{f"trials/{state.lower()}": counts.get(state, 0) for state in states},
            "epochs": self.record.epochs,
            "seconds": self.record.seconds,
            **self._scores(event),
            **{f"{part}/{name}": value for name, value in event.metrics.items()},
        }

    def _scores(self, event: Stopped) -> dict[str, float]:
        """Return the search and confirmed scores of the trial that the study's model is made of."""
        winner = None if event.winner is None else self.record.trials[event.winner].outcome
        standing = standing_of(self.record)
        scores = {
            "search/objective": None if winner is None else winner.value,
            "confirmed/objective": None if standing is None else standing.mean,
            "confirmed/spread": None if standing is None else standing.spread,
        }
        return {name: value for name, value in scores.items() if value is not None}
