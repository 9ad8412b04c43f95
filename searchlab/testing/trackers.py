"""The laws of trackers: a test class of a tracker inherits from `TrackerContract`."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest

from searchlab.core.trial import TrialState
from searchlab.journal.events import Entry, Event, Resumed, Retrained, Retried, Waited
from searchlab.study.ending import Ending
from searchlab.testing.entries import (
    BASELINES,
    FAILURE,
    asked,
    confirmed,
    finished,
    interrupted,
    reported,
    spec,
    started,
    timed,
    told,
    trial,
)
from searchlab.tracking.base import Tracker

PATIENCE = 60.0  # seconds: what "within a bounded time" is at most, on the slowest machine


def every_kind() -> list[Entry]:
    """Return a study with each kind of entry, and with what goes wrong in studies."""
    nan, infinite = float("nan"), float("inf")
    ending = Ending(1, 2, refit=True, baselines=True)
    begun = Resumed(4, None, "inline", 2, ending)
    events: list[Event] = [started(spec(folds=2)), begun]
    events += trial(0, value=0.5, folds=2)
    events += [asked(1), Waited(2), reported(1, 1, loss=infinite), told(1, "PRUNED", None)]
    events += [interrupted(5.0, 0), begun]
    events += [asked(2), reported(2, 1, loss=nan), Retried(2, FAILURE), reported(2, 1)]
    events += [told(2, TrialState.FAIL, None), *trial(3, value=0.25, folds=2)]
    events += [Retrained(3, ("a", "b")), *BASELINES, confirmed(3, 8, 0.27), confirmed(3, 9, None)]
    test = {"loss": 0.3, "a metric (of mine)": nan}
    events += [finished(20.0, 3, winner=3, test=test, memory=10**9, epochs=2)]
    assert {type(event) for event in events} == set(get_args(Event))
    return timed(*events)


class TrackerContract:
    """The laws of `searchlab.tracking.base.Tracker`; a subclass says how to make one."""

    def make(self, directory: Path) -> Tracker:
        """Make a tracker that keeps what it keeps in `directory`, as another one did before."""
        raise NotImplementedError("def make(self, directory) must return a new tracker")

    def make_unreachable(self, directory: Path) -> Tracker:
        """Make one whose store cannot be reached; for a tracker without a store, any."""
        return self.make(directory)

    def content(self, tracker: Tracker, directory: Path) -> Any:
        """Return what a closed tracker shows of the study, in a form that can be compared."""
        raise NotImplementedError("def content(self, tracker, directory) must return what it shows")

    def follow(self, directory: Path, before: Sequence[Entry], entries: Sequence[Entry]) -> Tracker:
        """Have a new tracker follow one process' work on a study."""
        directory.mkdir(exist_ok=True)
        tracker = self.make(directory)
        tracker.replay(before)
        for entry in entries:
            tracker.record(entry)
        tracker.close()
        return tracker

    def test_it_shows_what_it_has_been_told(self, tmp_path: Path) -> None:
        """A study with each kind of entry is followed to its end, and changes what is shown."""
        entries = every_kind()
        begun = self.content(self.follow(tmp_path / "a", [], entries[:3]), tmp_path / "a")
        ended = self.content(self.follow(tmp_path / "b", [], entries), tmp_path / "b")
        assert begun != ended

    @pytest.mark.parametrize("cut", [1, 6, 17, 21, -1])
    def test_a_study_may_be_continued_by_another_process(self, tmp_path: Path, cut: int) -> None:
        """Wherever the first process ended: each entry is shown once, as if there were only one."""
        entries = every_kind()
        whole, parts = tmp_path / "whole", tmp_path / "parts"
        expected = self.content(self.follow(whole, [], entries), whole)
        first = self.content(self.follow(parts, [], entries[:cut]), parts)
        second = self.content(self.follow(parts, entries[:cut], entries[cut:]), parts)
        assert self.joined(first, second) == expected

    def joined(self, first: Any, second: Any) -> Any:
        """Return what two processes show together; what the second shows, where it has it all."""
        return second

    def test_what_it_knows_changes_nothing(self, tmp_path: Path) -> None:
        """A finished study that is run again, twice, is shown as before."""
        entries = every_kind()
        before = self.content(self.follow(tmp_path / "a", [], entries), tmp_path / "a")
        for _ in range(2):
            again = self.content(self.follow(tmp_path / "a", entries, []), tmp_path / "a")
            assert self.joined(before, again) == before

    def test_it_hears_of_a_study_that_another_store_has(self, tmp_path: Path) -> None:
        """Entries that were never told to it, replayed at once, do not disturb it."""
        entries = every_kind()
        self.follow(tmp_path / "a", entries[:-1], entries[-1:])

    def test_closing_is_possible_at_any_time(self, tmp_path: Path) -> None:
        """Before there was an entry, in mid-trial, and twice; no thread is left."""
        before = set(threading.enumerate())
        for number, entries in enumerate((None, [], every_kind()[:6])):
            directory = tmp_path / str(number)
            directory.mkdir()
            tracker = self.make(directory)
            if entries is not None:
                tracker.replay([])
            for entry in entries or []:
                tracker.record(entry)
            tracker.close()
            tracker.close()
        until = time.monotonic() + PATIENCE  # a thread that has been told to end takes a moment
        while set(threading.enumerate()) - before and time.monotonic() < until:
            time.sleep(0.02)
        assert set(threading.enumerate()) <= before

    def test_the_world_outside_never_fails_the_loop(self, tmp_path: Path) -> None:
        """With a store that cannot be reached each call returns, and closing does so in time."""
        tracker = self.make_unreachable(tmp_path)
        begun = time.monotonic()
        tracker.replay([])
        for entry in every_kind():
            tracker.record(entry)
        tracker.close()
        assert time.monotonic() - begun < PATIENCE
