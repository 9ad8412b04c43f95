"""All trackers against their contract."""

from __future__ import annotations

import io
import os
import shutil

import pytest
from rich.console import Console
from support.stores import history, runs

from searchlab.report.console import LiveTracker, PlainTracker
from searchlab.testing import TrackerContract
from searchlab.tracking.memory import MemoryTracker
from searchlab.tracking.mlflow.address import resolve_uri
from searchlab.tracking.mlflow.tracker import MlflowTracker


class TestMemory(TrackerContract):
    """The tracker that keeps a list."""

    def make(self, directory):
        return MemoryTracker()

    def content(self, tracker, directory):
        assert tracker.closed
        return tracker.entries


class TestMlflow(TrackerContract):
    """The MLflow tracker on its own SQLite store for each test."""

    @pytest.fixture(autouse=True)
    def _database(self, database, monkeypatch):
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
        self.database = database

    def make(self, directory):
        if not (directory / "mlflow.db").exists():
            shutil.copy(self.database, directory / "mlflow.db")
        return self.tracker(resolve_uri(None, directory), directory)

    def make_unreachable(self, directory):
        return self.tracker("http://127.0.0.1:9", directory)

    def tracker(self, uri, directory):
        (directory / "study").mkdir(exist_ok=True)
        return MlflowTracker(uri, directory / "study")

    def content(self, tracker, directory):
        assert (tracker.pending, tracker.problem) == (0, None)
        uri = resolve_uri(None, directory)
        return {
            name: (run.info.status, run.data.params, run.info.end_time, history(uri, run))
            for name, run in runs(uri).items()
        }


class TestPlain(TrackerContract):
    """The tracker that prints lines, which stay in each process's stream."""

    def make(self, directory):
        self.stream = io.StringIO()
        return PlainTracker(self.stream)

    def make_unreachable(self, directory):
        read, write = os.pipe()
        os.close(read)
        return PlainTracker(os.fdopen(write, "w", buffering=1))

    def content(self, tracker, directory):
        return self.stream.getvalue()

    def joined(self, first, second):
        return first + second


class TestLive(TrackerContract):
    """The tracker that draws in the terminal, which is gone when the process ends."""

    def make(self, directory):
        return LiveTracker(Console(file=io.StringIO(), force_terminal=True))

    def content(self, tracker, directory):
        study = tracker._study
        return study.state, study.best, study.counts(), [t.epochs for t in study.trials.values()]
