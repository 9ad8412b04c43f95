"""Studies submitted to a cluster: a head that runs the drivers, and a node with one core."""

import json
import os
import subprocess
import sys

import psutil
import pytest
from support.finished import Finished
from support.ray_cluster import ENVIRONMENT, ON_A_CLUSTER, RayCluster, command_of, kill, until

from searchlab.journal.home import StudyHome, load_record
from searchlab.journal.layout import sent_file

pytestmark = ON_A_CLUSTER

STUDY = """
name: houses
data: {path: houses.csv, target: price}
model: mine.py:build
space:
  width: {int: [2, 6]}
  learning_rate: {float: [1.0e-5, 1.0e-4], log: true}
objective: {metric: val_loss}
search: {backend: optuna, trials: 8, seed: 1}
training: {epochs: 100, batch_size: 8}
confirm: 0
baselines: false
"""
END = "-- errors\n"
FACTORY = """
import keras


def build(width, learning_rate, input_shape):
    model = keras.Sequential(
        [keras.Input(input_shape), keras.layers.Dense(width), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(learning_rate), "mse")
    return model


def broken(width, learning_rate, input_shape):
    raise RuntimeError("no such layer")
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = RayCluster(1, tmp_path_factory.mktemp("head"))
    yield cluster
    cluster.close()


@pytest.fixture
def project(tmp_path):
    """Create a user's directory with data and code."""
    return make(tmp_path)


def make(directory):
    (directory / "houses.yaml").write_text(STUDY)
    (directory / "mine.py").write_text(FACTORY)
    rows = [f"{i},{i % 7},{3 * i + i % 7}" for i in range(60)]
    (directory / "houses.csv").write_text("\n".join(["area,age,price", *rows]) + "\n")
    return directory


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The study as it is when nobody kills anything: run without a cluster."""
    directory = make(tmp_path_factory.mktemp("here"))
    searchlab(directory, "run", "houses.yaml", "--quiet")
    return Finished(directory, "houses")


def searchlab(project, *arguments, code=0):
    """Run a command there; return its standard output followed by its standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "searchlab", *arguments],
        cwd=project,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return f"{done.stdout}{END}{done.stderr}"


def submit(cluster, project, *arguments, code=0):
    address = ("--address", cluster.address)
    return searchlab(project, "submit", "houses.yaml", *address, *arguments, code=code)


def drivers(name):
    """Return the process that runs a submitted study, if there is one."""
    commands = ((each, command_of(each)) for each in psutil.process_iter())
    return [
        process
        for process, command in commands
        if " searchlab run " in command and f'name="{name}"' in command
    ]


def epochs(cluster, name):
    journal = StudyHome(name, cluster.cwd).paths.journal
    return journal.read_bytes().count(b'"event":"Reported"')


def finished(cluster, name):
    return load_record(name, cluster.cwd).state == "finished"


def listed(project):
    output = searchlab(project, "list", "--json").partition(END)[0]
    return {each["name"]: each for each in json.loads(output)}


@pytest.mark.parametrize("victim", ["driver", "keeper"])
def test_a_study_goes_on_by_itself_also_when_it_is_killed(cluster, project, here, victim):
    """After kill -9 of its driver or of the keeper, the study resumes there and ends exact."""
    name = f"{victim}-killed"
    text = submit(cluster, project, "--name", name)
    assert f"{name} runs on {cluster.address}" in text
    before = epochs(cluster, name)
    until(lambda: epochs(cluster, name) > before)
    first = drivers(name)[0].pid
    if victim == "driver":
        kill(first)
    else:
        kill(cluster.keeper().pid)
    until(lambda: not psutil.pid_exists(first))
    until(lambda: finished(cluster, name), 300)
    there = Finished(cluster.cwd, name)
    assert there.picture()["trials"] == here.picture()["trials"]
    assert sum(type(each.event).__name__ == "Resumed" for each in there.entries) == 2


def test_a_study_that_is_stopped_is_continued_when_it_is_submitted_again(cluster, project):
    """`stop` leaves the study in good order, and only `submit` starts it again."""
    submit(cluster, project, "--name", "stopped", "--trials", "90")
    again = submit(cluster, project, "--name", "stopped", "--trials", "90", code=2)
    assert "study stopped is running on the cluster" in again
    assert "stopped is interrupted" in searchlab(project, "stop", "stopped")
    row = listed(project)["stopped"]
    assert (row["state"], row["cluster"]) == ("interrupted", cluster.address)
    assert "no submitted study 'stopped' is running" in searchlab(
        project, "stop", "stopped", code=2
    )
    submit(cluster, project, "--name", "stopped", "--trials", "8")
    until(lambda: finished(cluster, "stopped"), 300)
    until(lambda: not drivers("stopped"))
    assert "is finished there" in submit(cluster, project, "--name", "stopped", "--trials", "8")


def test_what_is_wrong_there_is_told_here(cluster, project):
    """A factory that fails on the cluster is one line here and leaves nothing there."""
    text = submit(cluster, project, "--name", "bad", "--set", "model=mine.py:broken", code=2)
    assert text.splitlines()[-1].startswith("searchlab: on the cluster: ")
    assert "no such layer" in text
    assert not StudyHome("bad", cluster.cwd).directory.exists()
    assert "bad" not in listed(project)


def test_a_cluster_that_is_gone_does_not_hide_the_studies_here(project):
    """`list` reports a cluster that does not answer, and lists the other studies."""
    sent_file(project).parent.mkdir()
    sent_file(project).write_text('{"houses": "127.0.0.1:1"}')
    assert "there is no Ray cluster at 127.0.0.1:1" in searchlab(project, "list")
