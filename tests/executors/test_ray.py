"""The executor `ray` against its contract on a cluster of several nodes, and with faults."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.divisions import SCHEMES, assert_trained_on, knowing, run_values, table
from support.ray_cluster import ON_A_CLUSTER, kill, ray_cluster, until

from searchlab.core.trial import Decision, Suggestion, Trial, TrialState
from searchlab.executors.fused import FusedExecutor
from searchlab.inference.loading import load_package
from searchlab.journal.layout import StudyLayout
from searchlab.testing.bench import PARAMS, collect
from searchlab.testing.doubles import study
from searchlab.testing.executors import ExecutorContract
from searchlab.training.checkpoint import load_checkpoint
from searchlab.training.initial import keep
from searchlab.training.job import CheckJob, FinalJob, TrialJob

pytestmark = ON_A_CLUSTER


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One cluster for all tests of this module; a test that kills a node starts another."""
    with ray_cluster() as cluster:
        yield cluster


def make(directory, workers=1):
    from searchlab.executors.cluster.executor import RayExecutor

    return RayExecutor(workers, directory)


class TestRay(ExecutorContract):
    """Trainings on the nodes of a cluster."""

    def make(self, workers, directory):
        return make(directory, workers)


def test_the_rows_of_a_training_are_those_of_a_plain_script(tmp_path):
    """Nodes train, stop early, score and test on the rows of scikit-learn's splitters."""
    scheme, frame = SCHEMES["time"], table()
    record = run_values(knowing(scheme, tmp_path, "ray"), tmp_path)
    assert_trained_on(record, scheme.plain(frame), frame["key"].to_numpy())


def long(bench, number):
    """Return a job that runs long enough for a test to interfere with its node."""
    job = bench.job(number, {**PARAMS, "learning_rate": 0.002 * (number + 1)}, keep=True)
    return replace(
        job, trial=replace(job.trial, suggestion=replace(job.trial.suggestion, epochs=20))
    )


def heard(bench, executor, midway=lambda: None):
    """Return what the loop hears of some trials and two promotions of them, and their weights."""
    seen = []

    def decide(report):
        seen.append(report)
        if len(seen) == 100:
            midway()
        return Decision.CONTINUE

    for number in range(6):
        # A synchronous job's host does not run ahead, so its death is blamed on no factory.
        executor.submit(replace(long(bench, number), synchronous=True))
    outcomes = collect(executor, decide)[1]
    for number in (6, 7):
        promotion = Suggestion(PARAMS, epochs=22, initial_epoch=20, resume_from=number - 6)
        trial = Trial(number, promotion, seed=7)
        weights = outcomes[number - 6].weights
        executor.submit(bench.job(number, trial=trial, keep=True, weights=weights))
    outcomes |= collect(executor, decide)[1]
    executor.close()
    assert {each.state for each in outcomes.values()} == {TrialState.COMPLETE}
    files = sorted((bench.directory / "models").rglob("*"))
    weights = {path: path.read_bytes() for path in files if path.is_file()}
    return seen, {n: replace(each, seconds=0) for n, each in outcomes.items()}, weights


@pytest.fixture(scope="module")
def unbroken(bench):
    """The reports, outcomes and weights of the same trials on one machine."""
    return heard(bench, FusedExecutor(1, bench.directory))


def test_a_study_is_the_same_on_a_cluster(bench, unbroken):
    """Reports, outcomes and saved weights equal those of one machine to the last bit."""
    assert heard(bench, make(bench.directory)) == unbroken


@pytest.mark.parametrize("victim", ["training", "actor", "node"])
def test_what_is_killed_costs_no_trial(bench, unbroken, cluster, victim, capfd):
    """After kill -9 during trials, their trainings run again elsewhere and are reported once."""
    killed = []

    def midway():
        assert len(cluster.trainings()) == 2, "one on each node"
        if victim == "training":
            killed.append(cluster.trainings()[0].pid)
        elif victim == "actor":
            killed.append(cluster.actors()[0].pid)
        else:
            killed.append(cluster.raylets.pop(0))
        kill(killed[0])

    assert heard(bench, make(bench.directory), midway) == unbroken
    assert killed
    assert "raylet" not in capfd.readouterr().out, "what Ray says of it is not the study's output"
    if victim == "node":
        cluster.raylets.append(cluster.add())


def test_a_node_that_joins_gets_work(bench, cluster):
    """A node that joins while a study runs is given trainings."""
    kill(cluster.raylets.pop())
    executor = make(bench.directory)
    reports = []
    numbers = iter(range(10_000))

    def go_on():
        if executor.free > 50:
            executor.submit(long(bench, next(numbers) % 40))
        executor.poll(lambda report: reports.append(report) or Decision.CONTINUE, 0.1)

    end = time.monotonic() + 200
    while not reports:
        go_on()
    assert len(cluster.trainings()) == 1
    cluster.raylets.append(cluster.add())
    while len(cluster.trainings()) < 2:
        assert time.monotonic() < end
        go_on()
    executor.close()
    until(lambda: not cluster.trainings())


@pytest.mark.parametrize("kind", [TrialJob, CheckJob])
def test_the_users_code_goes_along(bench, tmp_path, kind):
    """A factory with an absolute path, and the sibling file it imports, exist on each node."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "neighbour.py").write_text("from trial_copy import build\n")
    copy = (tmp_path / "mine" / "trial_copy.py").resolve()
    copy.write_text((bench.job(factory="build").base / "trial_factories.py").read_text())
    spec = bench.spec.model_copy(update={"model": f"{tmp_path / 'mine' / 'neighbour.py'}:build"})
    executor = make(bench.directory)
    executor.submit(bench.job(spec=spec, kind=kind))
    outcome = collect(executor)[1][0]
    executor.close()
    assert outcome.error is None, outcome.error


def test_initial_weights_go_along_with_their_code(bench, tmp_path):
    """The other model's own classes load on nodes, beside a module of the same name."""
    source = (Path(__file__).parents[1] / "training" / "transfer_factories.py").read_text()

    def trained(name, source, *jobs):
        """Run a study's jobs, delete its factory, and return its directory."""
        base, directory = tmp_path / name / "code", tmp_path / name / "study"
        base.mkdir(parents=True)
        (base / "mine.py").write_text(source)
        executor = make(directory)
        for number, (kind, initial) in enumerate(jobs):
            model = {"factory": "mine.py:own", **initial}
            spec = study(model=model, training={"epochs": 3}, evaluation={"folds": 2})
            keep = {"keep": True} if kind is TrialJob else {}
            job = bench.job(number, {"units": 8}, spec=spec, kind=kind, **keep)
            executor.submit(replace(job, base=base, directory=directory))
        outcomes = collect(executor)[1]
        executor.close()
        assert [each.error for each in outcomes.values()] == [None] * len(jobs)
        shutil.rmtree(base)
        return directory

    package = StudyLayout(trained("first", source, (FinalJob, {}))).best
    keep(package, tmp_path / "second" / "study")
    works = [
        (kind, {"initial_weights": {"study": "first", "freeze": freeze}})
        for kind, freeze in [(CheckJob, 0), (TrialJob, 0), (TrialJob, 3)]
    ]
    second = trained("second", source.replace("units", "width"), *works)
    found = load_checkpoint(StudyLayout(second).checkpoint(2, 0)).trainable
    layers = load_package(package).keras.layers[:2]
    for given, layer in zip(found, layers, strict=False):
        np.testing.assert_array_equal(given, layer.get_weights()[0])


def test_limits_are_kept_on_nodes(bench):
    """A training that hangs on a node is killed in time, and the outcome says where it hung."""
    limited = bench.spec.model_copy(
        update={
            "model": "trial_factories.py:hangs",
            "training": bench.spec.training.model_copy(
                update={"limits": bench.spec.training.limits.model_copy(update={"seconds": 2.0})}
            ),
        }
    )
    executor = make(bench.directory)
    executor.submit(bench.job(spec=limited))
    outcome = collect(executor)[1][0]
    executor.close()
    assert outcome.error.type == "TimeLimit"
    assert "in hangs" in outcome.error.traceback
