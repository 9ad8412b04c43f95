"""The journal: every event is read back, and damage is distinguished from an interrupted write."""

import math

import pytest

from searchlab.core.trial import (
    Failure,
    FailureKind,
    Known,
    Outcome,
    Report,
    Suggestion,
    Trial,
    TrialState,
)
from searchlab.errors import JournalError
from searchlab.journal.events import (
    Asked,
    Reported,
    Resumed,
    Retried,
    Started,
    Stopped,
    Told,
    Waited,
)
from searchlab.journal.journal import Journal, read_journal

EVENTS = [
    Started(study={"name": "ä"}, text="name: ä\n", data={"digest": "1"}, versions={"keras": "3"}),
    Resumed(trials=3, seconds=None, executor="inline", workers=1),
    Asked(Trial(0, Suggestion({"x": 0.1, "b": True, "n": None, "s": "a\nb"}, epochs=3), seed=42)),
    Reported(Report(0, 0, 1, {"loss": 0.1 + 0.2, "val_loss": 1e-300})),
    Told(Outcome(0, TrialState.COMPLETE, 1 / 3, {"val_loss": 1 / 3}, (0.25, 0.5), 1, 0.5, "a")),
    Asked(Trial(1, Suggestion({"x": 0.2}, epochs=9, initial_epoch=3, resume_from=0), seed=42)),
    Waited(2),
    Told(Outcome(1, TrialState.FAIL, error=Failure("ValueError", "no", "Traceback"))),
    Retried(0, Failure("WorkerKilled", "killed", "", FailureKind.WORKER_KILLED)),
    Told(Outcome(2, TrialState.PRUNED, 0.5, unfused="its optimizer (Ftrl)")),
    Started(
        study={"name": "b"},
        text="",
        known=(Known("a", 3, {"x": 0.1, "b": True, "i": 1}, 0.5),),
        initial="0",
    ),
    Stopped("finished", 1.5, best=0, test={"loss": 0.2}, model_path="best/model.keras"),
]


def write(path, events):
    with Journal(path) as journal:
        return [journal.append(event) for event in events]


def test_every_event_comes_back_as_it_was_written(tmp_path):
    """Reading a journal returns the same events: floats to the last bit, text with its accents."""
    written = write(tmp_path / "j", EVENTS)
    assert list(read_journal(tmp_path / "j")) == written


def test_metrics_that_are_not_finite_come_back(tmp_path):
    """The nan and inf of a diverged training are recorded unchanged."""
    write(tmp_path / "j", [Reported(Report(0, 0, 1, {"a": math.nan, "b": math.inf}))])
    (entry,) = read_journal(tmp_path / "j")
    assert math.isnan(entry.event.report.metrics["a"])
    assert entry.event.report.metrics["b"] == math.inf


def test_a_journal_cut_at_any_byte_keeps_its_whole_lines(tmp_path):
    """Whatever byte a process is killed at, the complete lines are read and can be extended."""
    path = tmp_path / "j"
    written = write(path, EVENTS)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        kept = whole[:cut].count(b"\n")
        assert list(read_journal(path)) == written[:kept]
        (added,) = write(path, [Waited(9)])
        assert list(read_journal(path)) == [*written[:kept], added]


def test_damage_inside_the_journal_is_refused_with_its_line(tmp_path):
    """A changed byte in any line is an error that names the line; it is never read as data."""
    path = tmp_path / "j"
    write(path, EVENTS)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b"0.333", b"0.334")
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match="j:5: is damaged"):
        list(read_journal(path))


def test_a_missing_journal_is_empty(tmp_path):
    """A study that never began has no entries."""
    assert list(read_journal(tmp_path / "none")) == []


def test_a_journal_that_cannot_be_written_says_so_in_one_line(tmp_path):
    """If the disk refuses a write, the error names the file and the remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="make room or give write access"):
        Journal(tmp_path / "file" / "j")


def test_an_append_that_fails_leaves_the_journal_as_it_was(tmp_path, monkeypatch):
    """If the disk is full during an append, earlier acknowledged events stay readable."""
    path = tmp_path / "j"
    with Journal(path) as journal:
        first = journal.append(EVENTS[0])

        def full(_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(JournalError, match="No space left"):
            journal.append(EVENTS[1])
        monkeypatch.undo()
        second = journal.append(EVENTS[2])
    assert list(read_journal(path)) == [first, second]
