"""The logical order of the events of concurrent jobs.

Times are those of `searchlab.journal.clock`: a job's n-th report, over all its folds, comes n
after the job's start. Its result comes with its last report if that one was marked as the last,
and one later if not, for example because an epoch failed. The time of a job's next event thus
depends only on the events before it, and the earliest event of all is known before it arrives.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field

from searchlab.core.trial import Report
from searchlab.training.job import Result


@dataclass(eq=False)
class JobEvents:
    """The events of one job that have arrived but are not yet delivered.

    Attributes:
        number: the job's number.
        start: the job's logical start.
        delivered: number of delivered reports.
        ended: whether the result has arrived.
    """

    number: int
    start: int
    delivered: int = 0
    ended: bool = False
    _last: bool = False
    _events: deque[tuple[Report | Result, bool]] = field(default_factory=deque)

    @property
    def known(self) -> int:
        """Number of reports that have arrived, delivered ones included."""
        return self.delivered + len(self._events) - self.ended

    @property
    def ready(self) -> bool:
        """Whether the next event has arrived."""
        return bool(self._events)

    @property
    def next(self) -> tuple[int, int]:
        """The place of the next event, arrived or not: its logical time and the job's number."""
        return self.start + self.delivered + (not self._last), self.number

    def report(self, report: Report, last: bool) -> None:
        """Add the next report; `last` if only the result can follow."""
        self._events.append((report, last))

    def end(self, result: Result) -> None:
        """Add the result."""
        self._events.append((result, False))
        self.ended = True

    def take(self) -> Report | Result:
        """Remove and return the next event."""
        event, last = self._events.popleft()
        if isinstance(event, Report):
            self.delivered += 1
            self._last = last
        return event


class Order:
    """The events of all jobs in flight, with a heap of the places of their next events.

    A place in the heap may be outdated. As events only advance, it then precedes the job's real
    place, and is corrected once it is the first of all.
    """

    def __init__(self) -> None:
        self._jobs: dict[int, JobEvents] = {}
        self._places: list[tuple[int, int]] = []

    def add(self, events: JobEvents) -> None:
        """Add a job, or a new attempt at one."""
        self._jobs[events.number] = events
        heapq.heappush(self._places, events.next)

    def remove(self, number: int) -> None:
        """Remove a job, so that nothing waits for its events."""
        self._jobs.pop(number, None)

    def first(self) -> JobEvents | None:
        """Return the job of the earliest next event, or None while that event has not arrived."""
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
