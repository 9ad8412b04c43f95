"""The output of a running study in a terminal and in a log."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from searchlab.core.trial import Suggestion, Trial
from searchlab.journal.events import Asked, Entry, Event, Reported, Told
from searchlab.journal.record import StudyRecord
from searchlab.report.console import LiveTracker, PlainTracker
from searchlab.report.live import Pace, live_view
from searchlab.study.spec import StudySpec
from searchlab.testing import entries as make
from searchlab.testing.entries import failed


def events(trials: int | None = 10, seconds: float | None = None, folds: int = 2) -> list[Event]:
    """Return the events that start a study."""
    spec: dict[str, Any] = {
        "name": "tiny",
        "data": {"dataset": "iris"},
        "space": {"n_hidden": {"int": [0, 3]}, "learning_rate": {"float": [0.0001, 0.1]}},
        "evaluation": {"folds": folds} if folds > 1 else {"holdout": 0.2},
    }
    study = StudySpec.model_validate_json(json.dumps(spec))
    return [make.started(study), make.resumed(trials, seconds, workers=1)]


def asked(number: int) -> Asked:
    """Return the start of a trial of twenty epochs."""
    params = {"n_hidden": number % 4, "learning_rate": 0.0142523}
    return make.asked(number, params, epochs=20)


def reported(number: int, fold: int, epoch: int) -> Reported:
    """An epoch."""
    return make.reported(number, epoch, fold, metrics={"loss": 0.1, "val_loss": 0.25})


def complete(number: int, value: float) -> Told:
    """A COMPLETE trial."""
    return make.told(number, value=value, epochs=40, seconds=12.3)


def timed(*parts: Event) -> list[Entry]:
    """Entries a second apart, from second 0."""
    return make.timed(*parts, begin=0.0, step=1.0)


def view(entries: list[Entry], now: float, width: int = 80, before: int = 0) -> list[str]:
    """Return the live view's lines; the first `before` entries belong to an earlier process."""
    study, pace = StudyRecord(), Pace()
    for position, entry in enumerate(entries):
        study.apply(entry)
        if position >= before:
            pace.take(entry)
    console = Console(file=io.StringIO(), width=width)
    console.print(live_view(study, pace, now))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [80, 160])
def test_view_shows_where_the_study_is(width: int) -> None:
    """It has name, backend, data, progress, states, the best with its params, running trials."""
    entries = timed(*events(), asked(0), asked(1), asked(2), complete(0, 0.2961),
                    failed(1, "no"), reported(2, 1, 7))  # fmt: skip
    lines = view(entries, 8.0, width)
    text = "\n".join(lines)
    for part in (
        "tiny  optuna on iris",
        "2/10 trials",
        "1 COMPLETE  0 PRUNED  1 FAIL  1 RUNNING",
        "best  val_loss 0.2961  trial 0",
        "n_hidden=0 learning_rate=0.01425",
        "trial 2  fold 2/2  epoch  7/20  val_loss 0.25",
    ):
        assert part in text
    assert max(map(len, lines)) <= width


def test_view_before_the_first_entry() -> None:
    """Before the study is created, one line is shown already."""
    assert view([], 0.0) == ["preparing the study"]


def test_view_tells_the_pace_of_this_process_only() -> None:
    """Trials and epochs of an earlier process count as done, but not toward the pace."""
    earlier = [*events(), asked(0), complete(0, 0.3), asked(1), complete(1, 0.2),
               make.interrupted(5.0)]  # fmt: skip
    here = [events()[1], asked(2), reported(2, 0, 1), complete(2, 0.4)]
    entries = timed(*earlier, *here)
    lines = view(entries, now=10.0 + 7.0, before=len(earlier))
    assert lines[0].endswith("15.0 s, about 1 min 10 s left")  # 5 s, and 10 s for each of 8 trials
    assert lines[2].endswith("6.0 trials/min  0.1 epochs/s")
    assert "3/10 trials" in lines[1]


def test_view_of_a_time_budget() -> None:
    """Without a number of trials, the bar and the remaining time follow the time budget."""
    lines = view(timed(*events(None, 100.0), asked(0), complete(0, 0.3)), now=26.0)
    assert lines[0].endswith("25.0 s, about 1 min 15 s left")
    assert lines[1].endswith("1 trials in 1 min 40 s")


def test_view_without_any_bound() -> None:
    """If only the backend can end the study, no remaining time is shown."""
    lines = view(timed(*events(None), asked(0), complete(0, 0.3)), now=6.0)
    assert lines[0].endswith("5.0 s")
    assert lines[1].endswith(" 1 trials")


def test_view_of_a_trial_that_starts() -> None:
    """A trial without an epoch yet has the same columns, from its initial epoch on."""
    promoted = Asked(Trial(0, Suggestion({"n_hidden": 1, "learning_rate": 0.1}, 20, 7, 3), 1))
    lines = view(timed(*events(folds=1), promoted), now=3.0)
    assert lines[-1].startswith("trial 0  epoch  7/20  ")


def test_view_bounds_the_running_trials() -> None:
    """Of a hundred running trials a few have a line each, and the rest are counted."""
    lines = view(timed(*events(100), *(asked(number) for number in range(100))), now=200.0)
    assert sum(line.startswith("trial ") for line in lines) == 4
    assert lines[-1] == "and 96 more running"


def test_view_while_the_model_is_made() -> None:
    """Once all trials have ended, the view shows what still takes time."""
    lines = view(timed(*events(1), asked(0), complete(0, 0.3)), now=4.0)
    assert "making the best trial's model" in lines[-1]
    assert lines[0].endswith(" 3.0 s")  # no remaining time is shown


class Terminal(io.StringIO):
    """A terminal that records its output."""

    def isatty(self) -> bool:
        return True


def test_live_tracker_gives_the_terminal_back() -> None:
    """At the end the drawing thread has stopped and the cursor is visible."""
    terminal, before = Terminal(), threading.active_count()
    tracker = LiveTracker(Console(file=terminal, force_terminal=True, width=80))
    tracker.replay(timed(*events()))
    for entry in timed(asked(0), complete(0, 0.2961)):
        tracker.record(entry)
    assert threading.active_count() == before + 1
    tracker.close()
    for thread in threading.enumerate():
        if type(thread).__name__ == "_RefreshThread":
            thread.join(10)
    assert threading.active_count() == before
    output = terminal.getvalue()
    assert "val_loss 0.2961" in output
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l")


def test_live_tracker_takes_no_credit_for_earlier_processes() -> None:
    """Replayed entries are shown as done but add nothing to the pace of this process."""
    tracker = LiveTracker(Console(file=Terminal(), force_terminal=True, width=80))
    tracker.replay(timed(*events(), asked(0), reported(0, 0, 1), complete(0, 0.3)))
    tracker.close()
    assert tracker._study.counts() == {"COMPLETE": 1}
    assert (tracker._pace.ended, tracker._pace.epochs, tracker._pace.since) == (0, 0, None)


def test_live_tracker_outlives_its_terminal() -> None:
    """If the terminal's window is closed, the study continues without an error."""
    master, slave = os.openpty()
    terminal = os.fdopen(slave, "w", encoding="utf-8")
    tracker = LiveTracker(Console(file=terminal, force_terminal=True, width=80))
    tracker.replay([])
    os.close(master)
    for entry in timed(*events(), asked(0)):
        tracker.record(entry)
    tracker._live.refresh()
    tracker.close()
    with pytest.raises(OSError, match="Input/output error"):  # the terminal is really gone
        terminal.close()


def plain(entries: list[Entry], earlier: list[Entry] | None = None) -> list[str]:
    """Return the plain tracker's lines."""
    stream = io.StringIO()
    tracker = PlainTracker(stream)
    tracker.replay(earlier or [])
    for entry in entries:
        tracker.record(entry)
    tracker.close()
    return stream.getvalue().splitlines()


def test_plain_lines() -> None:
    """The start and the end of each trial give a line each, and epochs none."""
    entries = timed(*events(), asked(0), asked(1), asked(2), reported(0, 0, 1),
                    complete(0, 0.29614), complete(1, 0.5), failed(2, "bad\nthing"))  # fmt: skip
    assert plain(entries) == [
        "study tiny: optuna on iris, 10 trials",
        "trial 0 COMPLETE val_loss 0.2961 (best) n_hidden=0 learning_rate=0.01425  "
        "40 epochs 12.3 s",
        "trial 1 COMPLETE val_loss 0.5 n_hidden=1 learning_rate=0.01425  40 epochs 12.3 s",
        "trial 2 FAIL n_hidden=2 learning_rate=0.01425  0 epochs 0.0 s  ValueError: bad thing",
    ]


def test_plain_line_of_a_resumed_study() -> None:
    """A resumed study shows its number of trials without listing them again."""
    earlier = timed(*events(), asked(0), complete(0, 0.3), asked(1))
    lines = plain(timed(events(20, 60.0)[1]), earlier)
    assert lines == [
        "study tiny: optuna on iris, 20 trials, at most 1 min 00 s, continues after 1 trials"
    ]


@pytest.fixture
def unread() -> Iterator[io.TextIOWrapper]:
    """A pipe whose reader is gone."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", encoding="utf-8")
    yield stream
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_plain_tracker_outlives_its_reader(unread: io.TextIOWrapper) -> None:
    """If `searchlab run | head` closes the pipe, the study continues."""
    tracker = PlainTracker(unread)
    for entry in timed(*events(), asked(0), complete(0, 0.3)):
        tracker.record(entry)
    tracker.close()


def test_plain_tracker_writes_what_the_stream_can_hold() -> None:
    """A log limited to ASCII gets escapes instead of an error."""
    raw = io.BytesIO()
    tracker = PlainTracker(io.TextIOWrapper(raw, encoding="ascii"))
    for entry in timed(*events(), asked(0), failed(0, "größer")):
        tracker.record(entry)
    assert b"gr\\xf6\\xdfer" in raw.getvalue()


@pytest.mark.parametrize("live", [False, True])
def test_the_result_is_told_before_anything_is_tidied_up(live: bool) -> None:
    """The end of a process's part tells the result once; those of earlier processes do not."""
    terminal, told = Terminal(), list[str]()

    def tell(record: StudyRecord) -> None:
        if live:
            assert terminal.getvalue().endswith("\x1b[2K"), "the drawing is gone by then"
        told.append(f"{record.state} {record.ended}")

    console = Console(file=terminal, force_terminal=True, width=80)
    tracker = LiveTracker(console, tell) if live else PlainTracker(terminal, tell)
    first = timed(*events(), asked(0), complete(0, 0.3), make.finished(1.0, 0, {}, "best/m.keras"))
    tracker.replay(first)
    assert told == []
    for entry in timed(events(20)[1], asked(1), complete(1, 0.2), first[-1].event):
        tracker.record(entry)
    assert told == ["finished 2"]
    tracker.close()
    assert told == ["finished 2"]


def test_a_result_that_nobody_reads_ends_nothing(unread: io.TextIOWrapper) -> None:
    """The reader may have gone by the end."""

    def tell(record: StudyRecord) -> None:
        print(record.state, file=unread, flush=True)

    tracker = PlainTracker(unread, tell)
    tracker.replay(timed(*events(), asked(0), complete(0, 0.3)))
    tracker.record(timed(make.finished(1.0, 0, {}, "best/m.keras"))[0])
    tracker.close()
