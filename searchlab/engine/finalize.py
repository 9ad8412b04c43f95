"""From the best trials to the study's model: confirm, refit, test once, and compare.

All of it runs on the executor that the search has used. What has come of it is in the journal as
soon as it is known, so that a study which stops here goes on here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from searchlab.core.interrupt import Interrupt
from searchlab.core.trial import Decision, Failure, Outcome, Report, Suggestion, Trial
from searchlab.data.catalog import baselines
from searchlab.engine.loop import refuse_lost
from searchlab.engine.recorder import Recorder
from searchlab.errors import SearchlabError
from searchlab.executors.base import RERUNS, Executor
from searchlab.journal.events import Compared, Confirmed
from searchlab.journal.layout import StudyLayout, refit_data
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.journal.standings import (
    best_epochs,
    candidates,
    epochs_of,
    known_scores,
    missing,
    winner,
)
from searchlab.study.spec import StudySpec
from searchlab.training.job import Job, Work, fits_all

Say = Callable[[str], None]
"""Takes a line about what is being done before the first trial and after the last."""


@dataclass(frozen=True)
class Finished:
    """The study's model.

    Attributes:
        winner: the trial that it was made of.
        epochs: how many epochs it was refitted for, or None if it was not.
        outcome: its metrics on the test rows, and where it is.
        refit_error: why it could not be refitted, or None.
    """

    winner: int
    epochs: int | None
    outcome: Outcome
    refit_error: Failure | None = None


@dataclass
class _Task:
    """A job, its reports, and how often it was run before."""

    job: Job
    reports: list[Report] = field(default_factory=list)
    runs: int = 0


class Finish:
    """What one process does for a study once its search is over."""

    def __init__(
        self,
        spec: StudySpec,
        executor: Executor,
        recorder: Recorder,
        base: Path,
        directory: Path,
        interrupt: Interrupt,
        say: Say,
    ) -> None:
        """Puts it together.

        Args:
            spec: the study as its file is now; limits and budgets may have changed.
            executor: idle.
            recorder: its record has a best trial.
            base: the directory of the study file.
            directory: the study's directory, with the prepared data in it.
            interrupt: is looked at after each epoch.
            say: told what takes time.
        """
        self._spec, self._executor, self._recorder = spec, executor, recorder
        self._base, self._directory, self._interrupt, self._say = base, directory, interrupt, say
        self._record: StudyRecord = recorder.record
        self._next = len(self._record.trials)  # jobs need numbers that no trial has
        self._tasks: dict[int, _Task] = {}
        self._made: dict[Work, Outcome] = {}
        self._refit_error: Failure | None = None

    def run(self) -> Finished | None:
        """Makes the study's model.

        Returns:
            The model, or None if the interrupt was set before it was made.

        Raises:
            SearchlabError: if it could not be made; the trials are all kept.
        """
        if self._spec.baselines:
            self._compare()
        self._confirm()
        self._wait(Work.TRIAL)
        chosen = winner(self._record)
        if chosen is None or self._interrupt.requested:
            return None
        self._say(f"making the study's model of trial {chosen.trial.number} and testing it")
        self._submit(Work.FINAL, chosen, chosen.trial)
        epochs = epochs_of(chosen, self._record) if self._spec.refit else None
        if epochs is not None:
            self._submit(Work.REFIT, chosen, self._again(chosen, epochs))
        self._wait(Work.FINAL, Work.REFIT, Work.BASELINE)
        error = self._refit_error
        if error is not None and not self._interrupt.requested:
            # Rows that were not among the training rows can be too much for it: outliers, say.
            self._say("the refit failed; taking the trial's own model and testing it")
            own = self._spec.model_copy(update={"refit": False})
            self._submit(Work.FINAL, chosen, chosen.trial, spec=own)
            self._wait(Work.FINAL)
            epochs = None
        if self._interrupt.requested:
            return None
        outcome = self._made[Work.FINAL if epochs is None else Work.REFIT]
        return Finished(chosen.trial.number, epochs, outcome, error)

    def _confirm(self) -> None:
        """Has the best trials trained with seeds that the search has not seen."""
        todo = list(missing(self._record))
        if todo:
            count, seeds = len(candidates(self._record)), self._spec.confirm.seeds
            self._say(f"confirming the best {count} trials with {seeds} seeds each")
        for trial, seed in todo:
            again = self._again(trial, trial.trial.suggestion.epochs)
            self._submit(Work.TRIAL, trial, replace(again, seed=seed))

    def _compare(self) -> None:
        """Has the simple models fitted that have not been."""
        best, started = self._record.best_trial, self._record.started
        assert best is not None and started is not None  # noqa: S101, PT018 - see __init__
        for name in baselines(started.data["task"]):
            if name not in self._record.baselines:
                trial = self._again(best, best.trial.suggestion.epochs)
                self._submit(Work.BASELINE, best, trial, name)

    def _again(self, of: TrialRecord, epochs: int) -> Trial:
        """A trial's params to be trained from scratch, under a number of its own."""
        number, self._next = self._next, self._next + 1
        return Trial(number, Suggestion(of.trial.suggestion.params, epochs), of.trial.seed)

    def _submit(
        self,
        work: Work,
        of: TrialRecord,
        trial: Trial,
        baseline: str | None = None,
        spec: StudySpec | None = None,
    ) -> None:
        spec = spec or self._spec
        data = StudyLayout(self._directory).data
        if fits_all(work, spec.refit):
            data = refit_data(data)
        job = Job(
            work,
            trial,
            spec,
            self._base,
            data,
            self._directory,
            start=self._record.clock.now,
            baseline=baseline,
            of=of.trial.number,
            scores=known_scores(of, self._record),
        )
        self._tasks[trial.number] = _Task(job)
        self._executor.submit(job)

    def _wait(self, *works: Work) -> None:
        """Takes in what comes until no such job is left, or the interrupt is set."""
        while not self._interrupt.requested and any(
            task.job.work in works for task in self._tasks.values()
        ):
            for outcome in self._executor.poll(self._decide, timeout=0.2):
                self._take(self._tasks.pop(outcome.number), outcome)

    def _decide(self, report: Report) -> Decision:
        self._tasks[report.number].reports.append(report)
        return Decision.ABANDON if self._interrupt.requested else Decision.CONTINUE

    def _take(self, task: _Task, outcome: Outcome) -> None:
        refuse_lost(outcome)
        error = outcome.error
        if error is not None and task.runs < RERUNS.get(error.kind, 0):
            self._tasks[outcome.number] = _Task(task.job, runs=task.runs + 1)
            self._executor.submit(task.job)
            return
        match task.job.work:
            case Work.TRIAL:
                best = best_epochs(task.reports, self._spec) if error is None else ()
                named = replace(outcome, number=task.job.subject)
                self._recorder(Confirmed(task.job.trial.seed, named, best))
            case Work.BASELINE:
                name, metrics = str(task.job.baseline), outcome.metrics
                self._recorder(Compared(name, metrics, outcome.seconds, error))
            case work if error is None:
                self._made[work] = outcome
            case Work.REFIT:
                self._refit_error = error
            case _:
                assert error is not None  # noqa: S101 - the case before
                raise SearchlabError(
                    f"the best trial, {task.job.subject}, could not be made into the study's "
                    f"model: {error.type}: {error.message}; all trials are kept, run the study "
                    "again to retry"
                )
