"""The port of trackers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from searchlab.journal.events import Entry
from searchlab.journal.record import StudyRecord

Render = Callable[[StudyRecord, Path], str]
"""Makes the HTML report of a study from its record and its directory."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class TrackerContext:
    """The argument from which a tracker named in a study file is made.

    Attributes:
        directory: the study's directory, in which the journal and the models are.
        cwd: the working directory, from which relative paths start.
        tracking_uri: the store or server that the user named, or None.
        interrupted: whether the program has been interrupted, so that `close` must be quick.
        render: makes the HTML report of the study; None where none is wanted.
    """

    directory: Path
    cwd: Path
    tracking_uri: str | None = None
    interrupted: Callable[[], bool] = _never
    render: Render | None = None


class Tracker(Protocol):
    """Something that follows a study: MLflow, a terminal, a list in a test.

    The laws, which `searchlab.testing.TrackerContract` holds every implementation to:

    * The loop calls `replay` once, then `record` for each new entry, then `close`, all from one
      thread. `close` may come at any time, and twice.
    * Each entry is shown once and in order, however many processes the study takes: what a
      tracker is told again by `replay` changes nothing.
    * No call fails or blocks because of the world outside. A tracker that talks to a server does
      so from a thread of its own, and `close` gives up after a bounded time.
    * It takes every kind of entry, and metrics that are not finite.
    * Once it is closed, no thread of its own is left but one that still waits for a server.
    """

    def replay(self, entries: Sequence[Entry]) -> None:
        """Take the entries of earlier processes; empty for a new study."""

    def record(self, entry: Entry) -> None:
        """Take the next entry."""

    def close(self) -> None:
        """Finish within a bounded time as much as possible."""


class Trackers:
    """Several trackers as one."""

    def __init__(self, trackers: Iterable[Tracker]) -> None:
        self._trackers = list(trackers)

    def replay(self, entries: Sequence[Entry]) -> None:
        """Take the entries of earlier processes."""
        for tracker in self._trackers:
            tracker.replay(entries)

    def record(self, entry: Entry) -> None:
        """Take the next entry."""
        for tracker in self._trackers:
            tracker.record(entry)

    def close(self) -> None:
        """Close all of them, the last first."""
        for tracker in reversed(self._trackers):
            tracker.close()
