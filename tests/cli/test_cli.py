"""The command line as scripts and people use it, run as a program in its own directory."""

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import programs
from support.programs import run_fresh
from support.studies import write_study

from searchlab.cli import cli
from searchlab.journal.layout import study_layout

STUDY = """\
name: small
data: {dataset: iris}
space:
  n_hidden: {int: [1, 1]}
  n_neurons: {int: [1, 20]}
  learning_rate: {float: [3e-4, 3e-2], log: true}
search: {backend: optuna, trials: 3, seed: 42, options: {pruner: none}}
training: {epochs: 3}
evaluation: {holdout: 0.25}
confirm: {top: 2, seeds: 1}
baselines: false
"""


def test_every_command_has_help():
    """`--help` lists every command, and every command explains its usage."""
    listing = run_fresh(Path.cwd(), "--help").stdout
    commands = ("run", "validate", "schema", "list", "show", "best", "sync", "ui", "init")
    of_models = ("predict", "evaluate", "serve", "export", "models", "promote")
    for command in (*commands, "report", "compare", "reproduce", *of_models):
        assert f"\n  {command} " in listing
        answer = CliRunner().invoke(cli, [command, "--help"])
        assert answer.exit_code == 0
        assert f"Usage: cli {command} " in answer.stdout


def test_init_validate_schema_round(tmp_path):
    """`validate` accepts the file that `init` writes, and `schema` describes its keys."""
    assert run_fresh(tmp_path, "init", "--dataset", "digits", "a.yaml").returncode == 0
    result = run_fresh(tmp_path, "validate", "a.yaml")
    assert (result.returncode, result.stdout) == (0, "a.yaml: fine\n")
    schema = json.loads(run_fresh(tmp_path, "schema").stdout)
    assert {"name", "data", "space", "search"} <= set(schema["properties"])
    again = run_fresh(tmp_path, "init", "--dataset", "digits", "a.yaml")
    assert again.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nothing.yaml"], "there is no such file"),
        (["run", "bad.yaml"], "bad.yaml:5: space.n_neurons: the low end"),
        (["run", "good.yaml", "--trials", "0"], "search.trials overridden"),
        (["run", "good.yaml", "--backend", "optima"], "did you mean optuna?"),
        (["run", "good.yaml", "--set", "search.options.sampler=tpee"], "tpe"),
        (["run", "good.yaml", "--tracking-uri", "mlruns"], "give the address of an MLflow server"),
        (["run", "good.yaml", "--trials", "many"], "not a valid integer"),
        (["show", "nothing"], "there is no study 'nothing' in this directory; there is: none yet"),
        (["best", "nothing"], "there is no study 'nothing'"),
        (["reproduce", "nothing"], "there is no study 'nothing'"),
        (["ui"], "there is no mlflow.db here yet"),
        (["init", "--dataset", "digit"], "digits"),
        (["nonsense"], "No such command 'nonsense' (see "),
        (["show"], "show --help)"),
        (["run", "good.yaml", "--name", "a\udcff"], "name: has a character that is no text"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, arguments, message):
    """Every problem is one line on standard error, and nothing is written."""
    write_study(tmp_path / "good.yaml", STUDY)
    write_study(tmp_path / "bad.yaml", STUDY.replace("[1, 20]", "[20, 1]"))
    before = sorted(tmp_path.rglob("*"))
    result = run_fresh(tmp_path, *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_debug_shows_the_traceback(tmp_path):
    """With --debug, an error keeps its traceback."""
    assert "Traceback" in run_fresh(tmp_path, "--debug", "run", "nothing.yaml").stderr


def test_validate_names_all_problems_of_all_files(tmp_path):
    """Two files with three problems give three lines and exit code 2."""
    text = STUDY.replace("[1, 20]", "[20, 1]").replace("trials: 3", "trials: x")
    write_study(tmp_path / "a.yaml", text)
    write_study(tmp_path / "b.yaml", STUDY.replace("optuna", "optima"))
    write_study(tmp_path / "c.yaml", STUDY)
    result = run_fresh(tmp_path, "validate", "a.yaml", "b.yaml", "c.yaml")
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 3
    assert result.stdout == "c.yaml: fine\n"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Run the small study; return its directory and the output of `run --json`."""
    directory = tmp_path_factory.mktemp("finished")
    write_study(directory / "small.yaml", STUDY)
    result = programs.run(directory, "run", "small.yaml", "--json")
    assert result.returncode == 0, result.stderr
    return directory, json.loads(result.stdout)


@pytest.mark.keras
def test_run_prints_one_json_object(finished):
    """The object has everything a script needs, and its best trial is the best one in `show`."""
    directory, result = finished
    assert result["name"] == "small"
    assert result["backend"] == "optuna"
    assert result["state"] == "finished"
    assert result["trials_by_state"] == {"COMPLETE": 3}
    assert result["epochs"] == 9
    assert result["seconds"] > 0
    assert result["experiment_id"]
    assert result["run_id"]
    assert Path(result["model_path"]).is_file()
    shown = json.loads(programs.run(directory, "show", "small", "--json").stdout)
    values = {trial["number"]: trial["value"] for trial in shown["trials"]}
    best = min(values, key=values.get)
    assert result["best"]["number"] == best
    assert result["best"]["value"] == values[best]
    assert result["best"]["params"] == shown["trials"][best]["params"]
    assert {trial["state"] for trial in shown["trials"]} == {"COMPLETE"}
    assert all(trial["run_id"] for trial in shown["trials"])


@pytest.mark.keras
def test_running_again_reports_the_finished_study(finished):
    """Running the same file again trains nothing and prints the same object."""
    directory, result = finished
    journal = study_layout("small", directory).journal.read_bytes()
    again = programs.run(directory, "run", "small.yaml", "--json")
    assert (again.returncode, json.loads(again.stdout)) == (0, result)
    assert study_layout("small", directory).journal.read_bytes() == journal


@pytest.mark.keras
def test_another_study_under_the_same_name_is_refused(finished):
    """A changed key is refused with the difference and the remedy; a changed budget is accepted."""
    directory, _ = finished
    result = programs.run(directory, "run", "small.yaml", "--epochs", "4")
    assert result.returncode == 2
    assert "training.epochs: 3 -> 4" in result.stderr
    assert "--name" in result.stderr
    fewer = programs.run(directory, "run", "small.yaml", "--trials", "2", "--quiet")
    assert (fewer.returncode, fewer.stdout) == (0, "")


@pytest.mark.keras
def test_list_and_best_are_for_people_too(finished):
    """`list` shows the study; `best` prints params that can be pasted into YAML."""
    directory, result = finished
    assert "small" in programs.run(directory, "list").stdout
    (listed,) = json.loads(programs.run(directory, "list", "--json").stdout)
    assert listed["best"] == result["best"]
    text = programs.run(directory, "best", "small").stdout
    trials = json.loads(programs.run(directory, "show", "small", "--json").stdout)["trials"]
    assert f"n_neurons: {trials[result['winner']]['params']['n_neurons']}" in text


@pytest.mark.keras
@pytest.mark.parametrize("executor", [pytest.param("process", marks=pytest.mark.long), "fused"])
def test_a_factory_that_prints_does_not_spoil_the_json(tmp_path, executor):
    """Output of a factory, from Python or below it, never gets mixed into the JSON."""
    write_study(tmp_path / "noisy.yaml", STUDY.replace("space:", "model: noisy.py:build\nspace:"))
    (tmp_path / "noisy.py").write_text("""
import os
from searchlab.factories.built_in import mlp

def build(n_hidden, n_neurons, learning_rate, input_shape, meta):
    print("built")
    os.write(1, b"built below")
    return mlp(n_hidden, n_neurons, learning_rate, input_shape=input_shape, meta=meta)
""")
    result = programs.run(
        tmp_path, "run", "noisy.yaml", "--json", "--trials", "1",
        "--set", f"execution.executor={executor}", "--set", "confirm=0", "--set", "refit=false",
    )  # fmt: skip
    assert json.loads(result.stdout)["name"] == "small"


@pytest.mark.keras
def test_when_every_trial_fails_the_study_failed(tmp_path):
    """The exit code is 1, there is no best trial, and each trial has its reason."""
    write_study(tmp_path / "bad.yaml", STUDY.replace("space:", "model: bad.py:build\nspace:"))
    (tmp_path / "bad.py").write_text("""
import os
from searchlab.factories.built_in import mlp

def build(n_hidden, n_neurons, learning_rate, input_shape, meta):
    if learning_rate not in (3e-4, 0.5 * (3e-4 + 3e-2)):  # all but the check before trial 0
        raise RuntimeError("out of luck")
    return mlp(n_hidden, n_neurons, learning_rate, input_shape=input_shape, meta=meta)
""")
    result = programs.run(tmp_path, "run", "bad.yaml", "--json")
    assert result.returncode == 1
    printed = json.loads(result.stdout)
    assert (printed["state"], printed["best"]) == ("failed", None)
    assert printed["trials_by_state"] == {"FAIL": 3}
    shown = json.loads(programs.run(tmp_path, "show", "small", "--json").stdout)
    assert "out of luck" in shown["trials"][0]["error"]


@pytest.mark.keras
def test_a_factory_that_cannot_work_is_refused_before_trial_0(tmp_path):
    """The exit code is 2, one line names the factory, and no study is left behind."""
    write_study(tmp_path / "bad.yaml", STUDY.replace("space:", "model: bad.py:build\nspace:"))
    (tmp_path / "bad.py").write_text(
        "import keras\ndef build(n_hidden, n_neurons, learning_rate):\n"
        "    return keras.Sequential([keras.layers.Dense(3)])\n"
    )
    result = programs.run(tmp_path, "run", "bad.yaml", "--quiet")
    assert result.returncode == 2
    assert "bad.py:build returned a model that is not compiled" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not study_layout("small", tmp_path).directory.exists()


@pytest.mark.keras
def test_interrupted_locked_and_continued(tmp_path):
    """Ctrl-C exits with 130, a second process meanwhile with 3, and the next run continues."""
    write_study(tmp_path / "long.yaml", STUDY.replace("epochs: 3", "epochs: 100"))
    arguments = ["run", "long.yaml", "--trials", "10", "--set", "training.early_stopping=null"]
    arguments += ["--set", "confirm=0", "--set", "refit=false"]
    first = programs.Program(tmp_path, *arguments)
    while "trial 1 " not in (line := first.stdout.readline()):
        assert line, "the study ended too soon"
    first.send_signal(signal.SIGSTOP)  # it may finish before the second starts
    second = programs.run(tmp_path, *arguments)
    assert second.returncode == 3
    assert f"process {first.pid}" in second.stderr
    first.send_signal(signal.SIGINT)
    first.send_signal(signal.SIGCONT)
    rest = first.communicate(timeout=60)[0]
    assert first.returncode == 130
    assert "searchlab run long.yaml" in rest
    third = programs.run(tmp_path, *arguments, "--json")
    assert third.returncode == 0, third.stderr
    assert json.loads(third.stdout)["trials_by_state"] == {"COMPLETE": 10}


@pytest.mark.keras
def test_mlflow_has_every_trial_of_a_plain_run(finished):
    """The store in the working directory has one run for the study and one per trial."""
    directory, result = finished
    with sqlite3.connect(directory / "mlflow.db") as store:
        states = dict(store.execute("select run_uuid, status from runs").fetchall())
    assert states.pop(result["run_id"]) == "FINISHED"
    assert list(states.values()) == ["FINISHED"] * 3


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    """`searchlab schema | head -1` ends without a traceback."""
    command = f"{sys.executable} -m searchlab schema | head -1"
    result = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert result.stderr == ""
