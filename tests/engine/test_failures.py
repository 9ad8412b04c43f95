"""Failed trials: retried, skipped or ending the study; and trials that outlast the study."""

import contextlib
import sqlite3
from collections import Counter
from functools import partial

import pytest
from engine.process import BACKENDS, Flaky, Process, picture, retried
from support.studies import write_study

from searchlab.core.interrupt import Interrupt
from searchlab.core.trial import FailureKind, TrialState
from searchlab.engine import loop, plugins
from searchlab.engine.checks import study_problems
from searchlab.engine.run import run_study
from searchlab.errors import DataError, ModelError, StorageError
from searchlab.journal.events import Reported, Told
from searchlab.journal.journal import read_journal
from searchlab.journal.layout import study_layout
from searchlab.journal.record import StudyRecord
from searchlab.study.changes import differences
from searchlab.study.file import load_study
from searchlab.testing.doubles import TrivialExecutor, bowl, study
from searchlab.tracking.memory import MemoryTracker
from searchlab.training.job import BaselineJob, CheckJob, FinalJob, RefitJob, TrialJob
from searchlab.training.outcome import failure_of

STUDY = """\
name: small
data: {dataset: iris}
space: {n_hidden: {int: [0, 3]}, n_neurons: {int: [1, 100]}, learning_rate: {float: [0.01, 0.1]}}
search: {backend: optuna, trials: 6, options: {pruner: none}}
training: {epochs: 3}
evaluation: {holdout: 0.2}
"""


@pytest.mark.parametrize(
    ("failures", "state"), [(1, "COMPLETE"), (2, "COMPLETE"), (3, "FAIL"), (9, "FAIL")]
)
def test_a_failed_trial_is_trained_again_as_often_as_allowed(tmp_path, failures, state):
    """With `{retry: 2}` a trial has three attempts, and only the reports of the last one count."""
    spec = study(search={"backend": "randomized", "trials": 4, "on_failure": {"retry": 2}})
    process = Process(tmp_path, spec, value=Flaky({2: failures}))
    record = process.run()
    attempts = min(failures, 2)
    assert process.executor.submitted == [0, 1, 2, *[2] * attempts, 3]
    assert retried(tmp_path) == [2] * attempts
    assert record.trials[2].state == state
    assert record.trials[2].retries == attempts
    assert len(record.trials[2].reports) == (9 if state == "COMPLETE" else 4)


@pytest.mark.parametrize(
    "name", ["StorageError", "WorkerKilled", "NodeLost", "ModelError", "TimeLimit", "MemoryLimit"]
)
def test_a_users_exception_is_a_fail_of_its_trial_whatever_its_name(tmp_path, name):
    """It neither ends the study nor causes a rerun of the trial, and its traceback is kept."""
    kind = type(name, (Exception,), {})

    def value(trial, epoch):
        if trial.number == 1:
            raise kind("raised by the user")
        return bowl(trial, epoch)

    spec = study(search={"backend": "randomized", "trials": 3})
    process = Process(tmp_path, spec, value=value)
    record = process.run()
    assert process.executor.submitted == [0, 1, 2]
    assert record.counts() == {"COMPLETE": 2, "FAIL": 1}
    error = StudyRecord(read_journal(tmp_path / "journal.jsonl")).trials[1].outcome.error
    assert (error.kind, error.type) == (FailureKind.ERROR, name)
    assert error.message == "raised by the user"
    assert "in value" in error.traceback


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (StorageError("full"), FailureKind.STORAGE),
        (ModelError("no"), FailureKind.REFUSED),
        (DataError("no"), FailureKind.ERROR),
    ],
)
def test_searchlabs_own_errors_are_known_by_their_class(error, kind):
    """A failed write or a rejection by searchlab itself has its own kind."""
    assert failure_of(error).kind is kind


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_study_with_retries_ends_as_if_nothing_had_failed(tmp_path, backend):
    """A study in which some trials were retried has the same trials as one without failures."""
    for name in ("smooth", "flaky"):
        (tmp_path / name).mkdir()
    spec = study(search={"backend": backend, "trials": 12, "on_failure": {"retry": 1}})
    smooth = Process(tmp_path / "smooth", spec).run()
    flaky = Process(tmp_path / "flaky", spec, value=Flaky({0: 1, 3: 1, 7: 1, 8: 1})).run()
    assert picture(flaky) == picture(smooth)
    assert len(retried(tmp_path / "flaky")) >= 2, "the others are pruned before they fail"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_study_with_retries_resumes_exactly_wherever_it_is_cut(tmp_path, backend):
    """Wherever its driver was killed, a trial never exceeds the allowed number of attempts."""
    spec = study(search={"backend": backend, "trials": 8, "on_failure": {"retry": 2}})
    failures = {0: 1, 1: 9, 2: 2, 6: 9}
    (tmp_path / "whole").mkdir()
    whole = picture(Process(tmp_path / "whole", spec, value=Flaky(failures)).run())
    assert len(retried(tmp_path / "whole")) >= 5
    lines = (tmp_path / "whole" / "journal.jsonl").read_bytes().splitlines(keepends=True)
    for cut in range(2, len(lines), 7):
        directory = tmp_path / str(cut)
        directory.mkdir()
        (directory / "journal.jsonl").write_bytes(b"".join(lines[:cut]))
        left = Counter(failures)
        left.subtract(retried(directory))
        assert picture(Process(directory, spec, value=Flaky(left)).run()) == whole
        assert retried(directory) == retried(tmp_path / "whole")


def test_a_backend_hears_of_each_epoch_once(tmp_path, monkeypatch):
    """A retry does not report again the epochs that the first attempt reported."""
    heard = []

    class Spy(plugins.backend("optuna")):
        def report(self, report):
            heard.append((report.number, report.epoch))
            return super().report(report)

    monkeypatch.setattr(plugins, "backend", lambda _: Spy)
    spec = study(search={"backend": "optuna", "trials": 3, "on_failure": {"retry": 2}})
    Process(tmp_path, spec, value=Flaky({0: 2, 1: 1})).run()
    live, heard[:] = list(heard), []
    assert live == [(number, epoch) for number in range(3) for epoch in range(1, 10)]
    Process(tmp_path, spec).run()
    assert heard == live, "replay tells the same"


def test_stop_ends_the_study_at_the_first_failure(tmp_path):
    """No trial begins after it, running ones are abandoned, and `continue` resumes them."""
    stop = study(search={"backend": "randomized", "trials": 6, "on_failure": "stop"})
    process = Process(tmp_path, stop, workers=2, value=Flaky({2: 1}))
    record = process.run()
    assert process.executor.submitted == [0, 1, 2, 3]
    states = [str(trial.state) for trial in record.trials.values()]
    assert states == ["COMPLETE", "COMPLETE", "FAIL", "RUNNING"]
    go_on = study(search={"backend": "randomized", "trials": 6, "on_failure": "continue"})
    assert differences(stop, go_on) == []
    second = Process(tmp_path, go_on)
    assert second.run().counts() == {"COMPLETE": 5, "FAIL": 1}
    assert second.executor.submitted == [3, 4, 5]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs a study file with a formula in place of trainings."""

    def run(value, name="small.yaml", tracker=None, **overrides):
        monkeypatch.setattr(plugins, "executor", lambda _: lambda *_: TrivialExecutor(1, value))
        path = write_study(tmp_path / name, STUDY)
        file = load_study(path, overrides, [study_problems])
        make = (lambda _: [MemoryTracker()]) if tracker is None else tracker
        return run_study(file, tmp_path, make, Interrupt(), lambda _: None)

    return run


def test_a_study_stopped_by_a_failure_failed_and_can_go_on(run):
    """It names the trial, stays stopped under `stop`, and goes on under `continue`."""
    flaky = partial(run, Flaky({2: 1}))
    for _ in range(2):
        record = flaky(**{"search.on_failure": "stop"})
        assert (record.state, record.stopped.failed, len(record.trials)) == ("failed", 2, 3)
        assert record.trials[2].outcome.error.message == "the file system hiccuped"
        assert record.stopped.model_path is None
    record = flaky(**{"search.on_failure": "continue"})
    assert (record.state, record.stopped.failed) == ("finished", None)
    assert record.counts() == {"COMPLETE": 5, "FAIL": 1}


def test_every_process_tries_the_model_before_it_trains(run, monkeypatch):
    """This includes a process that resumes a study, whose executor must learn what it can run."""
    works, submit = [], TrivialExecutor.submit

    def noting(executor, job):
        works.append(type(job))
        submit(executor, job)

    monkeypatch.setattr(TrivialExecutor, "submit", noting)
    run(Flaky({2: 1}), **{"search.on_failure": "stop"})
    assert works == [CheckJob, *[TrialJob] * 3]
    works.clear()
    run(bowl, **{"search.on_failure": "continue"})
    confirming = [BaselineJob] * 4 + [TrialJob] * 9
    assert works == [CheckJob, *[TrialJob] * 3, *confirming, FinalJob, RefitJob]
    works.clear()
    run(bowl, **{"search.on_failure": "continue"})
    assert works == [], "there is nothing left to do"


def test_a_study_of_which_every_trial_fails_has_no_best(run):
    """Its state is failed, all trials are recorded with their reasons, and there is no best."""
    record = run(Flaky(dict.fromkeys(range(6), 1)))
    assert (record.state, record.best, record.counts()) == ("failed", None, {"FAIL": 6})
    assert {trial.outcome.error.type for trial in record.trials.values()} == {"OSError"}


def test_mlflow_has_one_run_a_trial_with_the_last_attempt_only(run, tmp_path):
    """A failed attempt's run is replaced, and the last attempt's curve is complete."""
    from searchlab.tracking.mlflow.state import read_ids
    from searchlab.tracking.mlflow.tracker import MlflowTracker

    made = []

    def tracker(directory):
        made.append(MlflowTracker(f"sqlite:///{tmp_path / 'mlflow.db'}", directory))
        return made

    retry = {"search.on_failure": {"retry": 2}, "baselines": False}
    run(Flaky({1: 1, 3: 2}), tracker=tracker, **retry)
    assert made[0].pending == 0
    runs = read_ids(study_layout("small", tmp_path).directory).trials
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        active = "select run_uuid from runs where lifecycle_stage = 'active'"
        assert len(store.execute(active).fetchall()) == 7
        query = "select step from metrics where run_uuid = ? and key = 'val_loss' order by step"
        for run_id in runs.values():
            assert [step for (step,) in store.execute(query, [run_id])] == [1, 2, 3]


@pytest.mark.keras
@pytest.mark.parametrize("every", [2, 5])
def test_failed_trials_do_not_starve_a_hyperband_bracket(tmp_path, every):
    """With one trial in `every` failing, each rung is filled and its last trial completes."""
    rungs = {}
    for name in ("smooth", "rough"):
        failures = {} if name == "smooth" else dict.fromkeys(range(0, 400, every), 1)
        (tmp_path / name).mkdir()
        spec = study(search={"backend": "hyperband"})
        record = Process(tmp_path / name, spec, value=Flaky(failures)).run()
        trials = record.trials.values()
        rungs[name] = Counter(trial.trial.suggestion.epochs for trial in trials)
        complete = {t.trial.suggestion.epochs for t in trials if t.state is TrialState.COMPLETE}
        assert complete == set(rungs[name]) == {1, 3, 9}
        assert ("FAIL" in record.counts()) == (name == "rough")
    assert rungs["rough"] == rungs["smooth"]


@pytest.mark.parametrize("epochs", [0, 3])
def test_a_trial_whose_epoch_outlasts_the_time_budget_is_pruned(tmp_path, monkeypatch, epochs):
    """It is killed after a grace period and keeps its last reported value, if any."""
    monkeypatch.setattr(loop, "_GRACE", 0.1)
    spec = study(search={"backend": "randomized", "trials": 4, "seconds": 0.3})
    process = Process(tmp_path, spec)

    class Stuck(TrivialExecutor):
        def poll(self, decide, timeout):
            return [] if self._epochs.get(0, 0) == epochs else super().poll(decide, timeout)

    process.executor = Stuck(1)
    outcome = process.run().trials[0].outcome
    assert (outcome.state, outcome.epochs) == (TrialState.PRUNED, epochs)
    entries = [entry.event for entry in read_journal(tmp_path / "journal.jsonl")]
    reports = [event.report for event in entries if isinstance(event, Reported)]
    assert outcome.value == (reports[-1].metrics["val_loss"] if epochs else None)
    assert isinstance(entries[-1], Told)
    assert process.executor.idle
