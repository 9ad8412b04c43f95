"""The port of trackers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from searchlab.journal.events import Entry


class Tracker(Protocol):
    """Something that follows a study: MLflow, a terminal, a list in a test.

    The loop calls `replay` once, then `record` for each new entry, then `close`, all from one
    thread. No call may fail or block because of the world outside; a tracker that talks to a
    server does so from a thread of its own.
    """

    def replay(self, entries: Sequence[Entry]) -> None:
        """Takes the entries of earlier processes; empty for a new study."""

    def record(self, entry: Entry) -> None:
        """Takes the next entry."""

    def close(self) -> None:
        """Finishes what can be finished within a bounded time."""


class Trackers:
    """Several trackers as one."""

    def __init__(self, trackers: Iterable[Tracker]) -> None:
        self._trackers = list(trackers)

    def replay(self, entries: Sequence[Entry]) -> None:
        """Takes the entries of earlier processes."""
        for tracker in self._trackers:
            tracker.replay(entries)

    def record(self, entry: Entry) -> None:
        """Takes the next entry."""
        for tracker in self._trackers:
            tracker.record(entry)

    def close(self) -> None:
        """Closes all of them, the last first."""
        for tracker in reversed(self._trackers):
            tracker.close()
