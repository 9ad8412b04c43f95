"""The public face: running a study from a program and reading its results."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import subprocess
import sys
import threading

import pytest

import searchlab
from searchlab.engine import plugins
from searchlab.journal.events import Told
from searchlab.study.spec import StudySpec
from searchlab.testing import TrivialExecutor, bowl
from searchlab.tracking.memory import MemoryTracker

KEYS = {
    "name": "small",
    "data": {"dataset": "iris"},
    "space": {
        "n_hidden": searchlab.Int(0, 3),
        "n_neurons": searchlab.Int(1, 100),
        "learning_rate": searchlab.Float(3e-4, 3e-2, log=True),
    },
    "search": {"trials": 4, "options": {"pruner": "none"}},
    "training": {"epochs": 3},
    "trackers": [],
    "confirm": 0,
    "refit": False,
    "baselines": False,
}


@pytest.fixture
def formula(monkeypatch):
    """A formula in place of trainings, also of those before and after the trials."""

    def value(trial, epoch):
        return bowl(trial, epoch) if trial.suggestion.params else 0.0

    monkeypatch.setattr(plugins, "executor", lambda _: lambda workers, _: formula_of(workers))

    def formula_of(workers):
        return TrivialExecutor(workers, value)


def test_a_study_of_plain_keys_and_space_types_runs(formula, tmp_path):
    """Its result has the trials in order, the best of them, and where it lives."""
    followed = MemoryTracker()
    result = searchlab.run_study(KEYS, directory=tmp_path, trackers=[followed])
    assert (result.name, result.state, len(result.trials)) == ("small", "finished", 4)
    assert [trial.number for trial in result.trials] == [0, 1, 2, 3]
    best = min(result.trials, key=lambda trial: trial.value)
    assert result.best == best == result.winner
    assert best.state == "COMPLETE"
    assert set(best.params) == {"n_hidden", "n_neurons", "learning_rate"}
    assert (best.epochs, best.error) == (3, None)
    assert result.directory == tmp_path
    assert sum(isinstance(entry.event, Told) for entry in followed.entries) == 4
    assert followed.closed
    assert searchlab.load_study("small", tmp_path) == result


def test_the_keys_of_a_file_a_mapping_and_a_spec_are_the_same_study(formula, tmp_path):
    """Each continues what another has begun, and overrides extend it."""
    first = searchlab.run_study(KEYS, directory=tmp_path)
    again = searchlab.run_study(first.spec, directory=tmp_path)
    assert again == first
    more = searchlab.run_study(first.spec, directory=tmp_path, overrides={"search.trials": 6})
    assert [trial.params for trial in more.trials[:4]] == [trial.params for trial in first.trials]
    assert len(more.trials) == 6
    assert first.spec.registered_model == "small", "the default, as for a file"


def test_a_result_does_not_change(formula, tmp_path):
    """Neither it nor its trials nor its metrics can be written."""
    result = searchlab.run_study(KEYS, directory=tmp_path)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.state = "failed"
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.trials[0].value = 0.0
    with pytest.raises(TypeError):
        result.test["loss"] = 0.0


def test_nothing_is_printed_and_the_logger_is_told(formula, tmp_path, capfd, caplog):
    """A program that configures logging sees a line for the study and for each trial."""
    with caplog.at_level(logging.INFO, "searchlab"):
        searchlab.run_study(KEYS, directory=tmp_path)
    assert capfd.readouterr() == ("", "")
    lines = [record.message for record in caplog.records if record.name == "searchlab"]
    assert "preparing iris" in lines
    assert any(line.startswith("study small: optuna on iris, 4 trials") for line in lines)
    assert sum(line.startswith("trial ") for line in lines) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"search": {"trails": 4}}, "study small: search.trails: unknown key"),
        ({"search": {"backend": "optna", "trials": 4}}, "did you mean optuna?"),
        ({"space": {"n_hidden": object()}}, "study small: has a value that no study file can hold"),
        ({"trackers": ["mlfow"]}, "study small: trackers: there is no tracker 'mlfow'"),
    ],
)
def test_errors_are_those_of_the_command_line(tmp_path, changes, message):
    """They are exceptions with one line for each problem, and nothing is left behind."""
    with pytest.raises(searchlab.errors.StudyFileError) as refused:
        searchlab.run_study({**KEYS, **changes}, directory=tmp_path)
    assert message in str(refused.value)
    assert isinstance(refused.value, searchlab.SearchlabError)
    assert list(tmp_path.iterdir()) == []


def test_a_study_that_is_not_there_is_named(tmp_path):
    """The message is the command line's."""
    with pytest.raises(searchlab.SearchlabError, match="there is no study 'small'"):
        searchlab.load_study("small", tmp_path)


def test_a_study_whose_trials_all_fail_is_a_result(monkeypatch, tmp_path):
    """It is `failed`, each trial says why, and asking for its model is an error that says so."""

    def value(trial, epoch):
        if trial.suggestion.params:
            raise ValueError("these params do not fit")
        return 0.0

    executor = lambda workers, _: TrivialExecutor(workers, value)  # noqa: E731
    monkeypatch.setattr(plugins, "executor", lambda _: executor)
    result = searchlab.run_study(KEYS, directory=tmp_path)
    assert (result.state, result.best, result.winner) == ("failed", None, None)
    assert {trial.error for trial in result.trials} == {"ValueError: these params do not fit"}
    with pytest.raises(searchlab.errors.PackageError, match="study small has no model"):
        result.model()


def test_ctrl_c_leaves_a_study_that_the_next_call_continues(monkeypatch, tmp_path):
    """KeyboardInterrupt comes once trainings are at the end of an epoch; nothing is lost."""
    epochs = []

    def value(trial, epoch):
        epochs.append(trial.number)
        if len(epochs) == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return bowl(trial, epoch) if trial.suggestion.params else 0.0

    executor = lambda workers, _: TrivialExecutor(workers, value)  # noqa: E731
    monkeypatch.setattr(plugins, "executor", lambda _: executor)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        searchlab.run_study(KEYS, directory=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    left = searchlab.load_study("small", tmp_path)
    assert left.state == "interrupted"
    assert 0 < len(left.trials) < 4
    ended = searchlab.run_study(KEYS, directory=tmp_path)
    assert (ended.state, len(ended.trials)) == ("finished", 4)


def test_a_thread_runs_a_study_too(formula, tmp_path):
    """Signals are the main thread's, so a study elsewhere leaves them alone."""
    results = []
    thread = threading.Thread(
        target=lambda: results.append(searchlab.run_study(KEYS, directory=tmp_path))
    )
    thread.start()
    thread.join()
    assert results[0].state == "finished"


SCRIPT = """
import searchlab
print("begun", flush=True)
result = searchlab.run_study("study.yaml")
print(result.state, len(result.trials))
answers = result.model().predict([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]])
print(len(answers), sorted(result.test))
"""
STUDY = """\
name: small
data: {dataset: iris}
space: {n_neurons: {int: [4, 8]}, learning_rate: {float: [0.01, 0.1]}}
search: {trials: 3}
training: {epochs: 2}
trackers: []
confirm: 0
baselines: false
"""


@pytest.mark.keras
def test_a_plain_script_runs_a_study_and_uses_its_model(tmp_path):
    """It needs no `if __name__ == "__main__"`: its lines run once, whatever starts processes."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "study.yaml").write_text(STUDY)
    result = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["begun", "finished 3", "2 ['accuracy', 'loss']"]


def test_a_spec_without_a_name_for_its_model_gets_the_default(formula, tmp_path):
    """A spec that is made by hand registers its model under the study's name, as a file does."""
    keys = {**KEYS, "space": {"n_neurons": {"int": [1, 100]}, "learning_rate": {"float": [0.1, 1]}}}
    spec = StudySpec.from_dict(keys)
    assert searchlab.run_study(spec, directory=tmp_path).spec.registered_model == "small"
