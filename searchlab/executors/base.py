"""The port of executors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Protocol

from searchlab.core.trial import Decision, FailureKind, Report
from searchlab.training.job import Job, Result

Decide = Callable[[Report], Decision]
"""What the loop answers to a report. An executor asks it from the thread that calls `poll`."""

RERUNS = {FailureKind.WORKER_KILLED: 1, FailureKind.NODE_LOST: 5}
"""How often a job is run again after a failure of a kind that need not be its own.

A training that is too large is killed by the kernel each time, and may take its machine with it.
"""


class Executor(Protocol):
    """A place where trainings run, one or many at a time.

    The laws, which `searchlab.testing.ExecutorContract` holds every implementation to:

    * Each submitted job ends in exactly one result, of the type that its `gives` names, whatever
      its training does, unless it was abandoned (the decision ABANDON, `cancel`, or `close`).
      Reports and the result carry the job's number.
    * Reports of one job come in order of fold and epoch, before its result, and each is decided
      on once. A `TrialJob` that is `synchronous` waits for each decision; any other job learns of
      a decision other than CONTINUE at one of its next epochs. STOP ends a `TrialJob` PRUNED, and
      any other job without a result.
    * A job that goes beyond the study's `training.limits` is ended and fails, where the executor
      enforces limits.
    * The same job gives the same result (but for `seconds`) wherever and whenever it runs.
    """

    enforces_limits: ClassVar[bool]
    """Whether it can end a training that does not end by itself."""

    counts_resources: ClassVar[bool]
    """Whether it gives each training what the study's `training.resources` say."""

    def __init__(self, workers: int, directory: Path) -> None:
        """Makes ready for jobs.

        Args:
            workers: how many jobs run at once, or are in flight at least.
            directory: the study's directory.

        Raises:
            SearchlabError: if there is no place where they can run.
        """

    @property
    def free(self) -> int:
        """How many more jobs can be submitted now without waiting for another to end."""

    @property
    def idle(self) -> bool:
        """Whether no job is running or queued."""

    def submit(self, job: Job) -> None:
        """Starts a job, or queues it if no place is free."""

    def poll(self, decide: Decide, timeout: float) -> list[Result]:
        """Waits for something to happen, at most `timeout` seconds, and handles it.

        Returns:
            The results of jobs that ended, possibly none.
        """

    def cancel(self, number: int) -> None:
        """Ends a job at once, wherever it is; it has no result."""

    def close(self) -> None:
        """Ends at once whatever still runs. Nothing is left behind: no process, no thread."""
