"""The public face: running a study from a program and reading its results."""

from __future__ import annotations

import copy
import dataclasses
import logging
import os
import pickle
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from support import programs

import searchlab
from searchlab.engine import plugins
from searchlab.journal.events import Told
from searchlab.report import brief
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


def test_a_study_is_listed_without_reading_its_journal(formula, tmp_path, monkeypatch):
    """Whoever ran it has left it in brief."""
    result = searchlab.run_study(KEYS, directory=tmp_path)
    monkeypatch.setattr(brief, "load_record", lambda *_: pytest.fail("the journal is read"))
    row = brief.load_brief("small", tmp_path).row
    assert (row.trials, row.best, row.state) == (4, result.best.value, "finished")


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
        result.metrics["loss"] = 0.0


def test_nothing_is_printed_and_the_logger_is_told(formula, tmp_path, capfd, caplog):
    """A program that configures logging sees a line for the study and for each trial."""
    with caplog.at_level(logging.INFO, "searchlab"):
        searchlab.run_study(KEYS, directory=tmp_path)
    assert capfd.readouterr() == ("", "")
    lines = [record.message for record in caplog.records if record.name == "searchlab"]
    assert "preparing iris" in lines
    assert any(line.startswith("study small: optuna on iris, 4 trials") for line in lines)
    assert sum(line.startswith("trial ") for line in lines) == 4


def test_what_is_odd_about_the_data_is_a_warning_once(formula, tmp_path, caplog):
    """A program learns of it at level WARNING, and not again when it runs the study again."""
    keys = {**KEYS, "data": {"dataset": "digits"}}
    for trials in (2, 3):
        with caplog.at_level(logging.WARNING, "searchlab"):
            searchlab.run_study(keys, directory=tmp_path, overrides={"search.trials": trials})
    found = [record.message for record in caplog.records if "pixel_0_0" in record.message]
    assert [record.levelname for record in caplog.records if record.message in found] == ["WARNING"]
    assert "the same value in all rows" in found[0]


def test_odd_data_are_refused_if_asked(formula, tmp_path):
    """`strict` ends a study before trial 0 with the command line's words, and leaves nothing."""
    keys = {**KEYS, "data": {"dataset": "digits"}}
    with pytest.raises(searchlab.errors.DataError) as refused:
        searchlab.run_study(keys, directory=tmp_path, strict=True)
    assert "columns 'pixel_0_0', " in str(refused.value)
    assert str(refused.value).endswith("add them to data.drop; --strict refuses it")
    assert searchlab.run_study(KEYS, directory=tmp_path, strict=True).state == "finished"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"search": {"trails": 4}}, "study small: search.trails: unknown key"),
        ({"search": {"backend": "optna", "trials": 4}}, "did you mean optuna?"),
        (
            {"space": {"n_hidden": object()}},
            "space.n_hidden: has a value that no study file",
        ),
        ({"model": "\ud800.py:build"}, "study small: model: has a character that is no text"),
        (
            {"model": os.getcwd},
            "study small: model: has getcwd itself, which no",
        ),
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


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (None, "study is of type NoneType: give the path of a study file, a mapping"),
        ([KEYS], "study is of type list: give"),
        (b"study.yaml", "study is of type bytes: give"),
        ("", "study is empty: give"),
        ("name: small\ndata: {dataset: iris}\n", "study is a text of several lines: give"),
        (StudySpec, "study is of type ModelMetaclass: give"),
    ],
)
def test_anything_that_is_no_study_is_refused(tmp_path, study, message):
    """The error is searchlab's own, in one line, and says what a study may be."""
    with pytest.raises(searchlab.errors.InputError) as refused:
        searchlab.run_study(study, directory=tmp_path)
    assert str(refused.value).startswith(message)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"directory": None}, "directory is of type NoneType: give the path of a directory"),
        ({"tracking_uri": 5}, "tracking_uri is of type int: give the address"),
        ({"overrides": "search.trials=3"}, "overrides is of type str: give values by dotted key"),
        ({"overrides": {3: 4}}, "study small: no key is 3: write one as search.trials"),
        ({"overrides": {"search..trials": 4}}, "study small: no key is 'search..trials'"),
        ({"overrides": {"search.trials": object()}}, "study small with overrides: search.trials:"),
        ({"trackers": "mlflow"}, "trackers is of type str: give a list of trackers"),
        ({"trackers": ["mlflow"]}, "trackers has 'mlflow', which is no tracker: give objects"),
        ({"trackers": [MemoryTracker]}, "which is no tracker: give objects with the methods"),
        ({"trackers": None}, "trackers is of type NoneType: give a list of trackers"),
        ({"strict": "no"}, "strict is of type str: give True or False"),
    ],
)
def test_arguments_of_another_type_are_refused(tmp_path, arguments, message):
    """The error names the argument, and nothing is left behind."""
    with pytest.raises(searchlab.errors.InputError) as refused:
        searchlab.run_study(KEYS, **{"directory": tmp_path, **arguments})
    assert message in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_numbers_and_paths_of_other_libraries_are_plain_values(formula, tmp_path):
    """NumPy's numbers and arrays and paths are taken in a study and in overrides of it."""
    values = {
        **KEYS,
        "data": {"path": Path(__file__).parent / "no.csv", "target": "y"},
        "space": {
            "n_neurons": {"int": np.array([1, 100])},
            "learning_rate": KEYS["space"]["learning_rate"],
        },
    }
    data = {"data": {"dataset": "iris"}, "search.trials": np.int64(2)}
    result = searchlab.run_study(values, directory=tmp_path, overrides=data)
    assert len(result.trials) == 2
    assert result.spec.space["n_neurons"].range == (1, 100)


def test_overrides_of_a_file_may_be_params(formula, tmp_path):
    """A param of the space is given as in a mapping."""
    (tmp_path / "study.yaml").write_text(STUDY)
    overrides = {"space.n_neurons": searchlab.Int(5, 6), "refit": False}
    result = searchlab.run_study(tmp_path / "study.yaml", directory=tmp_path, overrides=overrides)
    assert result.spec.search_space.domains["n_neurons"] == searchlab.Int(5, 6)


def test_a_mapping_that_has_itself_is_refused(tmp_path):
    """Its key is named, as of any value that no file can hold."""
    values = dict(KEYS)
    values["training"] = {"epochs": values}
    values["training"]["epochs"] = values["training"]
    with pytest.raises(searchlab.errors.StudyFileError, match=r"training\.epochs: is nested"):
        searchlab.run_study(values, directory=tmp_path)


def test_a_result_can_be_copied_and_sent_to_another_process(formula, tmp_path):
    """A copy is equal, and as unchangeable as the original."""
    result = searchlab.run_study(KEYS, directory=tmp_path)
    sent = pickle.loads(pickle.dumps(result))  # noqa: S301 - its own
    for other in (copy.deepcopy(result), sent):
        assert other == result
        with pytest.raises(TypeError):
            other.metrics["loss"] = 0.0
    assert dataclasses.asdict(result)["metrics"] == result.metrics


@pytest.mark.parametrize("name", [None, 5, b"small", ""])
def test_a_study_is_looked_up_by_its_name(tmp_path, name):
    """Anything else is an error that says so."""
    with pytest.raises(searchlab.errors.InputError, match="give the name of a study"):
        searchlab.load_study(name, tmp_path)


@pytest.mark.parametrize("name", ["..", "a/b", "small.yaml", "a\0b", "a" * 5000])
def test_names_that_no_study_has_are_not_there(tmp_path, name):
    """They are no paths: no file is looked for, and the directory is named."""
    with pytest.raises(searchlab.errors.InputError) as refused:
        searchlab.load_study(name, tmp_path)
    assert f"in {tmp_path}; there is: none yet" in str(refused.value)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "model is of type NoneType: give a study's name"),
        ("", "model is empty: give a study's name"),
        (b"small", "model is of type bytes: give a study's name"),
        ("a" * 5000, "there is no model 'aaa"),
    ],
)
def test_anything_that_is_no_model_is_refused(monkeypatch, tmp_path, model, message):
    """The error is searchlab's own and says what a model may be."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(searchlab.SearchlabError) as refused:
        searchlab.load_model(model)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("address", ["models:/", "models:/small", "models:/small@", "runs:/"])
def test_an_address_that_is_none_is_said_to_be_none(monkeypatch, tmp_path, address):
    """The message has the forms that MLflow knows, whatever the store has."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlflow.db").touch()
    with pytest.raises(searchlab.errors.PackageError, match=r"write models:/NAME@champion"):
        searchlab.load_model(address)


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
print(len(answers), sorted(result.metrics))
"""
STUDY = """\
name: small
data: {dataset: iris}
space: {n_neurons: {int: [4, 8]}, learning_rate: {float: [0.01, 0.1]}}
search: {trials: 3}
training: {epochs: 2}
trackers: []
confirm: 0
refit: false
baselines: false
"""


@pytest.mark.keras
def test_a_plain_script_runs_a_study_and_uses_its_model(tmp_path):
    """It needs no `if __name__ == "__main__"`: its lines run once, whatever starts processes."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "study.yaml").write_text(STUDY)
    code = "import runpy; runpy.run_path('script.py', run_name='__main__')"
    printed = programs.run_code(tmp_path, code)
    assert printed.splitlines() == ["begun", "finished 3", "2 ['accuracy', 'loss']"]


def test_a_spec_without_a_name_for_its_model_gets_the_default(formula, tmp_path):
    """A spec that is made by hand registers its model under the study's name, as a file does."""
    keys = {**KEYS, "space": {"n_neurons": {"int": [1, 100]}, "learning_rate": {"float": [0.1, 1]}}}
    spec = StudySpec.from_dict(keys)
    assert searchlab.run_study(spec, directory=tmp_path).spec.registered_model == "small"
