"""The logical order of what many jobs that run at once have to say.

Times are those of `searchlab.journal.clock`: a job's n-th report, over all its folds, comes n
after the job's start. Its result comes with its last report, if that one was marked as the last,
and one later if it was not, as when an epoch failed. So the time of a job's next event depends on
nothing but the events before it, and the earliest event of all is known before it is there.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field

from searchlab.core.trial import Report
from searchlab.training.job import Result


@dataclass(eq=False)
class JobEvents:
    """The events of one job, as they came and not yet delivered.

    Attributes:
        number: the job's number.
        start: the job's logical start.
        delivered: how many reports have been taken.
        ended: whether the result is there.
    """

    number: int
    start: int
    delivered: int = 0
    ended: bool = False
    _last: bool = False
    _events: deque[tuple[Report | Result, bool]] = field(default_factory=deque)

    @property
    def known(self) -> int:
        """How many reports have come, those that have been taken among them."""
        return self.delivered + len(self._events) - self.ended

    @property
    def ready(self) -> bool:
        """Whether the next event is there."""
        return bool(self._events)

    @property
    def next(self) -> tuple[int, int]:
        """The place of the next event in the order, there or not: its time and the job."""
        return self.start + self.delivered + (not self._last), self.number

    def report(self, report: Report, last: bool) -> None:
        """Takes in the next report; `last` if only the result can follow."""
        self._events.append((report, last))

    def end(self, result: Result) -> None:
        """Takes in the result."""
        self._events.append((result, False))
        self.ended = True

    def take(self) -> Report | Result:
        """Gives out the next event."""
        event, last = self._events.popleft()
        if isinstance(event, Report):
            self.delivered += 1
            self._last = last
        return event


class Order:
    """The events of all jobs in flight, with a heap of the places of their next events.

    A place in the heap may be out of date. As events only move on, it is then before the job's
    real one, so that it is found out once it is the first of all.
    """

    def __init__(self) -> None:
        self._jobs: dict[int, JobEvents] = {}
        self._places: list[tuple[int, int]] = []

    def add(self, events: JobEvents) -> None:
        """Takes in a new job, or a new attempt at one."""
        self._jobs[events.number] = events
        heapq.heappush(self._places, events.next)

    def remove(self, number: int) -> None:
        """Lets a job go; nobody waits for its events any more."""
        self._jobs.pop(number, None)

    def first(self) -> JobEvents | None:
        """The job whose event is next of all, or None as long as that event is not there."""
        while self._places:
            place = self._places[0]
            events = self._jobs.get(place[1])
            if events is None:
                heapq.heappop(self._places)
            elif events.next != place:
                heapq.heapreplace(self._places, events.next)
            else:
                return events if events.ready else None
        return None
