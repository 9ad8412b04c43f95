"""The hosts of fused trainings: assignment of jobs, messages, and replacement after a death."""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Hashable
from itertools import count

from searchlab.core.trial import FailureKind
from searchlab.executors.base import RERUNS
from searchlab.executors.flight import Flight
from searchlab.executors.sources import Channel, Process, Source, wait
from searchlab.fused.messages import (
    Began,
    Building,
    Built,
    Decided,
    Declined,
    Drop,
    Ended,
    Epoch,
    Submit,
    ToHost,
    Worn,
)
from searchlab.training.job import waits

_LOOK = 0.2  # seconds until a failed send or start is tried again
_AT_ONCE = 100  # messages taken from one host before the others get their turn
_DEATHS = 2  # hosts that may die under a job before it is blamed

_LEAD = 4
"""Maximum lead, in jobs, of a host that still gets jobs similar to its own; less if hosts have
fewer jobs on average, because the loop hears of all jobs at the pace of the slowest."""


class _Host:
    """A host and the flights assigned to it, by the ids of their submissions.

    Attributes:
        building: the submission whose factory is running, as far as is known.
        worn: whether it accepts no new jobs.
    """

    def __init__(self, process: Process, index: int) -> None:
        self.process, self.index = process, index
        self.flights: dict[int, Flight] = {}
        self.building: int | None = None
        self.worn = False
        self._outbox: deque[ToHost] = deque()

    def say(self, message: ToHost) -> None:
        self._outbox.append(message)
        self.flush()

    def flush(self) -> None:
        """Send as many messages as possible without waiting for a host that is stuck in a factory.

        A socket that counts as writable has room for many messages.
        """
        if not self._outbox:
            return
        poller = select.poll()
        poller.register(self.process.connection, select.POLLOUT)
        while self._outbox and poller.poll(0):
            try:
                self.process.connection.send(self._outbox[0])
            except OSError:  # the host is gone, which is noticed when its messages are read
                return
            self._outbox.popleft()

    def spare(self) -> list[Flight]:
        """Return the flights that an idle host would come to sooner, those served last at the end.

        The first that waits for its program is being served. Those that are like it or like others
        here have or share a program.
        """
        order = sorted(self.flights.values(), key=lambda each: (each.job.start, each.id))
        waiting = [each for each in order if each.waiting]
        known = {each.kin for each in order if not each.waiting}
        known |= {each.kin for each in waiting[:1]}
        return [each for each in waiting if each.kin not in known]

    def release(self, number: int) -> Flight | None:
        """Remove and return a submission; return None if it was dropped before."""
        if self.building == number:
            self.building = None
        return self.flights.pop(number, None)


class Fleet:
    """All hosts: a limited number that take new jobs, and those that finish their last ones."""

    def __init__(self, source: Source) -> None:
        """Begin without hosts, which start with the first job."""
        self._source = source
        self._hosts: list[_Host] = []
        self._queue: deque[Flight] = deque()
        self._ids = count()
        self._homes: dict[Hashable, _Host] = {}

    def run(self, flight: Flight) -> None:
        """Send a flight to the host with the fewest flights, as soon as there is one."""
        self._queue.append(flight)
        self._dispatch()

    def go_on(self, flight: Flight) -> None:
        """Tell a host that the reports delivered so far were answered with CONTINUE."""
        if (at := self._at(flight)) is not None:
            at.say(Decided(flight.id, flight.events.delivered))

    def drop(self, flight: Flight) -> None:
        """End a flight that has reported, and tell its host to forget it."""
        if flight in self._queue:  # its host has died
            self._queue.remove(flight)
        if (at := self._at(flight)) is not None:
            at.release(flight.id)
            at.say(Drop(flight.id))

    def cancel(self, flight: Flight) -> None:
        """End a flight in any state: a host that is in its factory cannot receive messages."""
        at = self._at(flight)
        if at is not None and at.building == flight.id:
            at.release(flight.id)
            self._scrap(at)
        else:
            self.drop(flight)

    def listen(self, timeout: float, others: list[Channel]) -> list[tuple[Flight, str]]:
        """Wait for messages from the hosts or from one of `others`, and process those of the hosts.

        Returns:
            The flights that hosts have declined, with the reasons.
        """
        self._dispatch()
        hosts = {each.process.connection: each for each in self._hosts}
        if self._queue and not hosts:
            self._source.ready(min(timeout, _LOOK))
            return []
        declined: list[tuple[Flight, str]] = []
        for connection in wait([*hosts, *others], min(timeout, _LOOK)):
            if connection in hosts:
                declined += self._hear(hosts[connection])
        self._dispatch()
        return declined

    def end(self) -> None:
        """Kill all hosts at once; safe to call twice."""
        for each in self._hosts:
            each.process.kill()
        self._hosts.clear()
        self._queue.clear()

    def close(self) -> None:
        """Kill all hosts and start no more."""
        self.end()
        self._source.close()

    def _at(self, flight: Flight) -> _Host | None:
        return next((each for each in self._hosts if flight.id in each.flights), None)

    def _dispatch(self) -> None:
        for each in list(self._hosts):
            each.flush()
            if each.worn and not each.flights:
                self._hosts.remove(each)
                each.process.kill()
        while self._queue and (found := self._place(self._queue[0])) is not None:
            self._give(self._queue.popleft(), found)
        for each in self._hosts:
            if not (each.flights or each.worn) and (moved := self._spare()) is not None:
                self._homes[moved.kin] = each
                self._give(moved, each)

    def _give(self, flight: Flight, to: _Host) -> None:
        flight.id, flight.received, flight.waiting = next(self._ids), 0, False
        to.flights[flight.id] = flight
        to.say(Submit(flight.id, flight.job))

    def _spare(self) -> Flight | None:
        """Take from a busy host the job that it would come to last, for an idle one; maybe none."""
        spare = {each: each.spare() for each in self._hosts}
        most = max(spare, key=lambda each: len(spare[each]), default=None)
        if most is None or not spare[most]:
            return None
        last = spare[most][-1]
        most.release(last.id)
        most.say(Drop(last.id))
        return last

    def _place(self, flight: Flight) -> _Host | None:
        """Choose the host for a job: its kin's, unless another has none or far fewer jobs.

        Kin share programs, which take a second to compile. A new host is started if all have jobs
        and another is allowed.
        """
        fresh = [each for each in self._hosts if not each.worn]
        least = min(fresh, key=lambda each: len(each.flights), default=None)
        idle = least is not None and not least.flights
        if not idle and len(fresh) < self._source.size and self._source.ready(0):
            taken = {each.index for each in self._hosts}
            index = next(index for index in count() if index not in taken)
            least = _Host(self._source.start(index), index)
            self._hosts.append(least)
        if least is None:
            return None
        home = self._homes.get(flight.kin)
        lead = min(_LEAD, sum(len(each.flights) for each in self._hosts) // len(self._hosts))
        if home in fresh and len(home.flights) <= len(least.flights) + lead:
            return home
        self._homes[flight.kin] = least
        return least

    def _hear(self, at: _Host) -> list[tuple[Flight, str]]:
        """Process a host's messages so far; return the flights that it declines."""
        declined: list[tuple[Flight, str]] = []
        for _ in range(_AT_ONCE):
            try:
                if not at.process.connection.poll():
                    break
                message = at.process.connection.recv()
            except (EOFError, OSError):
                self._lost(at)
                break
            if isinstance(message, Declined):
                if (flight := at.release(message.id)) is not None:
                    declined.append((flight, message.reason))
            elif isinstance(message, Building) and message.id not in at.flights:
                self._scrap(at)  # cancelled while its factory was called, which may be stuck
                break
            else:
                self._take(at, message)
        return declined

    def _take(self, at: _Host, message: object) -> None:
        match message:
            case Building(number):
                at.building = number
                at.flights[number].note(began=False)
            case Built(number):
                at.building = None if at.building == number else at.building
                if number in at.flights:
                    at.flights[number].waiting = True
            case Began(number):
                at.building = None if at.building == number else at.building
                if number in at.flights:
                    at.flights[number].note(began=True)
                    at.flights[number].waiting = False
            case Epoch(number, report, last) if number in at.flights:
                flight = at.flights[number]
                flight.received += 1
                if flight.received > flight.events.known:
                    flight.events.report(report, last)
                elif waits(flight.job) and flight.received <= flight.events.delivered:
                    self.go_on(flight)  # already decided when another host reported it
            case Ended(number, result):
                if (ended := at.release(number)) is not None:
                    ended.events.end(result)
            case Worn():
                at.worn = True

    def _lost(self, at: _Host) -> None:
        """Handle a host's death: fail the job in the factory, or jobs that saw too many deaths."""
        failure, blamed = at.process.death(), at.building
        if failure.kind is FailureKind.NODE_LOST:
            blamed = None
            for flight in at.flights.values():
                flight.losses += 1
        elif blamed is None:
            for flight in at.flights.values():
                flight.deaths += 1
        most = RERUNS[FailureKind.NODE_LOST]
        for number, flight in list(at.flights.items()):
            if number == blamed or flight.deaths >= _DEATHS or flight.losses > most:
                flight.fail(failure)
                del at.flights[number]
        self._replace(at)

    def _scrap(self, at: _Host) -> None:
        at.process.kill()
        self._replace(at)

    def _replace(self, at: _Host) -> None:
        """Queue a lost host's flights again, ahead of all others."""
        self._hosts.remove(at)
        self._queue.extendleft(reversed(at.flights.values()))
