"""Saved weights that are missing or are not the journal's: train them again, then what needs them.

A training that finds the weights that it starts from lost fails as such. Its trial waits until the
other one has been trained again, which gives the same weights: seed, rows and epochs are the same.
That training comes first in logical time, so that meanwhile no other trial is heard of, and the
backend hears the same as if nothing had been lost.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

from searchlab.core.interrupt import Interrupt
from searchlab.core.trial import Decision, FailureKind, Outcome, Report
from searchlab.engine.jobs import Jobs
from searchlab.engine.recorder import Recorder
from searchlab.executors.base import Decide, Executor, runs_again
from searchlab.journal.events import Retrained
from searchlab.training.job import FinalJob, Job, Result, TrialJob

_FAR = 2**40  # more reports than any training makes


class Restoring:
    """An executor's jobs, and before them the trials whose saved weights they lack."""

    def __init__(
        self, executor: Executor, jobs: Jobs, recorder: Recorder, interrupt: Interrupt
    ) -> None:
        """Wrap an executor.

        Args:
            executor: the executor.
            jobs: the factory of the study's jobs.
            recorder: records that a trial was trained again.
            interrupt: ends such a training at its next epoch when set.
        """
        self._executor, self._jobs = executor, jobs
        self._recorder, self._interrupt = recorder, interrupt
        self._given: dict[int, Job] = {}
        self._waiting: dict[int, list[Job]] = {}  # by the number of what is needed
        self._restored: set[int] = set()  # jobs whose weights have been trained again
        self._runs: Counter[int] = Counter()
        self._cut = False  # whether such a training was abandoned, which would come first

    @property
    def free(self) -> int:
        """Number of jobs that can be submitted now without waiting for another to end."""
        return self._executor.free

    @property
    def idle(self) -> bool:
        """Whether no more results are to be expected."""
        return self._cut or self._executor.idle

    @property
    def needed(self) -> set[int]:
        """The trials whose weights jobs without a result start from."""
        jobs = [*self._given.values(), *itertools.chain(*self._waiting.values())]
        return {number for job in jobs if (number := _source(job)) is not None}

    def submit(self, job: Job) -> None:
        """Start a job, or queue it if no slot is free."""
        self._given[job.number] = job
        self._executor.submit(job)

    def poll(self, decide: Decide, timeout: float) -> list[Result]:
        """Wait for events, and return the results of jobs that were submitted."""

        def answer(report: Report) -> Decision:
            if report.number not in self._waiting:
                return decide(report)
            self._cut = self._cut or self._interrupt.requested
            return Decision.ABANDON if self._cut else Decision.CONTINUE

        results = [] if self._cut else self._executor.poll(answer, timeout)
        if self._cut:
            return []  # later in logical time than what was abandoned
        return [each for result in results for each in self._take(result)]

    def cancel(self, number: int) -> None:
        """Kill a job at once, or what it waits for."""
        for needed, jobs in list(self._waiting.items()):
            jobs[:] = [job for job in jobs if job.number != number]
            if not jobs:
                del self._waiting[needed]
                self.cancel(needed)
        self._given.pop(number, None)
        self._executor.cancel(number)

    def _take(self, result: Result) -> list[Result]:
        job, error = self._given.pop(result.number), result.error
        lost = error is not None and error.kind is FailureKind.LOST
        source = _source(job)
        if lost and source is not None and job.number not in self._restored:
            self._restore(job, source)
            return []
        self._restored.discard(job.number)
        if job.number not in self._waiting:
            return [result]
        if runs_again(error, self._runs[job.number]):
            self._runs[job.number] += 1
            self.submit(job)
            return []
        return self._go_on(job, result)

    def _restore(self, job: Job, source: int) -> None:
        """Train the trial again whose weights a job lacks."""
        record = self._recorder.record
        trial = record.trials[source].trial
        number = -1 - trial.number  # neither a trial nor another job has it
        self._restored.add(job.number)
        if number in self._waiting:
            self._waiting[number].append(job)
            return
        self._waiting[number] = [job]
        weights, start = record.weights_before(trial), job.start - _FAR
        self.submit(self._jobs.trial(trial, number, start=start, keep=True, weights=weights))

    def _go_on(self, done: Job, result: Result) -> list[Result]:
        """Run the jobs that waited for a trial's weights, or let them fail."""
        jobs, error = self._waiting.pop(done.number), result.error
        number = -1 - done.number
        if error is None and isinstance(result, Outcome):
            self._recorder(Retrained(number, result.weights))
            for job in jobs:
                self.submit(_with(job, result.weights))
            return []
        ended: list[Result] = []
        for job in jobs:
            assert error is not None  # noqa: S101 - nothing stops such a training
            why = f"the weights of trial {number} are lost, and it cannot be trained again: "
            self._given[job.number] = job
            failure = replace(error, message=why + error.message)
            ended += self._take(job.gives.failed(job.number, failure, result.seconds))
        return ended


def _source(job: Job) -> int | None:
    """Return the number of the trial whose weights a job starts from, if any."""
    match job:
        case TrialJob():
            return job.trial.suggestion.resume_from
        case FinalJob() if job.weights:
            return job.trial.number
    return None


def _with(job: Job, weights: tuple[str, ...]) -> Job:
    return replace(job, weights=weights) if isinstance(job, TrialJob | FinalJob) else job
