"""Trainings in the process of the search loop, one at a time, for debugging and for tests."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import ClassVar

from searchlab.core.garbage import no_collection
from searchlab.core.quiet import quiet
from searchlab.core.trial import Decision, Report
from searchlab.executors.base import Decide
from searchlab.training.job import Job, Result


class InlineExecutor:
    """An executor that runs jobs inside `poll`, so that debuggers stop in the factory itself."""

    enforces_limits: ClassVar = False
    counts_resources: ClassVar = False

    def __init__(self, workers: int, directory: Path) -> None:  # noqa: ARG002 - part of the port
        """Ignore `workers` and `directory`, which only executors with processes need."""
        self._queue: deque[Job] = deque()

    @property
    def free(self) -> int:
        """1 if no job is queued, else 0."""
        return 0 if self._queue else 1

    @property
    def idle(self) -> bool:
        """Whether no job is queued."""
        return not self._queue

    def submit(self, job: Job) -> None:
        """Queue a job for the next `poll`."""
        self._queue.append(job)

    def poll(self, decide: Decide, timeout: float) -> list[Result]:  # noqa: ARG002
        """Run the next job to its end; `timeout` does not limit the training."""
        with quiet(), no_collection():
            from searchlab.training.fit import run

        if not self._queue:
            return []
        troubles: list[Exception] = []

        def answer(report: Report) -> Decision:
            # The loop's own exception, such as a full disk, must not become the training's error.
            try:
                return decide(report)
            except Exception as error:
                troubles.append(error)
                return Decision.ABANDON

        try:
            result = run(self._queue[0], answer)
        finally:
            self._queue.popleft()
        if troubles:
            raise troubles[0]
        return [] if result is None else [result]

    def cancel(self, number: int) -> None:
        """Remove a queued job; none is running between two polls."""
        self._queue = deque(job for job in self._queue if job.number != number)

    def close(self) -> None:
        """Discard the queued jobs."""
        self._queue.clear()
