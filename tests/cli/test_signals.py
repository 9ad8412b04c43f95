"""Ctrl-C and SIGTERM in every phase of the real program: it exits in time and loses nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support import programs
from support.processes import wait_until_gone
from support.studies import write_study

from searchlab.cli import signals
from searchlab.journal.events import Told
from searchlab.journal.home import load_record
from searchlab.journal.journal import read_journal
from searchlab.journal.layout import study_layout

pytestmark = pytest.mark.keras
LONG = pytest.mark.long

STUDY = """\
name: small
data: {path: rows.csv, target: y}
model: models.py:build
space: {n_neurons: {int: [1, 20]}}
search: {backend: optuna, trials: 3, options: {pruner: none}}
training: {epochs: 3, early_stopping: null}
evaluation: {folds: 2}
confirm: 0
refit: false
baselines: false
"""

MODELS = """\
import os, time
import keras

def phase(name):
    open(name, "w").close()
    while os.path.exists("hold-" + name):
        time.sleep(0.1)

class Slow(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        time.sleep(0.1)
        phase("epoch")

def build(n_neurons, input_shape):
    model = keras.Sequential([keras.layers.Dense(n_neurons), keras.layers.Dense(1)])
    model.compile(loss="mse")
    fit = model.fit
    def slow(x, *args, callbacks, **kwargs):
        if len(x) > 80:  # all training rows, not one fold's: the study's model is being made
            phase("final")
        return fit(x, *args, callbacks=[*callbacks, Slow()], **kwargs)
    model.fit = slow
    phase("check")
    return model
"""

FUSED_MODELS = """\
import os, time
import keras
from searchlab.fused.fold import Fold

def phase(name):
    open(name, "w").close()
    while os.path.exists("hold-" + name):
        time.sleep(0.1)

take = Fold.take

def slow(fold, *arguments):
    time.sleep(0.1)
    if len(fold.rows) > 80:  # all training rows, not one fold's: the study's model is being made
        phase("final")
    else:
        phase("epoch")
    take(fold, *arguments)

if take.__name__ == "take":  # else this is not the first import of this file
    Fold.take = slow

def build(n_neurons, input_shape):
    model = keras.Sequential([keras.layers.Dense(n_neurons), keras.layers.Dense(1)])
    model.compile(loss="mse")
    phase("check")
    return model
"""

SECOND = 4.5
"""Seconds from the second signal to the end at most: it would be twice that after the first."""


class Program:
    """A command of searchlab, by default `run`, in a directory and its own session."""

    def __init__(
        self, directory: Path, *arguments: str, what=("run", "small.yaml"), importing=False
    ):
        self.directory = directory
        if importing:
            command = [sys.executable, "-m", "searchlab", *what, *arguments]
            self.process = subprocess.Popen(
                command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                start_new_session=True,
            )  # fmt: skip
        else:
            self.process = programs.Program(directory, *what, *arguments)
        self.family: set[psutil.Process] = set()

    def wait_for(self, name: str) -> None:
        """Wait until the program has reached a phase, which creates a file."""
        while not (self.directory / name).exists():
            assert self.process.poll() is None, self.process.communicate()[1]
            time.sleep(0.02)
        self.look()

    def look(self) -> None:
        """Record all processes that exist now."""
        self.family.update(psutil.Process(self.process.pid).children(recursive=True))

    def signal(self, number: int, whole_group: bool) -> None:
        if whole_group:  # like a terminal
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def end(self) -> str:
        """Wait for the end, and for that of all its processes; return the standard error."""
        errors = self.process.communicate()[1]
        assert self.process.returncode == 130, errors
        wait_until_gone(self.family)
        return errors


@pytest.fixture(params=["alone", "fused"])
def directory(tmp_path, request):
    """Create a study that trains separately because its model overrides fit, or a fused one."""
    write_study(tmp_path / "small.yaml", STUDY)
    (tmp_path / "models.py").write_text(MODELS if request.param == "alone" else FUSED_MODELS)
    rows = "\n".join(f"{x},{x % 7},{x % 5 + x / 100}" for x in range(150))
    (tmp_path / "rows.csv").write_text(f"a,b,y\n{rows}\n")
    return tmp_path


def hold(directory, *names):
    """Make the program stay in these phases forever."""
    for name in names:
        (directory / f"hold-{name}").touch()


def continue_to_the_end(directory, *arguments) -> dict:
    """Run the study again and check that it ends well."""
    for path in directory.glob("hold-*"):
        path.unlink()
    result = programs.run(directory, "run", "small.yaml", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def told(directory) -> list[int]:
    journal = study_layout("small", directory).journal
    return [e.event.outcome.number for e in read_journal(journal) if isinstance(e.event, Told)]


def test_programs_give_themselves_ten_seconds():
    """The first signal's deadline leaves a second of the ten for ending the processes."""
    assert signals._LONGEST <= 9


@pytest.mark.parametrize(
    ("directory", "number", "whole_group"),
    [
        pytest.param("fused", signal.SIGINT, True, marks=LONG),
        pytest.param("fused", signal.SIGTERM, False, marks=LONG),
        ("alone", signal.SIGTERM, True),
    ],
    indirect=["directory"],
)
def test_the_first_signal_leaves_at_an_epoch_to_be_resumed(directory, number, whole_group):
    """It exits with 130 in ten seconds, leaves no process, spoils no trial, and can resume."""
    program = Program(directory)
    program.wait_for("epoch")
    program.signal(number, whole_group)
    errors = program.end()
    assert errors.count("stopping at the end of the epoch") == 1
    assert "Traceback" not in errors
    record = load_record("small", directory)
    assert record.state == "interrupted"
    assert "FAIL" not in record.counts()
    if number == signal.SIGTERM and whole_group:  # the other cases leave the same journal
        assert continue_to_the_end(directory)["trials_by_state"] == {"COMPLETE": 3}
        assert sorted(told(directory)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("directory", "phase"),
    [
        ("fused", "check"),
        ("fused", "epoch"),
        pytest.param("fused", "final", marks=LONG),
        pytest.param("alone", "final", marks=LONG),
    ],
    indirect=["directory"],
)
def test_the_first_signal_does_not_wait_for_what_hangs(directory, phase):
    """In the check, an endless epoch or the last training, it exits with 130 in ten seconds."""
    hold(directory, phase)
    program = Program(directory, "--trials", "1")
    program.wait_for(phase)
    program.signal(signal.SIGINT, whole_group=True)
    program.end()
    if phase == "check":
        assert not study_layout("small", directory).directory.exists()
    else:
        assert load_record("small", directory).state == "interrupted"
    if phase == "final":
        assert continue_to_the_end(directory, "--trials", "1")["state"] == "finished"
        assert told(directory) == [0], "its trial was not run again"


@pytest.mark.parametrize(
    ("directory", "phase"),
    [("fused", "check"), pytest.param("fused", "epoch", marks=LONG), ("alone", "epoch")],
    indirect=["directory"],
)
def test_the_second_signal_leaves_at_once(directory, phase):
    """Within two seconds nothing is left, whatever the program was doing."""
    hold(directory, phase)
    program = Program(directory)
    program.wait_for(phase)
    program.signal(signal.SIGINT, whole_group=True)
    time.sleep(0.3)
    begun = time.monotonic()
    if program.process.poll() is None:
        program.signal(signal.SIGINT, whole_group=True)
    program.end()
    assert time.monotonic() - begun < SECOND


@pytest.mark.parametrize("directory", ["alone"], indirect=True)
@pytest.mark.parametrize("delay", [pytest.param(0.0, marks=LONG), 1.0])
def test_a_signal_before_the_first_trial_leaves_nothing_behind(directory, delay):
    """It also exits promptly while it prepares data and imports libraries."""
    program = Program(directory, importing=True)
    program.wait_for(".searchlab/small/lock")
    time.sleep(delay)
    program.look()
    program.signal(signal.SIGTERM, whole_group=False)
    program.end()
    assert not (directory / ".searchlab" / "small" / "data").exists()


@pytest.mark.parametrize("directory", ["alone"], indirect=True)
def test_a_signal_in_code_that_no_handler_interrupts(directory):
    """The inline executor's epoch holds the main thread for a minute, yet the program exits."""
    hold(directory, "epoch")
    program = Program(directory, "--set", "execution.executor=inline")
    program.wait_for("epoch")
    program.signal(signal.SIGINT, whole_group=True)
    program.end()
    assert "FAIL" not in load_record("small", directory).counts()


@pytest.mark.parametrize("directory", ["alone"], indirect=True)
def test_a_signal_while_mlflow_hangs(directory):
    """A server that accepts connections and never answers does not delay the exit."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        uri = f"http://127.0.0.1:{server.getsockname()[1]}"
        program = Program(directory, "--tracking-uri", uri)
        program.wait_for("epoch")
        program.signal(signal.SIGINT, whole_group=True)
        errors = program.end()
    assert "searchlab sync small" in errors


@pytest.mark.long
@pytest.mark.parametrize("directory", ["alone"], indirect=True)
@pytest.mark.parametrize("presses", [1, 2])
def test_a_signal_while_a_trial_is_reproduced(directory, presses, tmp_path_factory, monkeypatch):
    """`reproduce` exits in time from an endless epoch and leaves no process and no file."""
    continue_to_the_end(directory, "--trials", "1")
    (directory / "epoch").unlink()
    before = sorted(directory.rglob("*"))
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setenv("TMPDIR", str(scratch))
    hold(directory, "epoch")
    program = Program(directory, what=("reproduce", "small"))
    program.wait_for("epoch")
    for _ in range(presses):
        program.signal(signal.SIGINT, whole_group=True)
    program.end()
    assert list(scratch.iterdir()) == []
    for name in ("epoch", "hold-epoch"):
        (directory / name).unlink()
    assert sorted(directory.rglob("*")) == before


@pytest.mark.parametrize("directory", ["alone", pytest.param("fused", marks=LONG)], indirect=True)
def test_the_time_budget_is_kept_even_within_an_epoch(directory):
    """`seconds` ends a study whose epochs never end, with its trials PRUNED."""
    hold(directory, "epoch")
    program = Program(directory, "--set", "search.seconds=2")
    program.wait_for("epoch")
    program.process.communicate()
    wait_until_gone(program.family)
    record = load_record("small", directory)
    assert set(record.counts()) == {"PRUNED"}
    assert program.process.returncode == 1, "no trial is COMPLETE"
