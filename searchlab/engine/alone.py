"""A job that an executor runs by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchlab.core.interrupt import Interrupt
from searchlab.core.trial import Decision, Report
from searchlab.executors.base import runs_again
from searchlab.training.job import Job, Result

if TYPE_CHECKING:
    from searchlab.executors.base import Executor


def run_alone(
    executor: Executor, job: Job, interrupt: Interrupt, *, stop_after: int | None = None
) -> Result | None:
    """Run a job to its end, again if its worker is lost; return None if interrupted before.

    Args:
        executor: an executor without jobs.
        job: the job.
        interrupt: checked after each epoch.
        stop_after: number of reports after which the job is told to stop, if it is.
    """
    runs = 0
    while True:
        result = _run(executor, job, interrupt, stop_after)
        if result is None or not runs_again(result.error, runs):
            return result
        runs += 1


def _run(
    executor: Executor, job: Job, interrupt: Interrupt, stop_after: int | None
) -> Result | None:
    reports = 0

    def decide(_: Report) -> Decision:
        nonlocal reports
        reports += 1
        if interrupt.requested:
            return Decision.ABANDON
        stops = stop_after is not None and reports >= stop_after
        return Decision.STOP if stops else Decision.CONTINUE

    executor.submit(job)
    while not (executor.idle or interrupt.requested):
        for result in executor.poll(decide, timeout=0.2):
            return result
    return None
