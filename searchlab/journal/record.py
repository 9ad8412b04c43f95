"""The state of a study, folded from the entries of its journal."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from pydantic import ValidationError

from searchlab.core.state import StudyState
from searchlab.core.trial import Outcome, Report, Trial, TrialState
from searchlab.errors import JournalError
from searchlab.journal.clock import Clock
from searchlab.journal.condensed import Condensed, CondensedTrial
from searchlab.journal.events import (
    Asked,
    Compared,
    Confirmed,
    Entry,
    Reported,
    Resumed,
    Retrained,
    Retried,
    Started,
    Stopped,
    Told,
)
from searchlab.journal.packed import packed
from searchlab.study.ending import Ending
from searchlab.study.spec import StudySpec

_FEW = 100  # trials that are ranked one by one, which takes as long as to sort all anew


@dataclass(slots=True)
class TrialRecord:
    """A trial and what happened to it.

    Attributes:
        trial: number, suggestion and seed.
        started: the start of its latest training, in seconds since the epoch.
        ended: the time of its outcome, or None.
        outcome: its outcome, or None before its end.
        reports: its epochs so far, in order, without those of interrupted attempts.
        retries: the number of times that its training failed and started anew.
        elapsed: wall time in seconds spent on the study until its outcome, or None.
        weights: the digests of its saved weights, a fold each; empty if none were saved.
    """

    trial: Trial
    started: float
    ended: float | None = None
    outcome: Outcome | None = None
    reports: Sequence[Report] = field(default_factory=list)
    retries: int = 0
    elapsed: float | None = None
    weights: tuple[str, ...] = ()

    @property
    def state(self) -> TrialState:
        """The trial's state."""
        return TrialState.RUNNING if self.outcome is None else self.outcome.state

    @property
    def epochs(self) -> int:
        """Model-epochs trained so far, over all folds."""
        return len(self.reports) if self.outcome is None else self.outcome.epochs


class StudyRecord:
    """The state of a study, updated entry by entry.

    Attributes:
        started: the event that created the study, or None before it.
        trials: all trials by number.
        budget: the latest budget and workers, or None before the first.
        stopped: how the last process left the study; None while a process runs it, or if it died.
        best: the number of the best COMPLETE trial (the earliest of equals), or None.
        confirmations: the results of trainings with other seeds, by trial and seed.
        baselines: the simple models for comparison, by name.
        clock: the logical time.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.started: Started | None = None
        self.trials: dict[int, TrialRecord] = {}
        self.budget: Resumed | None = None
        self.stopped: Stopped | None = None
        self.best: int | None = None
        self._ranking: list[tuple[float, int]] = []
        self._unranked: list[tuple[float, int]] = []
        self.confirmations: dict[tuple[int, int], Confirmed] = {}
        self.baselines: dict[str, Compared] = {}
        self.clock = Clock()
        self._spec: StudySpec | None = None
        self._open: dict[int, TrialRecord] = {}
        self._left_out = 0
        self._states: Counter[str] = Counter()
        self._epochs = 0
        self._seconds = 0.0
        self._since: float | None = None
        self._latest = 0.0
        for entry in entries:
            self.apply(entry)

    def restore(self, condensed: Condensed) -> Self:
        """Let a new record continue a condensed one; its logical time begins anew. Return it."""
        self.started, self._spec = condensed.started, _spec(condensed.started)
        self.budget, self.stopped = condensed.budget, condensed.stopped
        self.best, self._left_out = condensed.best, condensed.left_out
        for each in condensed.trials:
            self._take(each)
        self._states, self._epochs = Counter(condensed.states), condensed.epochs
        self._seconds, self._since = condensed.seconds, condensed.since
        self._latest = condensed.latest
        self.confirmations = {(c.outcome.number, c.seed): c for c in condensed.confirmations}
        self.baselines = {each.baseline: each for each in condensed.baselines}
        return self

    def condensed(self, among: Iterable[int]) -> Condensed | None:
        """Return the record without its ended trials but these; None if there is no study yet."""
        if self.started is None:
            return None
        kept = sorted({*among, *self._open})
        return Condensed(
            started=self.started,
            budget=self.budget,
            stopped=self.stopped,
            best=self.best,
            trials=tuple(_condensed(self.trials[number]) for number in kept),
            left_out=self._left_out + len(self.trials) - len(kept),
            states=dict(self._states),
            epochs=self._epochs,
            seconds=self._seconds,
            since=self._since,
            latest=self._latest,
            confirmations=tuple(self.confirmations.values()),
            baselines=tuple(self.baselines.values()),
        )

    def apply(self, entry: Entry) -> None:
        """Update the record with the next entry of the journal.

        Raises:
            JournalError: if the entry does not fit the previous ones.
        """
        event, before = entry.event, self._latest
        if self.started is None and not isinstance(event, Started):
            raise _unfit(f"it begins with {type(event).__name__}")
        self._latest = entry.time
        match event:
            case Reported():  # most are
                self._report(event.report)
            case Started():
                if self.started is not None:
                    raise _unfit("it begins twice")
                self.started = event
                self._spec = _spec(event)
            case Resumed():
                if self._since is not None:
                    # The last process died unrecorded; nobody worked since its last entry.
                    self._seconds += before - self._since
                self._resume(event, entry.time)
            case Asked():
                number = event.trial.number
                self._open[number] = self.trials[number] = TrialRecord(event.trial, entry.time)
            case Retried() | Retrained():
                self._again(event, entry.time)
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
    def id(self) -> str:
        """The study's identity. Only there once it has been created."""
        if self.started is None:
            raise LookupError("the journal has no study yet")
        return self.started.id

    @property
    def spec(self) -> StudySpec:
        """The study, available once it has been created."""
        if self._spec is None:
            raise LookupError("the journal has no study yet")
        return self._spec

    @property
    def state(self) -> StudyState:
        """The study's state."""
        return StudyState.RUNNING if self.stopped is None else self.stopped.state

    @property
    def seconds(self) -> float:
        """Wall time in seconds spent on the study so far."""
        return self._seconds + (0.0 if self._since is None else self._latest - self._since)

    @property
    def epochs(self) -> int:
        """Model-epochs trained so far, over all trials and folds."""
        return self._epochs + sum(trial.epochs for trial in self._open.values())

    @property
    def best_trial(self) -> TrialRecord | None:
        """The best COMPLETE trial."""
        return None if self.best is None else self.trials[self.best]

    @property
    def ranking(self) -> Sequence[tuple[float, int]]:
        """Cost and number of each COMPLETE trial, best first, then earliest first."""
        if len(self._unranked) < _FEW:
            for each in self._unranked:
                insort(self._ranking, each)
        else:
            self._ranking += self._unranked
            self._ranking.sort()
        self._unranked.clear()
        return self._ranking

    @property
    def ending(self) -> Ending:
        """The steps after the search, as given to the latest process."""
        return Ending() if self.budget is None else self.budget.ending

    @property
    def ended(self) -> int:
        """The number of trials with an outcome."""
        return self._left_out + len(self.trials) - len(self._open)

    def counts(self) -> dict[str, int]:
        """Return the number of trials by state, without empty states."""
        running = {str(TrialState.RUNNING): len(self._open)} if self._open else {}
        return {**self._states, **running}

    def unfinished(self) -> list[TrialRecord]:
        """Return the trials without an outcome, by number."""
        return [trial for _, trial in sorted(self._open.items())]

    def weights_before(self, trial: Trial) -> tuple[str, ...]:
        """Return the digests of the weights that a trial continues; none if it is a new one."""
        number = trial.suggestion.resume_from
        return () if number is None else self._trial(number).weights

    def _take(self, kept: CondensedTrial) -> None:
        """Take a trial of a condensed record; the metrics of its epochs are not known."""
        trial, outcome, number = kept.trial, kept.outcome, kept.trial.number
        reports = [Report(number, 0, epoch, {}) for epoch in range(1, kept.reports + 1)]
        self.trials[number] = TrialRecord(trial, kept.started, None, outcome, reports)
        if outcome is None:
            self._open[number] = self.trials[number]
            self.clock.apply(Asked(trial))
        elif outcome.state is TrialState.COMPLETE and outcome.value is not None:
            self._unranked.append((self.spec.objective.cost(outcome.value), number))

    def _trial(self, number: int) -> TrialRecord:
        try:
            return self.trials[number]
        except KeyError:
            raise _unfit(f"trial {number} was never begun") from None

    def _report(self, report: Report) -> None:
        trial = self._open.get(report.number)
        if trial is None or not isinstance(trial.reports, list):
            raise _unfit(f"trial {report.number} reports before it was begun or after its end")
        trial.reports.append(report)

    def _resume(self, event: Resumed, time: float) -> None:
        self.budget, self.stopped, self._since = event, None, time
        for trial in self.unfinished():
            trial.reports = []
            trial.started = time

    def _again(self, event: Retried | Retrained, time: float) -> None:
        trial = self._trial(event.number)
        if isinstance(event, Retrained):
            trial.weights = event.weights
            return
        trial.reports = []
        trial.started = time
        trial.retries += 1

    def _end(self, outcome: Outcome, time: float) -> None:
        trial = self._trial(outcome.number)
        trial.outcome, trial.ended, trial.elapsed = outcome, time, self.seconds
        trial.weights, trial.reports = outcome.weights, packed(trial.reports)
        self._open.pop(outcome.number, None)
        self._states[str(outcome.state)] += 1
        self._epochs += outcome.epochs
        if outcome.state is TrialState.COMPLETE and outcome.value is not None:
            self._unranked.append((self.spec.objective.cost(outcome.value), outcome.number))
            best = self.best_trial
            value = None if best is None or best.outcome is None else best.outcome.value
            if value is None or self.spec.objective.better(outcome.value, value):
                self.best = outcome.number


def _condensed(trial: TrialRecord) -> CondensedTrial:
    return CondensedTrial(trial.trial, trial.started, len(trial.reports), trial.outcome)


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
        f"the lines of the study's journal.jsonl do not fit together: {what}; restore the file "
        "from a backup, or start the study anew under another --name"
    )
