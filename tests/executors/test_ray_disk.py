"""A node of a cluster whose disk is full: its jobs are trained again, and none is waited for."""

from contextlib import closing
from dataclasses import replace

import pytest
from faults.disks import as_root, fill, mounted
from support import programs
from support.ray_cluster import ENVIRONMENT, ON_A_CLUSTER, RayCluster, ray_cluster, until
from support.studies import write_study

from searchlab.core.trial import Decision, TrialState
from searchlab.executors.cluster.executor import RayExecutor
from searchlab.executors.fused import FusedExecutor
from searchlab.testing.bench import PARAMS, collect

pytestmark = [*ON_A_CLUSTER, as_root]


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A small file system for the temporary files of one node."""
    with mounted(tmp_path_factory.mktemp("disk"), "-t", "tmpfs", "-o", "size=64m", "tmpfs") as disk:
        yield disk


@pytest.fixture(scope="module")
def cluster(disk):
    """A node without faults, and one whose disk is small."""
    with ray_cluster(1) as cluster:
        cluster.raylets.append(cluster.add(TMPDIR=str(disk)))
        yield cluster


def results(bench, executor, midway=lambda: None):
    """Return the outcomes of some trials and their weights, with something done meanwhile."""
    seen = []

    def decide(report):
        seen.append(report)
        if len(seen) == 1:  # the trainings wait for this answer
            midway()
        return Decision.CONTINUE

    for number in range(6):
        job = bench.job(number, {**PARAMS, "learning_rate": 0.002 * (number + 1)}, keep=True)
        longer = replace(job.trial.suggestion, epochs=12)
        executor.submit(replace(job, trial=replace(job.trial, suggestion=longer), synchronous=True))
    outcomes = collect(executor, decide)[1]
    executor.close()
    files = sorted((bench.directory / "models").rglob("*"))
    weights = {path: path.read_bytes() for path in files if path.is_file()}
    return {n: replace(each, seconds=0) for n, each in outcomes.items()}, weights


def test_a_node_with_a_full_disk_costs_no_trial(bench, cluster, disk):
    """Its trials are trained again where there is room, and end as on one machine."""
    undisturbed = results(bench, FusedExecutor(1, bench.directory))
    assert {each.state for each in undisturbed[0].values()} == {TrialState.COMPLETE}
    executor = RayExecutor(1, bench.directory)
    machines = []

    def midway():
        until(lambda: len(cluster.trainings()) == 2)  # one on each node
        fill(disk / "filler")
        machines.extend(executor._nodes._machines.values())

    assert results(bench, executor, midway) == undisturbed
    assert any("No space" in (each.fault or "") for each in machines), "the node was given up"


STUDY = """\
name: small
data: {dataset: digits}
space:
  n_neurons: {int: [4, 8]}
  learning_rate: {float: [1.0e-3, 1.0e-1], log: true}
search: {backend: optuna, trials: 2, seed: 42}
training: {epochs: 2}
evaluation: {holdout: 0.25}
execution: {executor: ray}
"""


def test_a_study_without_any_node_that_can_be_used_ends_with_one_line(tmp_path, monkeypatch):
    """The line names the node, its fault and the remedy; with room again the study goes on."""
    write_study(tmp_path / "small.yaml", STUDY)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    command = ("run", "small.yaml", "--quiet", "--set", "trackers=[memory]")
    with (
        mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=64m", "tmpfs") as full,
        closing(RayCluster(0)) as cluster,
    ):
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        cluster.add(TMPDIR=str(full))
        fill(full / "filler", but=20)  # without any, Python takes another directory
        refused = programs.run(tmp_path, *command)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.count("\n") == 1, refused.stderr
        assert refused.stderr.startswith("searchlab: the node ")
        assert "cannot be used (" in refused.stderr
        assert "make room in its directory for temporary files" in refused.stderr
        (full / "filler").unlink()
        done = programs.run(tmp_path, *command)
        assert done.returncode == 0, done.stderr
