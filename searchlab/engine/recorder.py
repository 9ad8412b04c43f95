"""Record a study's events: in the journal first, then with the trackers."""

from __future__ import annotations

from searchlab.journal.events import Event
from searchlab.journal.journal import Journal
from searchlab.journal.record import StudyRecord
from searchlab.tracking.base import Tracker


class Recorder:
    """The single writer of a study's events: to the journal first, then to the trackers.

    Attributes:
        record: the study as described by the journal.
    """

    def __init__(self, journal: Journal, record: StudyRecord, tracker: Tracker) -> None:
        self._journal, self.record, self._tracker = journal, record, tracker

    def __call__(self, event: Event) -> None:
        """Record one event.

        Raises:
            JournalError: if it cannot be written.
        """
        entry = self._journal.append(event)
        self.record.apply(entry)
        self._tracker.record(entry)
