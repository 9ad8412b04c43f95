"""The executors against their contract, and the behavior specific to worker processes."""

import os
import signal
import time
from dataclasses import replace

import psutil
import pytest
from support import programs
from support.processes import wait_until_gone
from support.studies import write_study

from searchlab.core.trial import Decision, TrialState
from searchlab.executors.fused import FusedExecutor
from searchlab.executors.inline import InlineExecutor
from searchlab.executors.process import ProcessExecutor
from searchlab.journal.home import StudyHome
from searchlab.testing.bench import PARAMS, collect
from searchlab.testing.executors import ExecutorContract

pytestmark = pytest.mark.keras


class TestInline(ExecutorContract):
    """Trainings in this process."""

    def make(self, workers, directory):
        return InlineExecutor(workers, directory)


class TestProcess(ExecutorContract):
    """Trainings in worker processes."""

    def make(self, workers, directory):
        return ProcessExecutor(workers, directory)


class TestFused(ExecutorContract):
    """Trainings in the programs of host processes."""

    def make(self, workers, directory):
        return FusedExecutor(workers, directory)


def test_where_a_training_runs_does_not_change_it(bench):
    """The inline executor and a worker process give identical scores to the last bit."""
    scores = []
    for executor in (InlineExecutor(1, bench.directory), ProcessExecutor(1, bench.directory)):
        executor.submit(bench.job())
        scores.append(collect(executor)[1][0].scores)
        executor.close()
    assert scores[0] == scores[1]


def test_what_runs_beside_a_fused_training_does_not_change_it(bench):
    """Alone, with others, on any number of hosts: identical bits, close to Keras' own results."""
    scores = []
    for workers, beside in ((1, 0), (2, 3)):
        executor = FusedExecutor(workers, bench.directory)
        for number in range(1, beside + 1):
            params = {**PARAMS, "n_neurons": 10 + number, "learning_rate": 0.01 * number}
            executor.submit(bench.job(number, params))
        executor.submit(bench.job())
        outcome = collect(executor)[1][0]
        assert outcome.unfused is None
        scores.append(outcome.scores)
        executor.close()
    assert len(set(scores)) == 1
    inline = InlineExecutor(1, bench.directory)
    inline.submit(bench.job())
    assert scores[0] == pytest.approx(collect(inline)[1][0].scores, rel=1e-3)


def test_a_host_that_dies_costs_only_the_trial_that_it_was_building(bench):
    """A dead host is a FAIL with its cause of death and last output, and is replaced.

    For worker processes see test_limits.py.
    """
    executor = FusedExecutor(1, bench.directory)
    for factory, message in (("kills_itself", "killed by SIGKILL"), ("exits", "exit code 3")):
        executor.submit(bench.job(0, factory=factory))
        for number in (1, 2):  # they share the first one's host
            executor.submit(bench.job(number))
        _, outcomes = collect(executor)
        assert outcomes[0].state is TrialState.FAIL
        assert message in outcomes[0].error.message
        if factory == "kills_itself":
            assert "last words" in outcomes[0].error.traceback
        assert {outcomes[number].state for number in (1, 2)} == {TrialState.COMPLETE}
    executor.close()


def long(bench, number, epochs=6):
    """Return a job that runs long enough for a test to interfere with its process."""
    job = bench.job(number, {**PARAMS, "learning_rate": 0.002 * (number + 1)})
    suggestion = replace(job.trial.suggestion, epochs=epochs)
    return replace(job, trial=replace(job.trial, suggestion=suggestion))


def test_a_host_that_is_killed_in_mid_trial_costs_nothing(bench):
    """A killed host's trainings start over with the same reports and outcomes."""
    heard, executor = [], FusedExecutor(1, bench.directory)
    for kill in (False, True):
        seen, killed = [], []

        def decide(report, seen=seen, killed=killed, kill=kill):
            seen.append(report)
            if kill and len(seen) == 20:
                for host in executor._fleet._hosts:
                    killed.append(host.process._process.pid)
                    os.kill(killed[-1], signal.SIGKILL)
            return Decision.CONTINUE

        for number in range(4):
            # A synchronous job's host does not run ahead, so its death is blamed on no factory.
            executor.submit(replace(long(bench, number), synchronous=True))
        _, outcomes = collect(executor, decide)
        assert bool(killed) == kill
        heard.append((seen, {n: replace(each, seconds=0) for n, each in outcomes.items()}))
    executor.close()
    assert {outcome.state for outcome in heard[0][1].values()} == {TrialState.COMPLETE}
    assert heard[0] == heard[1]


@pytest.mark.parametrize("make", [ProcessExecutor, FusedExecutor])
def test_closing_leaves_no_training_behind(bench, make):
    """After close() during trainings, only the fork server that executors share is left."""
    before = set(psutil.Process().children(recursive=True))
    executor = make(2, bench.directory)
    for number in range(2):
        executor.submit(long(bench, number, epochs=5000))
    reports = []
    while not reports:
        executor.poll(lambda report: reports.append(report) or Decision.CONTINUE, timeout=0.2)
    shared = set(psutil.Process().children())
    children = set(psutil.Process().children(recursive=True)) - before - shared
    assert len(children) >= 2
    executor.close()
    wait_until_gone(children)


def test_trials_run_at_the_same_time(bench):
    """With two workers, a second trial reports before the first has ended."""
    executor = ProcessExecutor(2, bench.directory)
    for number in range(2):
        executor.submit(long(bench, number, epochs=5000))
    seen = set()

    def decide(report):
        seen.add(report.number)
        return Decision.STOP if seen == {0, 1} else Decision.CONTINUE

    _, outcomes = collect(executor, decide)
    executor.close()
    assert {outcome.state for outcome in outcomes.values()} == {TrialState.PRUNED}


def test_workers_are_replaced_before_they_have_grown(bench, monkeypatch):
    """At the end of its lifetime a worker is replaced, and the results stay the same."""
    monkeypatch.setattr("searchlab.executors.supervised.LIFETIME", 2)
    executor = ProcessExecutor(1, bench.directory)
    pids, scores = [], set()
    for number in range(3):
        executor.submit(bench.job(number))
        while not executor._workers:
            executor.poll(lambda _: Decision.CONTINUE, timeout=0.2)
        pids.append(executor._workers[0].process._process.pid)
        scores.add(collect(executor)[1][number].scores)
    executor.close()
    assert pids[0] == pids[1] != pids[2]
    assert len(scores) == 1


@pytest.mark.long  # two fork servers with their imports
@pytest.mark.parametrize("make", [ProcessExecutor, FusedExecutor])
def test_a_new_executor_takes_over_from_one_closed_at_once(bench, monkeypatch, make):
    """Closing kills a fork server that may be importing; the next executor starts its own."""
    monkeypatch.setattr("searchlab.executors.forkserver._imported", set())
    make(1, bench.directory).close()
    executor = make(1, bench.directory)
    executor.submit(bench.job())
    assert collect(executor)[1][0].state is TrialState.COMPLETE
    executor.close()


STUDY = """\
name: endless
data: {{dataset: iris}}
space: {{n_hidden: {{int: [1, 1]}}, learning_rate: {{float: [0.001, 0.01]}}}}
search: {{backend: optuna, trials: 2, options: {{pruner: none}}}}
training: {{epochs: 1000000, early_stopping: null}}
execution: {{executor: {executor}, workers: 2}}
"""


@pytest.mark.parametrize("executor", [pytest.param("process", marks=pytest.mark.long), "fused"])
def test_no_process_outlives_its_driver(tmp_path, executor):
    """If the driver is killed during a training, its processes end by themselves."""
    write_study(tmp_path / "endless.yaml", STUDY.format(executor=executor))
    driver = programs.Program(tmp_path, "run", "endless.yaml", "--quiet")
    journal = StudyHome("endless", tmp_path).paths.journal
    while not (journal.exists() and b"Reported" in journal.read_bytes()):
        assert driver.poll() is None, driver.communicate()[1]
        time.sleep(0.05)
    children = psutil.Process(driver.pid).children(recursive=True)
    assert len(children) >= 3, "a fork server and two workers"
    driver.kill()
    driver.wait()
    wait_until_gone(children)
