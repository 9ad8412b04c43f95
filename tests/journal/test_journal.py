"""The journal: every event is read back, and damage is distinguished from an interrupted write."""

import math

import pytest

from searchlab.core.trial import Failure, FailureKind, Known
from searchlab.errors import JournalError
from searchlab.journal import journal
from searchlab.journal.events import Retrained, Waited
from searchlab.journal.journal import Journal, read_journal
from searchlab.testing import entries as make
from searchlab.testing.doubles import study

EVENTS = [
    make.started(study(), text="name: ä\n", versions={"keras": "3"}),
    make.resumed(3),
    make.asked(0, {"x": 0.1, "b": True, "n": None, "s": "a\nb"}),
    make.reported(0, 1, metrics={"loss": 0.1 + 0.2, "val_loss": 1e-300}),
    make.told(0, value=1 / 3, metrics={"val_loss": 1 / 3}, scores=(0.25, 0.5), model_path="a"),
    make.asked(1, epochs=9, initial_epoch=3, resume_from=0),
    Waited(2),
    make.told(1, "FAIL", None),
    make.retried(0, Failure("WorkerKilled", "killed", "", FailureKind.WORKER_KILLED)),
    make.told(2, "PRUNED", unfused="its optimizer (Ftrl)"),
    Retrained(0, ("0", "1")),
    make.confirmed(0, 8, 0.5),
    *make.BASELINES,
    make.finished(1.5, best=0, test={"loss": 0.2}, model_path="best/model.keras"),
    make.started(study(), known=(Known("a", 3, {"x": 0.1, "b": True, "i": 1}, 0.5),), initial="0"),
]


def write(path, events):
    with Journal(path) as file:
        return [file.append(event) for event in events]


def test_every_event_comes_back_as_it_was_written(tmp_path):
    """Reading a journal returns the same events: floats to the last bit, text with its accents."""
    written = write(tmp_path / "j", EVENTS)
    assert list(read_journal(tmp_path / "j")) == written


def test_metrics_that_are_not_finite_come_back(tmp_path):
    """The nan and inf of a diverged training are recorded unchanged."""
    write(tmp_path / "j", [make.reported(0, 1, metrics={"a": math.nan, "b": math.inf})])
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


@pytest.mark.parametrize("found", [1, None])
def test_a_journal_of_another_format_is_refused_in_one_line(tmp_path, monkeypatch, found):
    """Its first line has the format; a later one, or none at all, is told with what to do."""
    path = tmp_path / "j"
    with monkeypatch.context() as patch:
        patch.setattr(journal, "FORMAT", found)
        write(path, EVENTS)
    with pytest.raises(JournalError, match=f"j:1: .*format {found}, and this .*use that version"):
        list(read_journal(path))


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
    with Journal(path) as file:
        first = file.append(EVENTS[0])

        def full(_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(JournalError, match="No space left"):
            file.append(EVENTS[1])
        monkeypatch.undo()
        second = file.append(EVENTS[2])
    assert list(read_journal(path)) == [first, second]
