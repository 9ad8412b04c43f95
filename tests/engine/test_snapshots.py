"""Snapshots of a search: as good as a replay, and used only where they fit."""

import json
import shutil

import pytest
from engine.lives import FILE, Life, Listening, cut_at, settings
from engine.process import BACKENDS, Process, picture

from searchlab.engine import snapshots
from searchlab.journal.journal import read_journal
from searchlab.journal.layout import StudyLayout


class Asking:
    """Counts the questions to a backend class."""

    def __init__(self, monkeypatch, kind):
        self.asked, ask = [], kind.ask

        def counted(backend, number):
            self.asked.append(number)
            return ask(backend, number)

        monkeypatch.setattr(kind, "ask", counted)


def whole(directory, backend):
    """Run a study to its end; return it and its lines."""
    directory.mkdir()
    study = picture(Process(directory, settings(backend), workers=3).run())
    return study, (directory / FILE).read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_study_continued_from_a_snapshot_is_that_of_an_undisturbed_one(tmp_path, backend):
    """However much of the journal came after the snapshot: nothing, a few events, all but some."""
    study, lines = whole(tmp_path / "whole", backend)
    kept = tmp_path / "whole" / "search.json"
    after = json.loads(kept.read_text())["lines"]
    for left in sorted({after, after + 1, (after + len(lines)) // 2, len(lines) - 1}):
        directory = tmp_path / str(left)
        directory.mkdir()
        (directory / FILE).write_bytes(b"".join(lines[:left]))
        shutil.copy(kept, directory)
        assert picture(Process(directory, settings(backend), workers=3).run()) == study


class Restored(Listening):
    """A backend that records its calls, but not those that a snapshot stands for."""

    def snapshot(self):
        return self._backend.snapshot()


class Resumed(Life):
    """A process that goes on from the latest snapshot."""

    def backend(self):
        listening = Restored(super().backend()._backend)
        self.calls = listening.calls
        return listening


def test_a_study_killed_at_any_entry_goes_on_from_its_snapshot(tmp_path):
    """The rest of the calls is that of an undisturbed study, with many trials at once."""
    spec = settings("optuna", trials=24)
    whole = Resumed(tmp_path / "whole", spec).all_calls()
    lines = (tmp_path / "whole" / FILE).read_bytes().splitlines(keepends=True)
    kept = tmp_path / "whole" / "search.json"
    after = json.loads(kept.read_text())["lines"]
    for length in range(after, len(lines), 3):
        directory = cut_at(tmp_path / str(length), lines[:length])
        shutil.copy(kept, directory)
        calls = Resumed(directory, spec).all_calls()
        assert 0 < len(calls) < len(whole) / 2
        assert calls == whole[-len(calls) :], length


def test_only_what_came_after_the_snapshot_is_asked_again(tmp_path, monkeypatch):
    """A long study is not searched again from its first trial."""
    _, lines = whole(tmp_path / "whole", "optuna")
    after = json.loads((tmp_path / "whole" / "search.json").read_text())["lines"]
    entries = list(read_journal(tmp_path / "whole" / FILE))
    process = Process(tmp_path / "whole", settings("optuna"))
    backend = process.backend()
    asking = Asking(monkeypatch, type(backend))
    snapshots.resume(backend, entries, StudyLayout(tmp_path / "whole"))
    asked = [json.loads(line)["trial"]["number"] for line in lines[after:] if b'"Asked"' in line]
    assert asking.asked == asked
    assert len(asked) < 10


@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: kept | {"lines": kept["lines"] - 1},
        lambda kept: kept | {"lines": kept["lines"] + 1000},
        lambda kept: kept | {"lines": -3},
        lambda kept: kept | {"checksum": kept["checksum"] ^ 1},
        lambda kept: kept | {"versions": kept["versions"] | {"optuna": "0.1"}},
        lambda kept: kept | {"backend": {}},
        lambda kept: kept | {"backend": kept["backend"] | {"random": []}},
        lambda kept: kept | {"backend": kept["backend"] | {"notes": {"999": {}}}},
        lambda kept: {},
        lambda kept: [],
        lambda kept: "cut"[: len(kept) - 9],
    ],
    ids=["line", "beyond", "negative", "sum", "version", "none", "random", "notes", "empty", "list",
         "text"],
)  # fmt: skip
def test_a_snapshot_that_does_not_fit_is_left_alone(tmp_path, monkeypatch, spoil):
    """The journal is replayed then, from its first question, to the same study."""
    study, lines = whole(tmp_path / "whole", "optuna")
    kept = tmp_path / "whole" / "search.json"
    kept.write_text(json.dumps(spoil(json.loads(kept.read_text()))))
    (tmp_path / "whole" / FILE).write_bytes(b"".join(lines[:-4]))
    process = Process(tmp_path / "whole", settings("optuna"), workers=3)
    backend = process.backend()
    asking = Asking(monkeypatch, type(backend))
    assert picture(process.run()) == study
    assert asking.asked[0] == 0


def test_a_snapshot_that_cannot_be_written_costs_nothing(tmp_path):
    """A study with something else in that place ends as without."""
    study, _ = whole(tmp_path / "whole", "optuna")
    (tmp_path / "other" / "search.json").mkdir(parents=True)
    assert picture(Process(tmp_path / "other", settings("optuna"), workers=3).run()) == study
