"""The port of executors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from searchlab.training.job import Job
from searchlab.trial import Decision, Outcome, Report

Decide = Callable[[Report], Decision]
"""What the loop answers to a report. An executor asks it from the thread that calls `poll`."""


class Executor(Protocol):
    """A place where trainings run, one or many at a time.

    The laws, which `tests/executors/contract.py` holds every implementation to:

    * Each submitted job ends in exactly one outcome, whatever its training does, unless it was
      abandoned (the decision ABANDON, or `close`).
    * Reports of one job come in order of fold and epoch, before its outcome, and each is decided
      on once. A job that is `synchronous` waits for each decision; any other learns of a
      decision other than CONTINUE at one of its next epochs.
    * The same job gives the same outcome (but for `seconds`) wherever and whenever it runs.
    """

    @property
    def free(self) -> int:
        """How many more jobs can be submitted now without waiting for another to end."""

    @property
    def idle(self) -> bool:
        """Whether no job is running or queued."""

    def submit(self, job: Job) -> None:
        """Starts a job, or queues it if no place is free."""

    def poll(self, decide: Decide, timeout: float) -> list[Outcome]:
        """Waits for something to happen, at most `timeout` seconds, and handles it.

        Returns:
            The outcomes of jobs that ended, possibly none.
        """

    def close(self) -> None:
        """Ends at once whatever still runs. Nothing is left behind: no process, no thread."""
