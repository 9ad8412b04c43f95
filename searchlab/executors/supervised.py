"""A worker from the loop's side: its job, its limits, its end."""

from __future__ import annotations

import time
from dataclasses import replace

from searchlab.core.trial import Failure, FailureKind
from searchlab.executors.sources import Process
from searchlab.training.job import Job, Result

LIFETIME = 50  # jobs; TensorFlow leaks 1 to 2 MB per training, whatever is cleared


class Worker:
    """One process with its current job.

    Attributes:
        process: the process.
        index: its number.
        job: the job, or None while idle.
    """

    def __init__(self, process: Process, index: int) -> None:
        """Begin without a job."""
        self.process, self.index = process, index
        self.job: Job | None = None
        self._jobs = 0
        self._ready = False
        self._begun = time.monotonic()

    def start(self, job: Job) -> bool:
        """Send a job; return False if the worker is gone."""
        try:
            self.process.connection.send(job)
        except OSError:
            return False
        self.job, self._begun = job, time.monotonic()
        self._jobs += 1
        return True

    @property
    def worn(self) -> bool:
        """Whether the process has run so many jobs that it should be replaced."""
        return self._jobs >= LIFETIME

    def answer(self, decision: object) -> None:
        """Answer a report; if the worker is gone, the next receive notices it."""
        try:
            self.process.connection.send(decision)
        except OSError:
            return

    def began(self) -> None:
        """Record that the worker has started up, from which a job's time counts."""
        self._ready, self._begun = True, time.monotonic()

    def breach(self) -> Failure | None:
        """Return the failure for the limit that the job exceeds, if any."""
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
        """Return the result of the job of a worker that is gone."""
        return self._failed(self.process.death())

    def killed(self, failure: Failure) -> Result:
        """Kill the process; return its job's result, which says where its training was."""
        words = self.process.dump()
        self.process.kill()
        return self._failed(replace(failure, traceback=words))

    def _failed(self, failure: Failure) -> Result:
        assert self.job is not None  # noqa: S101 - only busy workers have results
        return self.job.gives.failed(self.job.number, failure, self._seconds())

    def _seconds(self) -> float:
        return time.monotonic() - self._begun


def _size(size: float) -> str:
    return f"{size / 1e9:.2f} GB"
