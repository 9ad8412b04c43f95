"""Whole studies that build on others: warm starts of each backend, and weight transfer."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from support.studies import run_here, write_study

from searchlab.errors import InputError, ModelError
from searchlab.journal.home import StudyHome, load_record
from searchlab.journal.record import StudyRecord

pytestmark = pytest.mark.keras

STUDY = """\
name: {name}
data: {{dataset: iris}}
model: {model}
space:
  n_hidden: {{int: [1, 2]}}
  learning_rate: {{float: [3e-4, 3e-1], log: true}}
objective: {{metric: val_accuracy}}
search: {{backend: {backend}, trials: {trials}, options: {options}, warm_start: {warm_start}}}
training: {{epochs: 2, early_stopping: null}}
evaluation: {{holdout: 0.25}}
execution: {{executor: {executor}}}
confirm: 0
refit: false
baselines: false
"""
MLP = "{factory: mlp, params: {n_neurons: 7}}"
LEARNS = "{sampler: {name: tpe, n_startup_trials: 3}}"
DEFAULTS = {
    "model": MLP,
    "backend": "optuna",
    "options": LEARNS,
    "trials": 4,
    "warm_start": "[]",
    "executor": "inline",
}


def run(directory: Path, name: str, **changes) -> StudyRecord:
    """Run a study in this process."""
    if changes.get("backend", "optuna") != "optuna":
        changes["options"] = "{}"
    text = STUDY.format(name=name, **{**DEFAULTS, **changes})
    return run_here(write_study(directory / f"{name}.yaml", text))


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Create a directory with the study `first`."""
    directory = tmp_path_factory.mktemp("first")
    run(directory, "first")
    return directory


@pytest.fixture
def directory(first, tmp_path):
    """Copy that directory."""
    shutil.copytree(first, tmp_path, dirs_exist_ok=True)
    return tmp_path


def picture(record):
    """Return everything that must not depend on how often a study was stopped."""
    return [
        (trial.trial, trial.outcome.value, [report.metrics for report in trial.reports])
        for trial in record.trials.values()
    ]


@pytest.mark.parametrize(
    "backend",
    [
        "optuna",
        *(pytest.param(each, marks=pytest.mark.long) for each in ("hyperband", "randomized")),
    ],
)
def test_a_study_begins_with_what_another_found_and_resumes_without_it(directory, backend):
    """A warm start changes the trials, and they stay the same once the other study is gone."""
    known = load_record("first", directory)
    whole = run(directory, "second", backend=backend, warm_start="[first]")
    assert whole.started.known[0].number == known.best
    if backend == "optuna":
        assert picture(whole) != picture(known), "a study like it without a warm start"
    else:
        assert whole.trials[0].trial.suggestion.params == whole.started.known[0].params
    journal = StudyHome("second", directory).paths.journal
    lines = journal.read_bytes().splitlines(keepends=True)
    told = [number for number, line in enumerate(lines) if b'"event":"Told"' in line]
    journal.write_bytes(b"".join(lines[: told[2]]))
    shutil.rmtree(StudyHome("first", directory).directory)
    resumed = run(directory, "second", backend=backend, warm_start="[first]")
    assert picture(resumed) == picture(whole)


def test_a_refused_warm_start_leaves_nothing(directory):
    """No study is created."""
    with pytest.raises(InputError, match=r"search\.warm_start: there is no study 'fist'"):
        run(directory, "second", warm_start="[first, fist]")
    assert not StudyHome("second", directory).directory.exists()


@pytest.mark.parametrize("executor", ["inline", pytest.param("fused", marks=pytest.mark.long)])
def test_a_study_begins_with_anothers_weights_and_resumes_without_it(directory, executor):
    """The study needs only its copy of the model, which must be unchanged."""
    model = MLP.replace("mlp,", "mlp, initial_weights: {study: first, layers: 1},")
    whole = run(directory, "second", model=model, executor=executor)
    assert "FAIL" not in whole.counts()
    home = StudyHome("second", directory)
    lines = home.paths.journal.read_bytes().splitlines(keepends=True)
    told = [number for number, line in enumerate(lines) if b'"event":"Told"' in line]
    home.paths.journal.write_bytes(b"".join(lines[: told[2]]))
    shutil.rmtree(StudyHome("first", directory).directory)
    assert picture(run(directory, "second", model=model, executor=executor)) == picture(whole)
    (home.directory / "initial" / "model.keras").write_bytes(b"another")
    home.paths.journal.write_bytes(b"".join(lines[: told[2]]))
    with pytest.raises(InputError, match="the model, or its code, has changed since"):
        run(directory, "second", model=model, executor=executor)


def test_weights_that_fit_nowhere_are_refused_before_trial_0(directory):
    """No study is created."""
    model = MLP.replace("7", "9").replace("mlp,", "mlp, initial_weights: first,")
    with pytest.raises(ModelError, match=r"model\.initial_weights: layer 1, dense.*, has weights"):
        run(directory, "second", model=model)
    assert not StudyHome("second", directory).directory.exists()


@pytest.mark.long  # training/test_initial.py builds such layers from the copy
def test_a_layer_of_ones_own_outlives_its_source(tmp_path, monkeypatch):
    """A custom layer loads after its source has gone and another class has taken its name."""
    from searchlab.inference.loading import load_package

    source = (Path(__file__).parents[1] / "training" / "transfer_factories.py").read_text()
    theirs, mine = tmp_path / "theirs" / "mine.py", tmp_path / "mine.py"
    theirs.parent.mkdir()
    theirs.write_text(source)
    mine.write_text(source.replace("units", "width"))
    run(tmp_path, "first", model="theirs/mine.py:own", backend="randomized", trials=2)
    shutil.rmtree(theirs.parent)
    monkeypatch.delitem(sys.modules, "mine")
    model = "{factory: 'mine.py:own', initial_weights: {study: first, freeze: 3}}"
    second = run(tmp_path, "second", model=model, backend="randomized", trials=2)
    assert "FAIL" not in second.counts()
    monkeypatch.delitem(sys.modules, "mine")
    first, second = (
        load_package(StudyHome(name, tmp_path).directory / "best").keras.layers[:2]
        for name in ("first", "second")
    )
    assert (first[1].units, second[1].width) == (8, 8)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.get_weights()[0], other.get_weights()[0])
