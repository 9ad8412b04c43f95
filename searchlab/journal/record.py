"""What a journal says, as one picture of the study: its trials, its best, its state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import ValidationError

from searchlab.core.trial import Outcome, Report, Trial, TrialState
from searchlab.errors import JournalError
from searchlab.journal.clock import Clock
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
from searchlab.study.ending import Ending
from searchlab.study.spec import StudySpec


@dataclass
class TrialRecord:
    """A trial with all that is known of it.

    Attributes:
        trial: number, suggestion and seed.
        started: when its training began last, in seconds since the epoch.
        ended: when its outcome was recorded, or None.
        outcome: how it ended, or None while it has not.
        reports: the epochs so far, in order; those of an interrupted attempt are dropped.
        retries: how often its training failed and was begun anew.
        elapsed: wall time in seconds that processes had spent on the study when the outcome was
            recorded, or None.
    """

    trial: Trial
    started: float
    ended: float | None = None
    outcome: Outcome | None = None
    reports: list[Report] = field(default_factory=list)
    retries: int = 0
    elapsed: float | None = None

    @property
    def state(self) -> TrialState:
        """The trial's state."""
        return TrialState.RUNNING if self.outcome is None else self.outcome.state

    @property
    def epochs(self) -> int:
        """Model-epochs trained so far, over all folds."""
        return len(self.reports) if self.outcome is None else self.outcome.epochs


class StudyRecord:
    """The state of a study, kept up to date entry by entry.

    Attributes:
        started: the event that created the study, or None before it.
        trials: all trials by number.
        budget: the latest budget and workers, or None before the first.
        stopped: how the last process left the study, or None while one is at it (or died).
        best: the number of the best COMPLETE trial, the earliest of equals, or None.
        confirmations: what came of trainings with other seeds, by trial and seed.
        baselines: the simple models that there are to compare with, by name.
        clock: the logical time.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.started: Started | None = None
        self.trials: dict[int, TrialRecord] = {}
        self.budget: Resumed | None = None
        self.stopped: Stopped | None = None
        self.best: int | None = None
        self.confirmations: dict[tuple[int, int], Confirmed] = {}
        self.baselines: dict[str, Compared] = {}
        self.clock = Clock()
        self._spec: StudySpec | None = None
        self._seconds = 0.0
        self._since: float | None = None
        self._latest = 0.0
        for entry in entries:
            self.apply(entry)

    def apply(self, entry: Entry) -> None:
        """Takes in the next entry of the journal.

        Raises:
            JournalError: if it does not fit the entries before it.
        """
        event = entry.event
        if self.started is None and not isinstance(event, Started):
            raise _unfit(f"it begins with {type(event).__name__}")
        self._latest = entry.time
        match event:
            case Started():
                self.started = event
                self._spec = _spec(event)
            case Resumed():
                self._resume(event, entry.time)
            case Asked():
                self.trials[event.trial.number] = TrialRecord(event.trial, entry.time)
            case Reported():
                self._trial(event.report.number).reports.append(event.report)
            case Retried():
                self._retry(event.number, entry.time)
            case Told():
                self._end(event.outcome, entry.time)
            case Confirmed():
                self.confirmations[self._trial(event.outcome.number).trial.number, event.seed] = (
                    event
                )
            case Compared():
                self.baselines[event.baseline] = event
            case Stopped():
                self.stopped = event
                self._seconds += event.seconds
                self._since = None
        self.clock.apply(event)

    @property
    def spec(self) -> StudySpec:
        """The study. Only there once it has been created."""
        if self._spec is None:
            raise LookupError("the journal has no study yet")
        return self._spec

    @property
    def state(self) -> str:
        """One of "finished", "failed", "interrupted" and "running" (also if its process died)."""
        return "running" if self.stopped is None else self.stopped.state

    @property
    def seconds(self) -> float:
        """Wall time that processes have spent on the study so far."""
        return self._seconds + (0.0 if self._since is None else self._latest - self._since)

    @property
    def epochs(self) -> int:
        """Model-epochs trained so far, over all trials and folds."""
        return sum(trial.epochs for trial in self.trials.values())

    @property
    def best_trial(self) -> TrialRecord | None:
        """The best COMPLETE trial."""
        return None if self.best is None else self.trials[self.best]

    @property
    def ending(self) -> Ending:
        """What the latest process does with the best trials once the search is over."""
        return Ending() if self.budget is None else self.budget.ending

    @property
    def ended(self) -> int:
        """How many trials have an outcome."""
        return len(self.trials) - len(self.unfinished())

    def counts(self) -> dict[str, int]:
        """The number of trials by state; states without a trial are left out."""
        return dict(Counter(str(trial.state) for trial in self.trials.values()))

    def unfinished(self) -> list[TrialRecord]:
        """The trials without an outcome, by number."""
        return [trial for trial in self.trials.values() if trial.outcome is None]

    def _trial(self, number: int) -> TrialRecord:
        if number not in self.trials:
            raise _unfit(f"trial {number} was never begun")
        return self.trials[number]

    def _resume(self, event: Resumed, time: float) -> None:
        if self._since is not None:  # the process before this one died without a word
            self._seconds += self._latest - self._since
        self.budget, self.stopped, self._since = event, None, time
        for trial in self.unfinished():
            trial.reports.clear()
            trial.started = time

    def _retry(self, number: int, time: float) -> None:
        trial = self.trials[number]
        trial.reports.clear()
        trial.started = time
        trial.retries += 1

    def _end(self, outcome: Outcome, time: float) -> None:
        trial = self._trial(outcome.number)
        trial.outcome, trial.ended, trial.elapsed = outcome, time, self.seconds
        if outcome.state is TrialState.COMPLETE and outcome.value is not None:
            best = self.best_trial
            value = None if best is None or best.outcome is None else best.outcome.value
            if value is None or self.spec.objective.better(outcome.value, value):
                self.best = outcome.number


def _spec(event: Started) -> StudySpec:
    try:
        return StudySpec.from_dict(event.study)
    except ValidationError:
        raise JournalError(
            f"the journal of study {event.study.get('name')} was written by another version of "
            "searchlab; use that version, or start the study anew under another --name"
        ) from None


def _unfit(what: str) -> JournalError:
    return JournalError(
        f"lines are missing in the study's journal.jsonl: {what}; restore the file from a backup, "
        "or start the study anew under another --name"
    )
