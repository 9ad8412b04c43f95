"""Trackers that show a running study: drawn in a terminal, or written to a log line by line."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live

from searchlab.core.steady import now
from searchlab.core.wording import duration_text, number_text, params_text
from searchlab.journal.events import Entry, Resumed, Retrained, Stopped, Told
from searchlab.journal.record import StudyRecord
from searchlab.report.live import Pace, live_view
from searchlab.report.phrases import data_text, search_text, target_text
from searchlab.report.rows import trial_row

Tell = Callable[[StudyRecord], None]
"""A function that tells a study's result as soon as a process has left it, before it tidies up."""

_PER_SECOND = 4  # redraws; more is not seen, and takes time from the trainings


def _nothing(_record: StudyRecord) -> None:
    pass


class _Live(Live):
    """A live display that outlives its terminal, so that a study continues in a closed window."""

    def refresh(self) -> None:
        """Draw, unless the terminal is gone."""
        with contextlib.suppress(OSError):
            super().refresh()


class LiveTracker:
    """A view of a study in a terminal, which disappears at the end.

    A thread of rich's draws; `record` only updates the state.
    """

    def __init__(self, console: Console, tell: Tell = _nothing) -> None:
        """Make the tracker; it draws nothing before `replay`.

        Args:
            console: the terminal.
            tell: tells the result.
        """
        self._tell = tell
        self._lock = threading.Lock()
        self._study = StudyRecord()
        self._pace = Pace()
        self._live = _Live(
            console=console,
            get_renderable=self._draw,
            refresh_per_second=_PER_SECOND,
            transient=True,
        )

    def replay(self, entries: Sequence[Entry]) -> None:
        """Take the entries of earlier processes, and start to draw."""
        with self._lock:
            for entry in entries:
                self._study.apply(entry)
                self._pace.latest = entry.time
        with contextlib.suppress(OSError):
            self._live.start()

    def record(self, entry: Entry) -> None:
        """Take the next entry."""
        with self._lock:
            self._study.apply(entry)
            self._pace.take(entry)
        if isinstance(entry.event, Stopped):
            self.close()
            with contextlib.suppress(OSError):
                self._tell(self._study)

    def close(self) -> None:
        """Remove the drawing and release the terminal."""
        with contextlib.suppress(OSError):
            self._live.stop()

    def _draw(self) -> RenderableType:
        with self._lock:
            return live_view(self._study, self._pace, now())


class PlainTracker:
    """A log of a study, for pipes and CI: a line at its start and one for each trial that ends."""

    def __init__(self, stream: TextIO, tell: Tell = _nothing) -> None:
        """Make the tracker.

        Args:
            stream: the log, which is never closed.
            tell: tells the result.
        """
        self._stream, self._tell = stream, tell
        self._study = StudyRecord()

    def replay(self, entries: Sequence[Entry]) -> None:
        """Take the entries of earlier processes."""
        for entry in entries:
            self._study.apply(entry)

    def record(self, entry: Entry) -> None:
        """Take the next entry."""
        self._study.apply(entry)
        match entry.event:
            case Resumed():
                self._write(start_line(self._study))
            case Told(outcome):
                self._write(trial_line(self._study, outcome.number))
            case Retrained(number):
                self._write(f"trial {number} was trained again: its weights were lost")
            case Stopped():
                with contextlib.suppress(OSError):  # the reader may have gone
                    self._tell(self._study)

    def close(self) -> None:
        """Do nothing, as each line has been written by now."""

    def _write(self, line: str) -> None:
        """Write a line with what the stream can encode; never fail."""
        encoding = self._stream.encoding or "utf-8"
        with contextlib.suppress(OSError):  # the reader may have gone
            self._stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
            self._stream.flush()


def start_line(record: StudyRecord) -> str:
    """Return the plan of a study in one line."""
    spec, budget = record.spec, record.budget
    parts = [f"study {spec.name}: {search_text(spec.search.backend, data_text(spec))}"]
    if budget is not None and budget.trials is not None:
        parts.append(f"{budget.trials} trials")
    if budget is not None and budget.seconds is not None:
        parts.append(f"at most {duration_text(budget.seconds)}")
    if (target := target_text(record)) is not None:
        parts.append(f"target {target}")
    if record.trials:
        parts.append(f"continues after {record.ended} trials")
    return ", ".join(parts)


def trial_line(record: StudyRecord, number: int) -> str:
    """Return the end of a trial in one line.

    Raises:
        ValueError: if the trial has not ended.
    """
    row = trial_row(record.trials[number], record)
    if row.seconds is None:
        raise ValueError(f"trial {number} has not ended")
    parts = [f"trial {number} {row.state}"]
    if row.value is not None:
        parts.append(f"{record.spec.objective.metric} {number_text(row.value)}")
    if row.best:
        parts.append("(best)")
    parts.append(params_text(row.params))
    parts.append(f" {row.epochs} epochs {duration_text(row.seconds)}")
    if row.error is not None:
        parts.append(f" {row.error}")
    return " ".join(parts)
