"""Checkpoints and models that are gone or altered are made again, with the same results."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.ray_cluster import ON_A_CLUSTER, ray_cluster
from support.studies import run_here, write_study

import searchlab
from searchlab.journal.events import Retrained
from searchlab.journal.journal import read_journal
from searchlab.journal.layout import StudyLayout, study_layout
from searchlab.journal.record import StudyRecord

pytestmark = pytest.mark.keras

STUDY = """\
name: small
data: {{dataset: iris}}
space:
  n_hidden: {{int: [1, 1]}}
  n_neurons: {{int: [1, 20]}}
  learning_rate: {{float: [3e-3, 3e-1], log: true}}
search: {{backend: {backend}, trials: {trials}, seed: 42, options: {options}}}
training: {{epochs: 4, batch_size: 64}}
evaluation: {{holdout: 0.25}}
confirm: 0
baselines: false
refit: {refit}
execution: {{executor: {executor}}}
"""
FIRST, ALL = 6, 9  # trials of the first rungs; of all of the first bracket, and two of the next


def written(cwd: Path, executor: str, trials: int) -> Path:
    values = {"backend": "hyperband", "options": "{factor: 2}", "refit": "false"}
    text = STUDY.format(**values, executor=executor, trials=trials)
    return write_study(cwd / "small.yaml", text)


def result(record: StudyRecord) -> list:
    """Return all that must not depend on what was lost."""
    assert (record.state, record.stopped is None) == ("finished", False)
    trials = [
        (each.trial, each.outcome.state, each.outcome.value, each.outcome.weights, each.reports)
        for each in record.trials.values()
    ]
    return [trials, record.best, record.stopped.winner, record.stopped.metrics]


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Run the first rungs of a study on an executor, and a copy of it to the end."""
    known = {}

    def make(executor: str) -> tuple[Path, list]:
        if executor not in known:
            cwd, whole = (tmp_path_factory.mktemp(executor) / name for name in ("first", "whole"))
            run_here(written(cwd, executor, FIRST))
            shutil.copytree(cwd, whole)
            known[executor] = cwd, result(run_here(written(whole, executor, ALL)))
        return known[executor]

    return make


@pytest.fixture(scope="module")
def cluster():
    """Start a Ray cluster."""
    with ray_cluster() as cluster:
        yield cluster


def remove(files: list[Path]) -> None:
    for file in files:
        file.unlink()


def empty(files: list[Path]) -> None:
    for file in files:
        file.write_bytes(b"")


def flip(files: list[Path]) -> None:
    """Change one bit of a weight, and its checksum in the file too."""
    for file in files:
        with np.load(file) as opened:
            arrays = dict(opened)
        arrays["trainable_0"].view(np.uint8).flat[0] ^= 1
        np.savez(file, **arrays)


def exchange(files: list[Path]) -> None:
    """Give each trial the weights of another model of the same shape."""
    for file in files:
        with np.load(file) as opened:
            arrays = {name: np.flip(opened[name]) for name in opened.files}
        np.savez(file, **arrays)


@pytest.mark.parametrize(
    ("executor", "damage"),
    [
        ("inline", remove),
        *(pytest.param("inline", each, marks=pytest.mark.long) for each in (flip, empty, exchange)),
        pytest.param("process", flip, marks=pytest.mark.long),
        pytest.param("fused", exchange, marks=pytest.mark.long),
        pytest.param("ray", flip, marks=ON_A_CLUSTER),
    ],
)
def test_promoted_trials_go_on_from_lost_weights(begun, tmp_path, executor, damage, request):
    """If all are lost, those that are needed are trained again, and nothing else changes."""
    if executor == "ray":
        request.getfixturevalue("cluster")
    first, undisturbed = begun(executor)
    shutil.copytree(first, tmp_path, dirs_exist_ok=True)
    paths = study_layout("small", tmp_path)
    files = [file for number in range(FIRST) for file in paths.checkpoints(number)]
    assert files, "those that can still be asked for"
    damage(files)
    assert result(run_here(written(tmp_path, executor, ALL))) == undisturbed
    again = [
        entry.event for entry in read_journal(paths.journal) if isinstance(entry.event, Retrained)
    ]
    outcomes = {number: outcome for number, (_, _, _, outcome, _) in enumerate(undisturbed[0])}
    assert len(again) == 2, "the last rung's trial needs another, and that one a third"
    assert [each.weights for each in again] == [outcomes[each.number] for each in again]


def gone(package: Path) -> None:
    shutil.rmtree(package)


def emptied(package: Path) -> None:
    for file in package.iterdir():
        if file.is_file():
            file.write_bytes(b"")


def altered(package: Path) -> None:
    text = (package / "model.json").read_text()
    (package / "model.json").write_text(text.replace('"epochs": ', '"epochs": 1'))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Run a study with a refit to its end."""
    cwd = tmp_path_factory.mktemp("finished")
    values = {"backend": "optuna", "options": "{pruner: none}", "executor": "inline"}
    run_here(write_study(cwd / "small.yaml", STUDY.format(**values, trials=2, refit="true")))
    return cwd


def predicted(directory: StudyLayout) -> list:
    rows = np.array([[5.1, 3.5, 1.4, 0.2], [6.2, 2.8, 4.8, 1.8]])
    return searchlab.load_model(directory.refit).predict_proba(rows).tolist()


@pytest.mark.parametrize(
    ("place", "damage"),
    [
        ("refit", gone),
        ("best", altered),
        *(pytest.param("refit", each, marks=pytest.mark.long) for each in (emptied, altered)),
        pytest.param("best", gone, marks=pytest.mark.long),
    ],
)
def test_a_finished_study_makes_a_lost_model_again(finished, tmp_path, place, damage):
    """The next run makes it again, with the same metrics and predictions; a third, nothing."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    paths = study_layout("small", tmp_path)
    whole = result(StudyRecord(read_journal(paths.journal)))
    before = predicted(paths)
    damage(paths.directory / place)
    assert result(run_here(tmp_path / "small.yaml")) == whole
    assert predicted(paths) == before
    journal = paths.journal.read_bytes()
    (paths.refit / ".DS_Store").touch()  # of no importance
    run_here(tmp_path / "small.yaml")
    assert paths.journal.read_bytes() == journal
