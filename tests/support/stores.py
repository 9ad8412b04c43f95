"""Functions that send studies to a real store and read the store afterwards."""

from __future__ import annotations

import shutil
from collections import Counter

from mlflow import MlflowClient
from mlflow.entities import ViewType

from searchlab.journal.events import Entry
from searchlab.testing import entries as make
from searchlab.tracking.mlflow import store
from searchlab.tracking.mlflow.tracker import MlflowTracker


class LightLogger:
    """A logger of models that calls a function, as Keras takes seconds and is tested elsewhere."""

    def __init__(self, log):
        self._log = log

    def start(self):
        pass

    def begin(self, file):
        self._logged = self._log(file)

    def logged(self):
        return self._logged

    def close(self):
        pass


def log_with(monkeypatch, log):
    """Log all models with a function of a `ModelFile`."""
    monkeypatch.setattr(store, "ModelLogger", lambda: LightLogger(log))


def page(record, _):
    """Return a report without pictures, as the real one takes seconds."""
    return f"a page about {record.spec.name}"


def track(uri, home, entries, before=(), drain_seconds=60.0, render=page):
    """Follow the study like one process: replay the entries before, then record the others."""
    tracker = MlflowTracker(uri, home, drain_seconds, render=render)
    tracker.replay(list(before))
    for entry in entries:
        tracker.record(entry)
    tracker.close()
    return tracker


def runs(uri, view=ViewType.ACTIVE_ONLY):
    """Return all runs of the store by name, each of which must be unique."""
    client = MlflowClient(uri)
    experiments = [one.experiment_id for one in client.search_experiments()]
    found = client.search_runs(experiments, run_view_type=view)
    assert len({run.info.run_name for run in found}) == len(found)
    return {run.info.run_name: run for run in found}


def history(uri, run):
    """Count the stored points of a run: name, step, time and value."""
    client = MlflowClient(uri)
    return Counter(
        (point.key, point.step, point.timestamp, point.value)
        for name in run.data.metrics
        for point in client.get_metric_history(run.info.run_id, name)
    )


def artifacts(uri, run_id, path=None):
    """Return the paths of a run's files below `path`."""
    return {item.path for item in MlflowClient(uri).list_artifacts(run_id, path)}


def put_model(home, model_file):
    """Put the winner's model where a finished study has it."""
    shutil.copytree(model_file.parent, home / "best")


def study_of(trials: int) -> list[Entry]:
    """Return the entries of a study with three folds: a third of its trials each in a state."""
    events = [make.started(make.spec(folds=3)), make.RESUMED]
    for number in range(trials):
        state = ("COMPLETE", "PRUNED", "FAIL")[number % 3]
        events += make.trial(number, state, 1.0 / (number + 1) if state == "COMPLETE" else None)
    return make.timed(*events)
