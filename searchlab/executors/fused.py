"""Trainings in fused programs: many trials at once in each of a few host processes.

Hosts (`training/fused/host.py`) run the epochs of all trials in flight in whatever order is quick.
What the loop hears of them does not depend on that: reports and outcomes are delivered in logical
time (`executors/order.py`), each only when no trial in flight can still have an earlier one. An
outcome ends a `poll`, so that the loop has asked for new trials before it hears of anything later.
Together with results that do not depend on what runs beside them, a study is then the same whatever
the machine and however many workers.

Hosts are children of the fork server, supervised like workers. One that dies costs the trial whose
factory it was calling; the others begin anew on another host, and what they had reported before is
skipped.

Trials whose model cannot be stacked are trained by a `ProcessExecutor`, and baselines are fitted
there. They are exempt from the order: their reports are decided on as they come, and they hold
nobody back. If the study's model itself cannot be stacked, or the study has limits, all its trials
are trained that way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from searchlab.core.trial import Decision, Outcome, Report
from searchlab.executors.base import Decide
from searchlab.executors.fleet import Fleet
from searchlab.executors.flight import Flight
from searchlab.executors.order import Order
from searchlab.executors.process import ProcessExecutor
from searchlab.executors.sources import Forked, Source
from searchlab.executors.worker import cores, share
from searchlab.journal.layout import StudyLayout
from searchlab.training.job import BaselineJob, Checked, Job, Result, TrialJob, waits
from searchlab.training.outcome import pruned

IN_FLIGHT = 64
"""Trials in flight, whatever the machine: what a backend is asked depends on it."""

LIMITS = "training.limits are kept by training each trial in a process of its own"
"""Why the trials of a study with limits are not fused."""

_MOST_HOSTS = 8
"""Hosts without being asked for more: each core runs best what no other core has a hand in, but
each host compiles programs of its own and holds some 500 MB."""

_AT_ONCE = 256  # reports delivered in one `poll`


class FusedExecutor:
    """Many jobs at a time, in `workers` processes or one a core, if that is more.

    There are up to `IN_FLIGHT`, or as many as workers if those are more.
    """

    enforces_limits: ClassVar = True
    counts_resources: ClassVar = False

    def __init__(
        self,
        workers: int,
        directory: Path,
        source: Source | None = None,
        processes: Callable[[int, Path], ProcessExecutor] = ProcessExecutor,
    ) -> None:
        """Starts the fork server in the background; returns at once.

        Args:
            workers: how many processes share the machine at least.
            directory: the study's directory; what trainings print goes to `workers/` in it.
            source: where hosts come from and how many, if not from the fork server.
            processes: makes the executor of jobs that cannot be fused.
        """
        self._workers, self._directory, self._make = workers, directory, processes
        hosts = max(workers, min(cores(), _MOST_HOSTS))
        self._fleet = Fleet(
            source or Forked("host", hosts, StudyLayout(directory).workers, share(hosts))
        )
        self._flights: dict[int, Flight] = {}
        self._order = Order()  # of the flights
        self._alone: dict[int, Flight] = {}
        self._processes: ProcessExecutor | None = None
        self._reason: str | None = None

    @property
    def free(self) -> int:
        """How many more jobs can be in flight."""
        if self._reason is not None:
            return self._by_process().free
        return max(0, max(IN_FLIGHT, self._workers) - len(self._flights) - len(self._alone))

    @property
    def idle(self) -> bool:
        """Whether no job is in flight."""
        return not self._flights and (self._processes is None or self._processes.idle)

    def submit(self, job: Job) -> None:
        """Hands a job to a host, or to a process of its own if it cannot be fused."""
        limits = job.spec.training.limits
        if self._reason is None and not (limits.seconds is None and limits.memory is None):
            self._stop_fusing(LIMITS)
        flight = Flight(job)
        if self._reason is not None or isinstance(job, BaselineJob):
            self._run_alone(flight, self._reason)
        else:
            self._flights[job.number] = flight
            self._order.add(flight.events)
            self._fleet.run(flight)

    def poll(self, decide: Decide, timeout: float) -> list[Result]:
        """Waits, if nothing can be delivered yet, and delivers up to the next result."""
        if not self._flights:
            return self._poll_alone(decide, timeout)
        if self._order.first() is None:  # to listen to many hosts takes a while
            others = [] if self._processes is None else self._processes.connections
            for flight, reason in self._fleet.listen(timeout, others):
                self._leave(flight.events.number)
                self._run_alone(flight, reason)
        return self._poll_alone(decide, 0) or self._deliver(decide)

    def cancel(self, number: int) -> None:
        """Ends a job; a host that may be stuck in its factory is replaced."""
        flight = self._leave(number)
        if flight is not None:
            self._fleet.cancel(flight)
        self._alone.pop(number, None)
        if self._processes is not None:
            self._processes.cancel(number)

    def close(self) -> None:
        """Ends all hosts and processes, running or not."""
        self._flights.clear()
        self._alone.clear()
        self._fleet.close()
        if self._processes is not None:
            self._processes.close()

    def _deliver(self, decide: Decide) -> list[Result]:
        """Delivers what the order allows, up to the first result."""
        for _ in range(_AT_ONCE):
            line = self._order.first()
            if line is None:
                break
            flight, event = self._flights[line.number], line.take()
            if not isinstance(event, Report):
                return [self._ended(event)]
            if (outcome := self._answer(flight, event, decide(event))) is not None:
                return [outcome]
        return []

    def _answer(self, flight: Flight, report: Report, decision: Decision) -> Outcome | None:
        """Does what was decided on a report; the outcome of a trial that is told to stop."""
        if decision is Decision.STOP and report.diverged is not None:
            return None  # its host says next that it is a FAIL
        if decision not in (Decision.STOP, Decision.ABANDON):
            if waits(flight.job):
                self._fleet.go_on(flight)
            return None
        self._leave(flight.events.number)
        self._fleet.drop(flight)
        if decision is Decision.ABANDON or not isinstance(flight.job, TrialJob):
            return None
        outcome = pruned(flight.job, report, epochs=flight.events.delivered)
        return replace(outcome, seconds=flight.seconds)

    def _ended(self, result: Result) -> Result:
        self._leave(result.number)
        if isinstance(result, Checked) and result.unfused is not None:
            self._stop_fusing(result.unfused)
        return result

    def _leave(self, number: int) -> Flight | None:
        """Takes a trial out of those in flight, if it is one of them."""
        self._order.remove(number)
        return self._flights.pop(number, None)

    # ---- jobs that cannot be fused

    def _by_process(self) -> ProcessExecutor:
        if self._processes is None:
            self._processes = self._make(self._workers, self._directory)
        return self._processes

    def _stop_fusing(self, reason: str) -> None:
        """Trains all that has no outcome, and all that comes, by itself."""
        self._reason = reason
        self._fleet.end()
        for number, flight in list(self._flights.items()):
            if not flight.events.ended:
                self._leave(number)
                self._run_alone(flight, reason)

    def _run_alone(self, flight: Flight, reason: str | None) -> None:
        flight.reason, flight.received = reason, 0
        self._alone[flight.events.number] = flight
        self._by_process().submit(flight.job)

    def _poll_alone(self, decide: Decide, timeout: float) -> list[Result]:
        if self._processes is None:
            return []

        def answer(report: Report) -> Decision:
            flight = self._alone.get(report.number)
            if flight is not None:
                flight.received += 1
                if flight.received <= flight.events.delivered:  # decided on when a host reported it
                    return Decision.CONTINUE
            decision = decide(report)
            if decision is Decision.ABANDON:
                self._alone.pop(report.number, None)
            return decision

        results = self._processes.poll(answer, timeout)
        return [
            _with_reason(result, self._alone.pop(result.number).reason)
            for result in results
            if result.number in self._alone
        ]


def _with_reason(result: Result, reason: str | None) -> Result:
    """Note why a trial, or a check, was not fused."""
    if isinstance(result, Outcome | Checked):
        return replace(result, unfused=reason)
    return result
