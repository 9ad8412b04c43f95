"""Many trials at once: the same rows of the database, in a few transactions."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from support.stores import study_of, track

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


def test_a_hundred_trials_take_a_few_calls(uri, home, monkeypatch):
    """The number of calls does not grow with the number of trials that are sent together."""
    calls = []

    class Counting:
        def __init__(self, client):
            self._client = client

        def __getattr__(self, name):
            if not name.startswith("_"):
                calls.append(name)
            return getattr(self._client, name)

    original = store.MlflowStore.__init__

    def counted(self, client, *arguments):
        original(self, Counting(client), *arguments)

    monkeypatch.setattr(store.MlflowStore, "__init__", counted)
    tracker = track(uri, home, study_of(100))
    assert (tracker.pending, tracker.problem) == (0, None)
    assert len(calls) - calls.count("log_text") < 20
