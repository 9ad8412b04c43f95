"""A tracker that keeps everything in memory: for tests and notebooks."""

from __future__ import annotations

from collections.abc import Sequence

from searchlab.journal.events import Entry
from searchlab.journal.record import StudyRecord
from searchlab.tracking.base import TrackerContext


class MemoryTracker:
    """Keeps all entries, and the record they make.

    Attributes:
        entries: all entries, those of earlier processes first.
        study: the study as the entries describe it.
        closed: whether the loop has closed the tracker.
    """

    def __init__(self, context: TrackerContext | None = None) -> None:  # noqa: ARG002 - the port's
        self.entries: list[Entry] = []
        self.study = StudyRecord()
        self.closed = False

    def replay(self, entries: Sequence[Entry]) -> None:
        """Take the entries of earlier processes."""
        for entry in entries:
            self.record(entry)

    def record(self, entry: Entry) -> None:
        """Take the next entry."""
        self.entries.append(entry)
        self.study.apply(entry)

    def close(self) -> None:
        """Note that the study has ended."""
        self.closed = True
