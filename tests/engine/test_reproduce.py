"""`searchlab reproduce`: a trial is retrained from its record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support import programs
from support.studies import run_here, write_study

from searchlab.core.interrupt import Interrupt
from searchlab.core.trial import Failure, Outcome, TrialState
from searchlab.engine.reproduce import Reproduction, reproduce_trial
from searchlab.errors import InputError
from searchlab.journal.events import Entry, Started
from searchlab.journal.home import StudyHome, load_record
from searchlab.journal.journal import encoded, read_journal

pytestmark = pytest.mark.keras
LONG = pytest.mark.long

MODELS = """\
import keras

def build(n_neurons, rate, input_shape):
    if n_neurons == 3:
        raise ArithmeticError("three is a crowd")
    model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(n_neurons, "relu")])
    model.add(keras.layers.Dense(1))
    model.compile(loss="mse", optimizer=keras.optimizers.Adam(rate))
    return model
"""
STUDY = """\
name: {name}
data: {{path: rows.csv, target: y}}
model: models.py:build
space:
  n_neurons: {{int: [1, 30]}}
  rate: {{float: [1e-3, 3e-1], log: true}}
search: {{backend: {backend}, seed: 3, {search}}}
training: {{epochs: {epochs}, early_stopping: {{patience: 2}}}}
evaluation: {{{evaluation}}}
execution: {{executor: {executor}}}
confirm: 0
refit: false
baselines: false
"""
STUDIES = {
    "pruned": {
        "backend": "optuna",
        "search": "trials: 9, options: {pruner: {name: median, n_startup_trials: 2}}",
        "evaluation": "folds: 2",
        "executor": "fused",
        "epochs": 5,
    },
    "bands": {
        "backend": "hyperband",
        "search": "options: {hyperband_iterations: 1}",
        "evaluation": "folds: 2",
        "executor": "fused",
        "epochs": 9,
    },
    "drawn": {
        "backend": "randomized",
        "search": "trials: 3",
        "evaluation": "holdout: 0.25",
        "executor": "inline",
        "epochs": 3,
    },
}


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """A directory with one study per backend."""
    directory = tmp_path_factory.mktemp("studies")
    (directory / "models.py").write_text(MODELS)
    rows = "\n".join(f"{x},{x % 7},{x % 5 + x / 100}" for x in range(200))
    (directory / "rows.csv").write_text(f"a,b,y\n{rows}\n")
    for name, settings in STUDIES.items():
        write_study(directory / f"{name}.yaml", STUDY.format(name=name, **settings))
        run_here(directory / f"{name}.yaml")
    return directory


def again(directory: Path, name: str, number: int | None = None) -> Reproduction:
    """Retrain a trial in this process, and check that no file is left behind."""
    before = sorted(directory.rglob("*"))
    found = reproduce_trial(name, directory, number, Interrupt(), lambda _: None)
    assert sorted(directory.rglob("*")) == before
    return found


def some(directory: Path, name: str, wanted) -> int:
    """Return the number of the last trial of a study that satisfies a predicate."""
    trials = load_record(name, directory).trials
    return next(number for number in reversed(trials) if wanted(trials[number]))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("pruned", lambda trial: trial.state is TrialState.PRUNED),
        pytest.param("pruned", lambda trial: trial.state is TrialState.COMPLETE, marks=LONG),
        ("bands", lambda trial: trial.trial.suggestion.initial_epoch > 1),
        pytest.param("bands", lambda trial: trial.trial.suggestion.resume_from is None, marks=LONG),
        ("drawn", lambda trial: trial.state is TrialState.COMPLETE),
    ],
    ids=["pruned", "complete", "promoted twice", "first rung", "drawn"],
)
def test_a_trial_of_each_kind_has_the_same_value_again(studies, name, wanted):
    """The value is identical to the last bit, for each backend and for promoted trials."""
    number = some(studies, name, wanted)
    recorded = load_record(name, studies).trials[number].outcome
    found = again(studies, name, number)
    assert found.same, list(found.lines())
    assert found.again.value == recorded.value is not None
    assert found.again.state == recorded.state
    assert (found.difference, found.versions) == (0.0, {})


def test_the_program_says_it_to_people_and_to_scripts(studies, tmp_path):
    """By default it retrains the best trial, prints values and verdict, and leaves no file."""
    best = load_record("drawn", studies).best_trial
    command = (studies, "reproduce", "drawn")
    people = programs.run(*command, TMPDIR=str(tmp_path))
    assert people.returncode == 0, people.stderr
    assert people.stdout.splitlines()[-4:] == [
        f"trial {best.trial.number} of study drawn",
        f"  recorded  COMPLETE  {best.outcome.value!r}",
        f"  again     COMPLETE  {best.outcome.value!r}",
        "  result    same",
    ]
    script = programs.run(*command, "--trial", "0", "--json", TMPDIR=str(tmp_path))
    said = json.loads(script.stdout)
    assert (said["name"], said["trial"], said["same"]) == ("drawn", 0, True)
    assert said["recorded"] == said["again"]
    assert list(tmp_path.iterdir()) == []


def test_the_study_file_may_have_changed(studies, tmp_path):
    """The study in the journal is trained, not the one in the file."""
    place = tmp_path / "copy"
    shutil.copytree(studies, place)
    move(place)
    (place / "drawn.yaml").write_text("name: drawn\n")
    assert again(place, "drawn", 0).same


def move(place: Path, **changes) -> None:
    """Make the journals of a copied directory refer to the copy, with further changes."""
    for name in STUDIES:
        journal = StudyHome(name, place).paths.journal
        entries = list(read_journal(journal))
        started = entries[0].event
        assert isinstance(started, Started)
        values = {**vars(started), "file": str(place / f"{name}.yaml"), **changes}
        entries[0] = Entry(Started(**values), entries[0].time)
        journal.write_bytes(encoded(entries))


def test_other_versions_are_told_and_do_not_hinder(studies, tmp_path):
    """A library with another version, or absent, is listed below the values."""
    shutil.copytree(studies, tmp_path, dirs_exist_ok=True)
    versions = dict(load_record("drawn", studies).started.versions)
    now = versions.pop("keras")
    move(tmp_path, versions={**versions, "numpy": "1.0", "old": "2"})
    found = again(tmp_path, "drawn")
    assert found.same
    told = [line.removeprefix("  versions").strip() for line in list(found.lines())[-3:]]
    assert told[0] == f"keras was missing, is {now}"
    assert told[1].startswith("numpy was 1.0, is ")
    assert told[2] == "old was 2, is missing"


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        (
            "rows.csv",
            lambda file: file.write_text(file.read_text() + "9,9,9\n"),
            "the content of rows.csv has changed since",
        ),
        ("rows.csv", lambda file: file.unlink(), "rows.csv: no such file"),
        (
            "models.py",
            lambda file: file.write_text(file.read_text() + "\n"),
            "the source of models.py:build has changed since",
        ),
        (
            "models.py",
            lambda file: file.unlink(),
            "the model factory's file models.py does not exist",
        ),
    ],
    ids=["other data", "no data", "other factory", "no factory"],
)
def test_what_has_changed_is_told_in_one_line(studies, tmp_path, name, spoil, message):
    """Changed data or a changed factory cannot reproduce the trial."""
    shutil.copytree(studies, tmp_path, dirs_exist_ok=True)
    move(tmp_path)
    spoil(tmp_path / name)
    with pytest.raises(InputError, match=f"^trial 1 cannot be reproduced: {message}") as caught:
        again(tmp_path, "drawn", 1)
    assert "\n" not in str(caught.value)


def test_trials_that_are_not_there_are_told(studies):
    """An unknown trial number gives one line with the existing numbers."""
    with pytest.raises(InputError, match="study drawn has no trial 3: it has 0 to 2"):
        again(studies, "drawn", 3)


def test_a_failure_fails_again(studies, tmp_path):
    """A FAIL is reproduced if it fails with the same exception type."""
    shutil.copytree(studies, tmp_path, dirs_exist_ok=True)
    text = STUDY.format(name="fails", **STUDIES["drawn"]).replace("[1, 30]", "[2, 3]")
    run_here(write_study(tmp_path / "fails.yaml", text))
    number = some(tmp_path, "fails", lambda trial: trial.state is TrialState.FAIL)
    found = again(tmp_path, "fails", number)
    assert found.same
    assert "  again     FAIL  ArithmeticError: three is a crowd" in list(found.lines())
    assert "  result    same, fails again: ArithmeticError" in list(found.lines())


def test_initial_weights_are_the_studys_own_copy(studies, tmp_path):
    """The study whose model provided them may have been deleted."""
    shutil.copytree(studies, tmp_path, dirs_exist_ok=True)
    best = load_record("drawn", tmp_path).best_trial.trial.suggestion.params
    text = STUDY.format(name="heir", **STUDIES["drawn"]).replace(
        "model: models.py:build",
        "model: {factory: 'models.py:build', initial_weights: {study: drawn, freeze: 1}}",
    )
    text = text.replace("[1, 30]", f"[{best['n_neurons']}, {best['n_neurons']}]")
    text = text.replace("trials: 3", "trials: 1")
    run_here(write_study(tmp_path / "heir.yaml", text))
    shutil.rmtree(StudyHome("drawn", tmp_path).directory)
    assert again(tmp_path, "heir", 0).same


def outcome(state: TrialState, value: float | None = None, error: str | None = None) -> Outcome:
    return Outcome(1, state, value, error=None if error is None else Failure(error, "no"))


@pytest.mark.parametrize(
    ("recorded", "new", "verdict"),
    [
        (outcome(TrialState.COMPLETE, 0.5), outcome(TrialState.COMPLETE, 0.5), "same"),
        (
            outcome(TrialState.COMPLETE, 0.5),
            outcome(TrialState.COMPLETE, 0.25),
            "not the same: differs by 0.25",
        ),
        (
            outcome(TrialState.COMPLETE, 0.5),
            outcome(TrialState.FAIL, error="E"),
            "not the same: fails now: E",
        ),
        (
            outcome(TrialState.FAIL, error="E"),
            outcome(TrialState.FAIL, error="E"),
            "same, fails again: E",
        ),
        (
            outcome(TrialState.FAIL, error="E"),
            outcome(TrialState.FAIL, error="F"),
            "not the same: fails now: F",
        ),
        (outcome(TrialState.FAIL, error="E"), outcome(TrialState.COMPLETE, 0.5), "not the same"),
        (outcome(TrialState.PRUNED, 0.5), outcome(TrialState.COMPLETE, 0.5), "not the same"),
    ],
)
def test_the_verdict(recorded, new, verdict):
    """Values must be identical to the last bit, and failures must have the same type."""
    found = Reproduction("a", recorded, new, {})
    assert f"  result    {verdict}" in list(found.lines())
    assert found.same == verdict.startswith("same")
