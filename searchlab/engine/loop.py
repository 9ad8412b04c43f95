"""The search loop: the only code that asks and tells a backend and writes the journal."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence

from searchlab.backends.base import Backend, Continuing
from searchlab.core.interrupt import Interrupt
from searchlab.core.memory import PeakMemory
from searchlab.core.steady import now
from searchlab.core.trial import (
    Decision,
    FailureKind,
    Outcome,
    Report,
    Suggestion,
    Trial,
    TrialState,
)
from searchlab.engine.jobs import Jobs
from searchlab.engine.recorder import Recorder
from searchlab.engine.replay import Answers
from searchlab.engine.restoring import Restoring
from searchlab.errors import InputError, StorageError
from searchlab.executors.base import RERUNS, Executor
from searchlab.journal.events import Asked, Reported, Retried, Told, Waited
from searchlab.journal.standings import best_trials
from searchlab.training.job import Result

_TICK = 0.2  # seconds until the loop notices Ctrl-C or the end of the time budget
_PATIENCE = 4.0  # seconds for interrupted trainings to reach the end of an epoch
_GRACE = 10.0  # seconds for the same once the time budget is used up


class Search:
    """One process's part of a search, from its first ask to its last outcome.

    Attributes:
        failed: the trial whose failure ended the study under `on_failure: stop`, or None.
        memory: the peak memory so far.
    """

    def __init__(
        self,
        jobs: Jobs,
        backend: Backend,
        answers: Answers,
        executor: Executor,
        recorder: Recorder,
        interrupt: Interrupt,
    ) -> None:
        """Set up the search.

        Args:
            jobs: the factory of the study's jobs; its data have been prepared.
            backend: the backend, brought by `replay` to the state of the study's last process.
            answers: the backend's answers, as returned by `replay`.
            executor: an executor without jobs.
            recorder: the recorder; its record has the entries of earlier processes.
            interrupt: checked between events.
        """
        self._jobs, self._backend, self._answers = jobs, backend, answers
        self._executor = Restoring(executor, jobs, recorder, interrupt)
        self._recorder, self._interrupt = recorder, interrupt
        self._spec = spec = jobs.spec
        self._space = spec.search_space
        self.failed: int | None = None
        self.memory = PeakMemory()
        self._running: set[int] = set()
        self._exhausted = self._behind = False
        at_once = backend.at_once
        self._at_once = None if at_once is None else max(at_once, spec.execution.workers)
        budget = spec.search.seconds
        left = None if budget is None else budget - recorder.record.seconds
        self._deadline = None if left is None else time.monotonic() + left

    def run(self) -> None:
        """Run trials until the budget is used up or something else ends the search.

        That can be the backend, the interrupt, or a failure under `on_failure: stop`.
        """
        for trial in self._recorder.record.unfinished():
            self._submit(trial.trial)
        while True:
            if not self._leaving:
                self._ask()
            if not self._running:
                return
            if self._leaving:
                self._wind_down()
                return
            self._handle(self._executor.poll(self._decide, _TICK))
            self.memory.look()
            if self._past(_GRACE):
                self._prune_the_slow()

    @property
    def _leaving(self) -> bool:
        """Whether to abandon the trainings, so that another process runs them again."""
        return self._interrupt.requested or self.failed is not None

    @property
    def _out_of_time(self) -> bool:
        return self._past(0)

    def _past(self, grace: float) -> bool:
        """Return whether the time budget was used up at least `grace` seconds ago."""
        return self._deadline is not None and time.monotonic() >= self._deadline + grace

    @property
    def _room(self) -> bool:
        """Whether one more trial can run now."""
        few = self._at_once is None or len(self._running) < self._at_once
        return few and self._executor.free > 0

    @property
    def _wanted(self) -> bool:
        """Whether the budget allows one more trial."""
        total, asked = self._spec.search.trials, len(self._recorder.record.trials)
        return (total is None or asked < total) and not self._out_of_time

    def _ask(self) -> None:
        """Fill the free slots with new trials."""
        self._behind = False
        while self._room and self._wanted and not self._exhausted:
            number = len(self._recorder.record.trials)
            suggestion = self._backend.ask(number)
            if suggestion is None:
                self._recorder(Waited(number))
                self._exhausted = True  # until the next outcome
                return
            self._refuse_stray(number, suggestion)
            trial = Trial(number, suggestion, self._spec.search.seed)
            self._recorder(Asked(trial))
            self._submit(trial)

    def _refuse_stray(self, number: int, suggestion: object) -> None:
        """Refuse what is no point of the space, before it is in the journal for good.

        Raises:
            InputError: for a backend that breaks this law.
        """
        if not (isinstance(suggestion, Suggestion) and self._space.contains(suggestion.params)):
            raise InputError(
                f"backend {self._spec.search.backend} answers trial {number} with {suggestion!r}, "
                "which is no Suggestion of a point of the space: hold it to "
                "searchlab.testing.BackendContract"
            )
        param = self._spec.epochs_param
        if param is not None and suggestion.epochs != suggestion.params[param]:
            raise InputError(
                f"backend {self._spec.search.backend} gives trial {number} other epochs than its "
                f"param {param}: let its ask return Problem.suggestion, or leave the param out"
            )

    def _submit(self, trial: Trial) -> None:
        self._running.add(trial.number)
        self._executor.submit(
            self._jobs.trial(
                trial,
                start=self._recorder.record.clock.start(trial.number),
                keep=self._backend.resumes_weights or self._spec.evaluation.folds is None,
                synchronous=self._backend.prunes,
                weights=self._recorder.record.weights_before(trial),
            )
        )

    def _decide(self, report: Report) -> Decision:
        """Record a report and return the decision for its training."""
        if self._leaving:
            self._behind = True
            return Decision.ABANDON
        self._recorder(Reported(report))
        decision = self._answers(report)
        return Decision.STOP if self._out_of_time and not self._is_last(report) else decision

    def _is_last(self, report: Report) -> bool:
        """Return whether nothing is left to train of this report's trial."""
        epochs = self._recorder.record.trials[report.number].trial.suggestion.epochs
        return report.fold + 1 == self._spec.evaluation.trainings and report.epoch >= epochs

    def _handle(self, results: Sequence[Result]) -> None:
        """Process outcomes of trials, the only results here.

        While the study is being left, the backend must hear only what it would hear if it went on.
        An outcome is therefore dropped if it follows an abandoned report, or if an earlier outcome
        freed a slot that was not asked for; the next process runs its trial again.
        """
        for outcome in results:
            assert isinstance(outcome, Outcome)  # noqa: S101 - a trial's result
            refuse_lost(outcome)
            if self._leaving and self._behind:
                return
            self._running.discard(outcome.number)
            if self._retry(outcome):
                continue
            self._exhausted = False
            self._behind = self._wanted
            self._recorder(Told(outcome))
            self._answers.tell(outcome)
            self._tidy()
            if outcome.state is TrialState.FAIL and self._spec.search.on_failure == "stop":
                self.failed = outcome.number if self.failed is None else self.failed

    def _retry(self, outcome: Outcome) -> bool:
        """Retry a failed trial if allowed; otherwise its failure is its outcome."""
        trial = self._recorder.record.trials[outcome.number]
        if outcome.error is None or self._out_of_time:
            return False
        allowed = max(self._spec.search.retries, RERUNS.get(outcome.error.kind, 0))
        if trial.retries >= allowed:
            return False
        self._recorder(Retried(outcome.number, outcome.error))
        if not self._leaving:  # otherwise the next process finds it without an outcome
            self._submit(trial.trial)
        return True

    def _prune_the_slow(self) -> None:
        """Prune trials whose epoch outlasts the time budget, with their last reported value."""
        outcomes = []
        for number in sorted(self._running):
            self._executor.cancel(number)
            trial = self._recorder.record.trials[number]
            value = None
            if trial.reports:
                value = trial.reports[-1].metrics.get(self._spec.objective.metric)
            seconds = now() - trial.started
            outcomes.append(
                Outcome(number, TrialState.PRUNED, value, epochs=trial.epochs, seconds=seconds)
            )
        self._handle(outcomes)

    def _wind_down(self) -> None:
        """Let running trainings reach the end of an epoch; record those that end on their own."""
        until = time.monotonic() + _PATIENCE
        while not self._executor.idle and time.monotonic() < until:
            self._handle(self._executor.poll(self._decide, _TICK))

    def _tidy(self) -> None:
        """Delete models that can no longer be needed.

        Only trials whose model still exists are ranked: the others will never be among the best.
        """
        paths, backend = self._jobs.layout, self._backend
        needed: set[int | None] = {*self._executor.needed}
        ended = paths.kept() - self._running
        if not ended:
            return
        record = self._recorder.record
        if backend.resumes_weights:
            if not isinstance(backend, Continuing):
                return
            needed |= {trial.trial.suggestion.resume_from for trial in record.unfinished()}
            needed |= set(backend.continuable())
        best = best_trials(record, max(1, record.ending.top), ended)
        for number in ended - needed - {trial.trial.number for trial in best}:
            shutil.rmtree(paths.model(number), ignore_errors=True)


def refuse_lost(result: Result) -> None:
    """Raise if the disk was full, so that the job has no result and runs again on resume.

    Raises:
        StorageError: if a file of the job could not be written.
    """
    if result.error is not None and result.error.kind is FailureKind.STORAGE:
        raise StorageError(result.error.message)
