"""Studies in brief: kept beside their journals, and as true as these."""

from __future__ import annotations

import json

import pytest

from searchlab.journal.events import Entry, Retrained
from searchlab.journal.journal import Journal, encoded, read_journal
from searchlab.journal.layout import study_layout
from searchlab.journal.record import StudyRecord
from searchlab.report import brief
from searchlab.report.brief import Briefs, brief_of, keep_brief, load_brief
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
    """It is what reading the journal gives, also with the lines that came since."""
    record = StudyRecord(read_journal(paths.journal))
    keep_brief(record, paths)
    assert load_brief("housing", tmp_path) == brief_of(record, paths.directory)
    with Journal(paths.journal) as journal:
        for event in [make.RESUMED, *make.trial(4, value=0.125)]:
            journal.append(event)
    whole = StudyRecord(read_journal(paths.journal))
    assert load_brief("housing", tmp_path) == brief_of(whole, paths.directory)
    assert whole.best == 4
    assert loads == []


def with_retries():
    """Return entries of a trial that is retried and begun anew; another is trained again."""
    first, *reports, end = make.trial(4, value=0.125)
    events = [entry.event for entry in make.small_study(model_path="best/model.keras")]
    events += [make.RESUMED, first, *reports, make.RESUMED, *reports, make.retried(4)]
    return make.timed(*events, *reports, end, Retrained(1, ("0" * 64,)), make.interrupted())


@pytest.mark.parametrize("entries", [make.ended_study(), with_retries()], ids=["ended", "retries"])
def test_a_study_goes_on_from_what_was_kept_anywhere(paths, tmp_path, entries):
    """Kept after any line, and continued to any later one, it is what the journal gives."""
    for kept in range(1, len(entries)):
        paths.journal.write_bytes(encoded(entries[:kept]))
        keep_brief(StudyRecord(entries[:kept]), paths)
        for end in range(kept, len(entries) + 1):
            paths.journal.write_bytes(encoded(entries[:end]))
            expected = brief_of(StudyRecord(entries[:end]), paths.directory)
            assert load_brief("housing", tmp_path) == expected


def test_a_running_study_keeps_its_brief_by_itself(paths, tmp_path, loads):
    """After a kill at any line, `list` reads no more than some trials."""
    entries = make.small_study()
    record = StudyRecord()
    follower = Briefs(record, paths)
    for count, entry in enumerate(entries, start=1):
        paths.journal.write_bytes(encoded(entries[:count]))
        record.apply(entry)
        follower.record(entry)
        assert load_brief("housing", tmp_path) == brief_of(record, paths.directory)
    assert loads == []


def test_a_journal_that_was_put_back_is_read_again(paths, tmp_path, loads):
    """The brief is of lines that are no longer there, or are others."""
    before = paths.journal.read_bytes()
    entries = make.small_study()
    keep_brief(StudyRecord(entries), paths)
    paths.journal.write_bytes(encoded(entries[:-4]))
    expected = brief_of(StudyRecord(entries[:-4]), paths.directory)
    assert load_brief("housing", tmp_path) == expected
    paths.journal.write_bytes(before)
    load_brief("housing", tmp_path)
    changed = [Entry(each.event, each.time + 1) for each in entries]
    paths.journal.write_bytes(encoded(changed))
    assert load_brief("housing", tmp_path).row == brief_of(StudyRecord(changed), paths.journal).row
    assert len(loads) == 2


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
