"""Logical time: the order of events in a study, independent of the speed of the machine.

A trial starts at the time at which it was asked for, and its n-th report comes n later. An executor
that runs many trials at once delivers their reports and outcomes in this order, so that the backend
hears the same in every run of a study. The time follows from the journal's events alone, so a
process that resumes a study knows when each unfinished trial started.
"""

from __future__ import annotations

from searchlab.journal.events import Asked, Event, Reported, Resumed, Retried, Told


class Clock:
    """The logical time of a study, updated with its events in order.

    Attributes:
        now: the latest time so far, in reports; it never goes back.
    """

    def __init__(self) -> None:
        self.now = 0
        self._starts: dict[int, int] = {}
        self._reports: dict[int, int] = {}

    def start(self, number: int) -> int:
        """Return the start of a trial without an outcome, the same for all its attempts."""
        return self._starts[number]

    def apply(self, event: Event) -> None:
        """Update the time with the next event."""
        match event:
            case Reported():  # most are
                number = event.report.number
                self._reports[number] += 1
                time = self._starts[number] + self._reports[number]
                self.now = max(self.now, time)  # a repeated trial starts in the past
            case Asked(trial):
                self._starts[trial.number] = self.now
                self._reports[trial.number] = 0
            case Retried(number):
                self._reports[number] = 0
            case Resumed():
                self._reports = dict.fromkeys(self._reports, 0)
            case Told(outcome):
                del self._starts[outcome.number], self._reports[outcome.number]
