"""Trainings in the process of the search loop, one at a time: for debugging and for tests."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from searchlab.executors.base import Decide
from searchlab.training.job import Job
from searchlab.training.quiet import quiet
from searchlab.trial import Outcome


class InlineExecutor:
    """Runs each job inside of `poll`, so that a debugger stops in the factory's own lines."""

    def __init__(self, workers: int, directory: Path) -> None:  # noqa: ARG002 - the port's form
        """Makes the executor; `workers` and `directory` are for executors with processes."""
        self._queue: deque[Job] = deque()

    @property
    def free(self) -> int:
        """One place."""
        return 0 if self._queue else 1

    @property
    def idle(self) -> bool:
        """Whether no job is queued."""
        return not self._queue

    def submit(self, job: Job) -> None:
        """Queues a job for the next `poll`."""
        self._queue.append(job)

    def poll(self, decide: Decide, timeout: float) -> list[Outcome]:  # noqa: ARG002
        """Runs the next job to its end; `timeout` does not bound a training."""
        with quiet():
            from searchlab.training.fit import run

        if not self._queue:
            return []
        try:
            outcome = run(self._queue[0], decide)
        finally:
            self._queue.popleft()
        return [] if outcome is None else [outcome]

    def close(self) -> None:
        """Forgets the queued jobs."""
        self._queue.clear()
