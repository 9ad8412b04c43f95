"""The record counts the seconds that a process worked, and no others."""

import time

import pytest

from searchlab.core import steady
from searchlab.journal.journal import Journal, read_journal
from searchlab.journal.record import StudyRecord
from searchlab.testing import entries as make


def begun(begin: float, *, until: float) -> list:
    """Entries of a process that begins trial 0 and is last heard of at `until`."""
    first = make.timed(make.started(make.spec()), make.resumed(), make.asked(0), begin=begin)
    return [*first, *make.timed(make.reported(0, 1), begin=until)]


def test_time_after_a_process_died_is_nobodys():
    """A process works for 10 seconds and is killed; one that resumes much later has spent 10."""
    entries = begun(1000.0, until=1011.25)
    entries += make.timed(make.resumed(), begin=5000.0)
    record = StudyRecord(entries)
    assert record.seconds == pytest.approx(10.0)
    record.apply(*make.timed(make.told(0), begin=5003.0))
    assert record.seconds == record.trials[0].elapsed == pytest.approx(13.0)


def test_a_resumed_process_that_dies_counts_too():
    """Each of two killed processes adds what it worked, and the pause between them adds nothing."""
    entries = begun(1000.0, until=1011.25)
    entries += make.timed(make.resumed(), make.reported(0, 1), begin=5000.0, step=7.0)
    entries += make.timed(make.resumed(), begin=9000.0)
    assert StudyRecord(entries).seconds == pytest.approx(17.0)


@pytest.mark.parametrize("step", [86_400.0, -86_400.0])
def test_a_clock_that_is_set_costs_nothing(tmp_path, monkeypatch, step):
    """Wall time jumps by a day between two entries; the study has spent no second of it."""
    path = tmp_path / "journal.jsonl"
    before = steady.now()
    with Journal(path) as journal:
        journal.append(make.started(make.spec()))
        journal.append(make.resumed())
        wall = time.time
        monkeypatch.setattr(time, "time", lambda: wall() + step)
        journal.append(make.asked(0))
    record = StudyRecord(read_journal(path))
    assert 0 <= record.seconds <= steady.now() - before
    assert record.trials[0].started >= before
