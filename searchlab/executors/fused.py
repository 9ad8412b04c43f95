"""Trainings in fused programs: many trials at once in each of a few host processes.

Hosts (`fused/host.py`) run the epochs of all trials in flight in whatever order is fast. The loop
does not notice that order: reports and outcomes are delivered in logical time
(`executors/order.py`), each only when no trial in flight can still have an earlier one. An outcome
ends a `poll`, so that the loop asks for new trials before it hears of anything later. Since results
do not depend on concurrent trainings either, a study is the same on any machine and with any number
of workers.

Hosts are children of the fork server, supervised like workers. A host that dies costs the trial
whose factory it was calling; the others start over on another host, and reports that they made
before are skipped.

Trials whose model cannot be stacked are trained by a `ProcessExecutor`, which also fits baselines.
They are exempt from the order: their reports are decided as they come, and they hold nothing back.
If the study's model itself cannot be stacked, or the study has limits, all its trials are trained
that way.
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
"""Trials in flight on any machine, because the backend's suggestions depend on this number."""

LIMITS = "training.limits are kept by training each trial in a process of its own"
"""The reason why the trials of a study with limits are not fused."""

_MOST_HOSTS = 8
"""The default maximum of hosts: a core works best undisturbed, but each host compiles its own
programs and uses some 500 MB."""

_AT_ONCE = 256  # reports delivered in one `poll`


class FusedExecutor:
    """Many jobs at a time, in `workers` processes or one per core, whichever is more.

    Up to `IN_FLIGHT` jobs are in flight, or as many as there are workers if that is more.
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
        """Start the fork server in the background without waiting for it.

        Args:
            workers: minimum number of processes that share the machine.
            directory: the study's directory; trainings' output goes to its `workers/`.
            source: the source of hosts; the fork server if None.
            processes: creates the executor of jobs that cannot be fused.
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
        """Number of further jobs that can be in flight."""
        if self._reason is not None:
            return self._by_process().free
        return max(0, max(IN_FLIGHT, self._workers) - len(self._flights) - len(self._alone))

    @property
    def idle(self) -> bool:
        """Whether no job is in flight."""
        return not self._flights and (self._processes is None or self._processes.idle)

    def submit(self, job: Job) -> None:
        """Pass a job to a host, or to a process of its own if it cannot be fused."""
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
        """Wait only if nothing can be delivered yet, and deliver events up to the next result."""
        if not self._flights:
            return self._poll_alone(decide, timeout)
        if self._order.first() is None:  # listening to many hosts takes a while
            others = [] if self._processes is None else self._processes.connections
            for flight, reason in self._fleet.listen(timeout, others):
                self._leave(flight.events.number)
                self._run_alone(flight, reason)
        return self._poll_alone(decide, 0) or self._deliver(decide)

    def cancel(self, number: int) -> None:
        """Cancel a job; replace its host if that may be stuck in the job's factory."""
        flight = self._leave(number)
        if flight is not None:
            self._fleet.cancel(flight)
        self._alone.pop(number, None)
        if self._processes is not None:
            self._processes.cancel(number)

    def close(self) -> None:
        """Kill all hosts and processes, busy or idle."""
        self._flights.clear()
        self._alone.clear()
        self._fleet.close()
        if self._processes is not None:
            self._processes.close()

    def _deliver(self, decide: Decide) -> list[Result]:
        """Deliver the events that the order allows, up to the first result."""
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
        """Carry out the decision on a report; return the outcome of a trial that is stopped."""
        if decision is Decision.STOP and report.diverged is not None:
            return None  # its host will report the FAIL next
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
        """Remove a job from those in flight, and return its flight if it was one of them."""
        self._order.remove(number)
        return self._flights.pop(number, None)

    # ---- jobs that cannot be fused

    def _by_process(self) -> ProcessExecutor:
        if self._processes is None:
            self._processes = self._make(self._workers, self._directory)
        return self._processes

    def _stop_fusing(self, reason: str) -> None:
        """Train alone all jobs without a result, and all later ones."""
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
                if flight.received <= flight.events.delivered:  # decided when a host reported it
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
    """Add the reason why a trial or a check was not fused."""
    if isinstance(result, Outcome | Checked):
        return replace(result, unfused=reason)
    return result
