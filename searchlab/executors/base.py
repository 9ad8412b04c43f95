"""The port of executors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Protocol

from searchlab.core.trial import Decision, Failure, FailureKind, Report
from searchlab.training.job import Job, Result

Decide = Callable[[Report], Decision]
"""A function that returns the loop's decision on a report; called in the thread of `poll`."""

RERUNS = {FailureKind.WORKER_KILLED: 1, FailureKind.NODE_LOST: 5}
"""Number of reruns of a job after each kind of failure that may not be its own fault.

A training that is too large is killed by the kernel each time, and may take its machine with it.
"""


def runs_again(error: Failure | None, runs: int) -> bool:
    """Return whether a job that has failed is run again, after so many earlier reruns."""
    return error is not None and runs < RERUNS.get(error.kind, 0)


class Executor(Protocol):
    """A place where trainings run, one or many at a time.

    The laws, to which `searchlab.testing.ExecutorContract` holds every implementation:

    * Each submitted job ends in exactly one result, of the type named by its `gives`, whatever its
      training does, unless it was abandoned (the decision ABANDON, `cancel`, or `close`). Reports
      and the result carry the job's number.
    * Reports of one job come in order of fold and epoch, before its result, and each is decided
      once. A `TrialJob` that is `synchronous` waits for each decision; any other job learns of a
      decision other than CONTINUE at one of its next epochs. STOP ends a `TrialJob` PRUNED, and
      any other job without a result.
    * A job that exceeds the study's `training.limits` is killed and fails, if the executor enforces
      limits.
    * The same job gives the same result (except for `seconds`) wherever and whenever it runs.
    """

    enforces_limits: ClassVar[bool]
    """Whether the executor can kill a training that does not end by itself."""

    counts_resources: ClassVar[bool]
    """Whether each training is given the resources of the study's `training.resources`."""

    def __init__(self, workers: int, directory: Path) -> None:
        """Get ready for jobs.

        Args:
            workers: number of jobs that run at once, or the minimum in flight.
            directory: the study's directory.

        Raises:
            SearchlabError: if there is no place for jobs to run.
        """

    @property
    def free(self) -> int:
        """Number of jobs that can be submitted now without waiting for another to end."""

    @property
    def idle(self) -> bool:
        """Whether no job is running or queued."""

    def submit(self, job: Job) -> None:
        """Start a job, or queue it if no slot is free."""

    def poll(self, decide: Decide, timeout: float) -> list[Result]:
        """Wait at most `timeout` seconds for events, and handle them.

        Returns:
            The results of jobs that ended, possibly none.
        """

    def cancel(self, number: int) -> None:
        """Kill a job at once, whatever its state; it has no result."""

    def close(self) -> None:
        """Kill all running jobs at once, and leave no process or thread behind."""
