"""From the best trials to the study's model: confirmation, refit, one test, and baselines.

Everything runs on the search's executor. Results are journaled as soon as they are known, so that
a study stopped here resumes here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from searchlab.core.interrupt import Interrupt
from searchlab.core.trial import Decision, Failure, Outcome, Report, Suggestion, Trial
from searchlab.engine.jobs import Jobs
from searchlab.engine.loop import refuse_lost
from searchlab.engine.recorder import Recorder
from searchlab.engine.restoring import Restoring
from searchlab.errors import SearchlabError
from searchlab.executors.base import Executor, runs_again
from searchlab.journal.events import Compared, Confirmed
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.journal.standings import (
    best_epochs,
    candidates,
    epochs_of,
    known_scores,
    learning_rates,
    missing,
    winner,
)
from searchlab.training.job import (
    BaselineJob,
    FinalJob,
    Job,
    Made,
    Measured,
    RefitJob,
    Result,
    TrialJob,
    baselines,
)

Say = Callable[[str], None]
"""A function that receives a line about the current step, before and after the search."""


@dataclass(frozen=True)
class Finished:
    """The study's model.

    Attributes:
        winner: the trial from which it was made.
        epochs: epochs of its refit, or None if it was not refitted.
        made: its metrics on the test rows (without any, on the early-stopping rows), and its file.
        packages: the digest of the package of each model, by its place.
        refit_error: the reason why the refit failed, or None.
    """

    winner: int
    epochs: int | None
    made: Made
    packages: Mapping[str, str]
    refit_error: Failure | None = None


@dataclass
class _Task:
    """A job, its reports, and the number of its earlier runs."""

    job: Job
    reports: list[Report] = field(default_factory=list)
    runs: int = 0


class Finish:
    """One process's end phase of a study, after the search."""

    def __init__(
        self,
        jobs: Jobs,
        executor: Executor,
        recorder: Recorder,
        interrupt: Interrupt,
        say: Say,
    ) -> None:
        """Set up the end phase.

        Args:
            jobs: the factory of the study's jobs; limits and budgets are those of its file now.
            executor: an idle executor.
            recorder: the recorder; its record has a best trial.
            interrupt: checked after each epoch.
            say: receives a line about each step that takes time.
        """
        self._jobs, self._recorder = jobs, recorder
        self._executor = Restoring(executor, jobs, recorder, interrupt)
        self._spec, self._interrupt, self._say = jobs.spec, interrupt, say
        self._record: StudyRecord = recorder.record
        self._next = len(self._record.trials)  # jobs need numbers that no trial has
        self._tasks: dict[int, _Task] = {}
        self._made: dict[type[Job], Made] = {}
        self._refit_error: Failure | None = None

    def run(self) -> Finished | None:
        """Make the study's model.

        Returns:
            The model, or None if the interrupt was set before it was made.

        Raises:
            SearchlabError: if it could not be made; all trials are kept.
        """
        if self._spec.baselines:
            self._compare()
        self._confirm()
        self._wait(TrialJob)
        chosen = winner(self._record)
        if chosen is None or self._interrupt.requested:
            return None
        doing = "testing" if self._spec.data.tested else "measuring"
        self._say(f"making the study's model of trial {chosen.trial.number} and {doing} it")
        scores, start = known_scores(chosen, self._record), self._record.clock.now
        self._submit_final(self._jobs, chosen, scores, start)
        epochs = epochs_of(chosen, self._record) if self._spec.refit else None
        tested = self._spec.data.tested
        if epochs is not None and not tested:
            self._wait(FinalJob)  # the refit sees all rows, so that only this one can be measured
        if epochs is not None and not self._interrupt.requested:
            measured = {} if tested else self._made[FinalJob].metrics
            again = _from_scratch(chosen, epochs, chosen.trial.seed)
            rates = learning_rates(chosen.reports)
            refit = self._jobs.refit(
                self._number(), again, scores, measured, start=start, rates=rates
            )
            self._submit(refit)
        self._wait(FinalJob, RefitJob, BaselineJob)
        error = self._refit_error
        if error is not None and not self._interrupt.requested:
            # Early-stopping rows may contain outliers that make the refit diverge.
            self._say("the refit failed; taking the trial's own model and testing it")
            jobs = self._jobs.without_refit()
            self._submit_final(jobs, chosen, scores, start)
            self._wait(FinalJob)
            epochs = None
        if self._interrupt.requested:
            return None
        made = self._made[FinalJob if epochs is None else RefitJob]
        return Finished(chosen.trial.number, epochs, made, self._packages(), error)

    def _packages(self) -> dict[str, str]:
        made = [each for each in self._made.values() if each.model_path and each.digest]
        return {Path(str(each.model_path)).parent.as_posix(): each.digest for each in made}

    def _confirm(self) -> None:
        """Retrain the best trials with unseen seeds, first those that trained longest.

        So no core waits for a long training that began last.
        """
        todo = sorted(missing(self._record), key=lambda each: -_last_epoch(each[0]))
        if todo:
            count, seeds = len(candidates(self._record)), self._spec.confirm.seeds
            self._say(f"confirming the best {count} trials with {seeds} seeds each")
        for trial, seed in todo:
            again = _from_scratch(trial, trial.trial.suggestion.epochs, seed)
            start = self._record.clock.now
            self._submit(self._jobs.trial(again, self._number(), start=start))

    def _compare(self) -> None:
        """Fit the baselines that are not in the record yet."""
        best, started = self._record.best_trial, self._record.started
        assert best is not None and started is not None  # noqa: S101, PT018 - see __init__
        for name in baselines(started.data["task"]):
            if name not in self._record.baselines:
                start = self._record.clock.now
                self._submit(self._jobs.baseline(self._number(), best.trial, name, start=start))

    def _submit_final(
        self, jobs: Jobs, of: TrialRecord, scores: Mapping[str, float], start: int
    ) -> None:
        number, weights = self._number(), of.weights
        self._submit(jobs.final(number, of.trial, scores, start=start, weights=weights))

    def _number(self) -> int:
        """Return a number for a job that neither a trial nor another job has."""
        number, self._next = self._next, self._next + 1
        return number

    def _submit(self, job: Job) -> None:
        self._tasks[job.number] = _Task(job)
        self._executor.submit(job)

    def _wait(self, *kinds: type[Job]) -> None:
        """Process results until no job of these kinds is left, or the interrupt is set."""
        while not self._interrupt.requested and any(
            isinstance(task.job, kinds) for task in self._tasks.values()
        ):
            for result in self._executor.poll(self._decide, timeout=0.2):
                self._take(self._tasks.pop(result.number), result)

    def _decide(self, report: Report) -> Decision:
        self._tasks[report.number].reports.append(report)
        return Decision.ABANDON if self._interrupt.requested else Decision.CONTINUE

    def _take(self, task: _Task, result: Result) -> None:
        refuse_lost(result)
        error = result.error
        if runs_again(error, task.runs):
            self._tasks[result.number] = _Task(task.job, runs=task.runs + 1)
            self._executor.submit(task.job)
            return
        match task.job, result:
            case TrialJob(trial=trial), Outcome():
                best = best_epochs(task.reports, self._spec) if error is None else ()
                named = replace(result, number=trial.number)
                self._recorder(Confirmed(trial.seed, named, best))
            case BaselineJob(baseline=name), Measured():
                self._recorder(Compared(name, result.metrics, result.seconds, error))
            case (FinalJob() | RefitJob()) as job, Made() if error is None:
                self._made[type(job)] = result
            case RefitJob(), _:
                self._refit_error = error
            case FinalJob(trial=trial), Made(error=Failure() as error):
                raise SearchlabError(
                    f"the best trial, {trial.number}, could not be made into the study's model: "
                    f"{error.type}: {error.message}; all trials are kept, run the study again to "
                    "retry"
                )


def _last_epoch(of: TrialRecord) -> int:
    return of.trial.suggestion.initial_epoch + of.epochs


def _from_scratch(of: TrialRecord, epochs: int, seed: int) -> Trial:
    """Return a trial with these epochs and this seed that continues no other trial."""
    return Trial(of.trial.number, Suggestion(of.trial.suggestion.params, epochs), seed)
