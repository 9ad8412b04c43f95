"""Many trials at once: the same rows of the database, in a few transactions."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace

import pytest
from support.stores import history, runs, study_of, track

from searchlab.journal.events import Entry
from searchlab.testing import entries as make
from searchlab.tracking.mlflow import store

TABLES = ("runs", "tags", "params", "metrics", "latest_metrics")


def tables(tmp_path) -> dict[str, list]:
    """Return all rows about runs; runs have the names of their trials in place of ids."""
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.row_factory = sqlite3.Row
        names = dict(connection.execute("SELECT run_uuid, name FROM runs").fetchall())

        def shown(value):
            for run_id, name in names.items():
                value = value.replace(run_id, name) if isinstance(value, str) else value
            return value

        def rows(table):
            for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - see TABLES
                yield {key: shown(row[key]) for key in row.keys()}  # noqa: SIM118 - of SQLite

        return {table: sorted(map(repr, rows(table))) for table in TABLES}


@pytest.mark.parametrize("many", [1, 1000], ids=["at once", "one by one"])
def test_runs_that_are_made_at_once_are_those_that_mlflow_makes(uri, home, monkeypatch, many):
    """Every row of every table is the same, whichever way it came there."""
    monkeypatch.setattr(store, "_MANY", 1000)
    track(uri, home, study_of(7))
    expected = tables(home.parent)
    assert [len(rows) > 7 for rows in expected.values()] == [True] * len(TABLES)
    with contextlib.closing(sqlite3.connect(home.parent / "mlflow.db")) as connection:
        for table in reversed(TABLES):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - see TABLES
        connection.commit()
    (home / "mlflow.jsonl").unlink()
    monkeypatch.setattr(store, "_MANY", many)
    track(uri, home, study_of(7))
    found = tables(home.parent)
    for table in TABLES:
        assert found[table] == expected[table], table


class Watched:
    """A client that notes the names of its calls, and the names of the runs that were listed."""

    def __init__(self, client, calls, listed):
        self._client, self._calls, self._listed = client, calls, listed

    def __getattr__(self, name):
        if not name.startswith("_"):
            self._calls.append(name)
        return getattr(self._client, name)

    def search_runs(self, *arguments, **options):
        found = self._client.search_runs(*arguments, **options)
        self._listed += [run.info.run_name for run in found]
        return found


@pytest.fixture
def watched(monkeypatch):
    """Return what clients do from now on: names of calls, names of listed runs."""
    calls, listed = [], []
    original = store.MlflowStore.__init__

    def watch(self, client, *arguments):
        original(self, Watched(client, calls, listed), *arguments)

    monkeypatch.setattr(store.MlflowStore, "__init__", watch)
    return calls, listed


def test_a_hundred_trials_take_a_few_calls(uri, home, watched):
    """The number of calls does not grow with the number of trials that are sent together."""
    tracker = track(uri, home, study_of(100))
    assert (tracker.pending, tracker.problem) == (0, None)
    calls, _ = watched
    assert len(calls) - calls.count("log_text") < 20


def test_a_study_that_is_taken_up_lists_only_the_runs_that_its_note_lacks(uri, home, watched):
    """Runs that were sent and not noted are found, without a list of those that were noted."""
    study, note = study_of(100), home / "mlflow.jsonl"
    track(uri, home, study[:300])
    noted = note.read_bytes()
    track(uri, home, study[300:360], before=study[:300])
    sent = set(runs(uri))
    note.write_bytes(noted)  # as after a kill before the last note
    _, listed = watched
    listed.clear()
    tracker = track(uri, home, study[360:], before=study[:360])
    assert (tracker.pending, tracker.problem) == (0, None)
    found = runs(uri)  # which holds that each name is there once
    assert len([name for name in found if name.startswith("trial-")]) == 100
    new = {each for each in listed if each.startswith("trial-")}
    assert 0 < len(new) < 30
    assert new <= sent


@pytest.mark.parametrize("kept", [2, 5], ids=["before a trial", "within a trial"])
def test_runs_of_trials_that_the_journal_has_lost_are_made_anew(uri, home, kept):
    """A journal that was cut off after its last note: each point is stored once, with its value."""
    study, note = study_of(5), home / "mlflow.jsonl"
    track(uri, home, study[:2])
    noted = note.read_bytes()
    track(uri, home, study[2:40], before=study[:2])
    note.write_bytes(noted)  # as after a kill before the last note
    later = [Entry(make.RESUMED, study[kept].time), *study[min(kept, 3) :]]
    again = [replace(each, time=each.time + 1000) for each in later]
    tracker = track(uri, home, again, before=study[:kept])
    assert (tracker.pending, tracker.problem) == (0, None)
    found = runs(uri)
    assert len([name for name in found if name.startswith("trial-")]) == 5
    assert set(history(uri, found["trial-0000"]).values()) == {1}
    steps = [(key, step) for key, step, _, _ in history(uri, found["trial-0000"])]
    assert len(steps) == len(set(steps)) > 3
