"""What a running study shows in a terminal (`LiveTracker`) or writes to a log (`PlainTracker`)."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live

from searchlab.core.wording import duration_text, number_text, params_text
from searchlab.journal.events import Entry, Resumed, Told
from searchlab.journal.record import StudyRecord
from searchlab.report.live import Pace, live_view
from searchlab.report.phrases import data_text, search_text
from searchlab.report.rows import trial_row

_PER_SECOND = 4  # redraws; more is not seen, and takes time from the trainings


class _Live(Live):
    """A live display that outlives its terminal: a study goes on when the window is closed."""

    def refresh(self) -> None:
        """Draws, if there is something to draw on."""
        with contextlib.suppress(OSError):
            super().refresh()


class LiveTracker:
    """Draws the state of a study in a terminal, and takes it away again at the end.

    The drawing is done by a thread of rich's; `record` only notes what happened.
    """

    def __init__(self, console: Console) -> None:
        """Makes the tracker; nothing is drawn before `replay`."""
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
        """Takes the entries of earlier processes, and starts to draw."""
        with self._lock:
            for entry in entries:
                self._study.apply(entry)
                self._pace.latest = entry.time
        with contextlib.suppress(OSError):
            self._live.start()

    def record(self, entry: Entry) -> None:
        """Takes the next entry."""
        with self._lock:
            self._study.apply(entry)
            self._pace.take(entry)

    def close(self) -> None:
        """Takes the drawing away and gives the terminal back."""
        with contextlib.suppress(OSError):
            self._live.stop()

    def _draw(self) -> RenderableType:
        with self._lock:
            return live_view(self._study, self._pace, time.time())


class PlainTracker:
    """Writes a line when a study starts and one for each trial that ends: for pipes and CI."""

    def __init__(self, stream: TextIO) -> None:
        """Makes the tracker; `stream` is left open."""
        self._stream = stream
        self._study = StudyRecord()

    def replay(self, entries: Sequence[Entry]) -> None:
        """Takes the entries of earlier processes."""
        for entry in entries:
            self._study.apply(entry)

    def record(self, entry: Entry) -> None:
        """Takes the next entry."""
        self._study.apply(entry)
        match entry.event:
            case Resumed():
                self._write(start_line(self._study))
            case Told(outcome):
                self._write(trial_line(self._study, outcome.number))

    def close(self) -> None:
        """Does nothing: each line has been written by now."""

    def _write(self, line: str) -> None:
        """Writes a line as far as the stream can hold it, and never fails."""
        encoding = self._stream.encoding or "utf-8"
        with contextlib.suppress(OSError):  # nobody may be reading any more
            self._stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
            self._stream.flush()


def start_line(record: StudyRecord) -> str:
    """What a study is about to do, in one line."""
    spec, budget = record.spec, record.budget
    parts = [f"study {spec.name}: {search_text(spec.search.backend, data_text(spec))}"]
    if budget is not None and budget.trials is not None:
        parts.append(f"{budget.trials} trials")
    if budget is not None and budget.seconds is not None:
        parts.append(f"at most {duration_text(budget.seconds)}")
    if record.trials:
        parts.append(f"continues after {record.ended} trials")
    return ", ".join(parts)


def trial_line(record: StudyRecord, number: int) -> str:
    """How a trial ended, in one line.

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
