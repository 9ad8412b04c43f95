"""Studies in brief: kept beside their journals, and as true as these."""

from __future__ import annotations

import json

import pytest

from searchlab.journal.journal import Journal, encoded, read_journal
from searchlab.journal.layout import study_layout
from searchlab.journal.record import StudyRecord
from searchlab.report import brief
from searchlab.report.brief import brief_of, keep_brief, load_brief
from searchlab.testing import entries as make


@pytest.fixture
def paths(tmp_path):
    """Paths of a study with a journal of four trials."""
    paths = study_layout("housing", tmp_path)
    paths.directory.mkdir(parents=True)
    paths.journal.write_bytes(encoded(make.small_study()))
    return paths


@pytest.fixture
def loads(monkeypatch):
    """Names of the studies whose whole journals are read."""
    names, load = [], brief.load_record

    def counted(name, cwd):
        names.append(name)
        return load(name, cwd)

    monkeypatch.setattr(brief, "load_record", counted)
    return names


def test_a_journal_is_read_once(paths, tmp_path, loads):
    """The second time only its end is looked at, and the result is the same."""
    expected = brief_of(StudyRecord(make.small_study()), paths.directory)
    assert load_brief("housing", tmp_path) == expected
    assert load_brief("housing", tmp_path) == expected
    assert loads == ["housing"]


def test_what_a_run_keeps_spares_the_first_reading(paths, tmp_path, loads):
    """It is what reading the journal gives, until there is another line."""
    record = StudyRecord(read_journal(paths.journal))
    keep_brief(record, paths)
    assert load_brief("housing", tmp_path) == brief_of(record, paths.directory)
    assert loads == []
    with Journal(paths.journal) as journal:
        journal.append(make.RESUMED)
    load_brief("housing", tmp_path)
    assert loads == ["housing"]


@pytest.mark.parametrize("whole", [True, False], ids=["line", "half a line"])
def test_a_journal_that_has_grown_is_read_again(paths, tmp_path, loads, whole):
    """What a process has written since counts at once."""
    load_brief("housing", tmp_path)
    before = paths.journal.read_bytes()
    with Journal(paths.journal) as journal:
        journal.append(make.RESUMED)
        for event in make.trial(4, value=0.125):
            journal.append(event)
    if not whole:
        paths.journal.write_bytes(paths.journal.read_bytes() + b'{"event":')
    assert load_brief("housing", tmp_path).row.trials == 5
    paths.journal.write_bytes(before)
    assert load_brief("housing", tmp_path).row.trials == 4
    assert len(loads) == (3 if whole else 2)  # half a line is not the end of anything


@pytest.mark.parametrize(
    "spoiled", [b"", b"{", b"[]", b"\xff", b'{"version": 1}', b"cut", b"other version"]
)
def test_a_brief_that_cannot_be_used_is_made_again(paths, tmp_path, loads, spoiled):
    """However it is damaged, and if another version wrote it."""
    expected = load_brief("housing", tmp_path)
    text = paths.brief.read_bytes()
    if spoiled == b"cut":
        spoiled = text[:-10]
    if spoiled == b"other version":
        spoiled = json.dumps({**json.loads(text), "version": "0.0.1"}).encode()
    paths.brief.write_bytes(spoiled)
    assert load_brief("housing", tmp_path) == expected
    assert len(loads) == 2
    assert paths.brief.read_bytes() == text


def test_a_brief_that_cannot_be_written_costs_only_time(paths, tmp_path):
    """A directory in its place changes nothing."""
    paths.brief.mkdir()
    assert load_brief("housing", tmp_path) == load_brief("housing", tmp_path)


def test_a_study_that_was_moved_has_its_new_paths(paths, tmp_path):
    """The brief that came along names the model where it was."""
    paths.journal.write_bytes(encoded(make.small_study(model_path="best/model.keras")))
    load_brief("housing", tmp_path)
    moved = tmp_path / "moved"
    (moved / ".searchlab").mkdir(parents=True)
    paths.directory.rename(moved / ".searchlab" / "housing")
    assert str(moved) in load_brief("housing", moved).json["model_path"]
