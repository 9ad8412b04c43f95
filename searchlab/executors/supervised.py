"""A worker as the loop's side sees it: its job, its limits, its end."""

from __future__ import annotations

import time
from dataclasses import replace

from searchlab.core.trial import Failure, FailureKind
from searchlab.executors.sources import Process
from searchlab.training.job import Job, Result

LIFETIME = 50  # jobs; TensorFlow keeps 1 to 2 MB of each training, whatever is cleared


class Worker:
    """One process with the job that it is at.

    Attributes:
        process: the process.
        index: its number.
        job: the job, or None while idle.
    """

    def __init__(self, process: Process, index: int) -> None:
        """Has no job yet."""
        self.process, self.index = process, index
        self.job: Job | None = None
        self._jobs = 0
        self._ready = False
        self._begun = time.monotonic()

    def start(self, job: Job) -> bool:
        """Sends a job; False if the worker is not there any more."""
        try:
            self.process.connection.send(job)
        except OSError:
            return False
        self.job, self._begun = job, time.monotonic()
        self._jobs += 1
        return True

    @property
    def worn(self) -> bool:
        """Whether the process has run so many jobs that a new one is due."""
        return self._jobs >= LIFETIME

    def answer(self, decision: object) -> None:
        """Answers a report; a worker that is gone is noticed at the next receive."""
        try:
            self.process.connection.send(decision)
        except OSError:
            return

    def began(self) -> None:
        """Notes that the worker has started up; a job's time does not count before."""
        self._ready, self._begun = True, time.monotonic()

    def breach(self) -> Failure | None:
        """The limit that the job has gone beyond, if any."""
        if self.job is None or not self._ready:
            return None
        limits = self.job.spec.training.limits
        if limits.seconds is not None and self._seconds() > limits.seconds:
            return Failure(
                "TimeLimit",
                f"took more than the {limits.seconds:g} s of training.limits.seconds and was "
                "killed: raise the limit, or see the traceback for where it was",
                kind=FailureKind.TIME_LIMIT,
            )
        if limits.memory is not None and (used := self.process.memory()) > limits.memory:
            return Failure(
                "MemoryLimit",
                f"its worker process used {_size(used)}, more than the {_size(limits.memory)} of "
                "training.limits.memory, and was killed: raise the limit, or make the model or "
                "its batches smaller",
                kind=FailureKind.MEMORY_LIMIT,
            )
        return None

    def died(self) -> Result:
        """The outcome of the job of a worker that is gone."""
        return self._failed(self.process.death())

    def killed(self, failure: Failure) -> Result:
        """Kills the process for a reason; the outcome says where its training was."""
        words = self.process.dump()
        self.process.kill()
        return self._failed(replace(failure, traceback=words))

    def _failed(self, failure: Failure) -> Result:
        assert self.job is not None  # noqa: S101 - only busy workers have outcomes
        return self.job.gives.failed(self.job.number, failure, self._seconds())

    def _seconds(self) -> float:
        return time.monotonic() - self._begun


def _size(size: float) -> str:
    return f"{size / 1e9:.2f} GB"
