"""The executors against their contract, and the behavior specific to worker processes."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from searchlab.core.trial import Decision, TrialState
from searchlab.executors.fused import FusedExecutor
from searchlab.executors.inline import InlineExecutor
from searchlab.executors.process import ProcessExecutor
from searchlab.testing.executors import PARAMS, ExecutorContract, collect

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
    for workers, beside in ((1, 0), (1, 5), (3, 5)):
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


@pytest.mark.parametrize("make", [ProcessExecutor, FusedExecutor])
@pytest.mark.parametrize(
    ("factory", "message"), [("kills_itself", "killed by SIGKILL"), ("exits", "exit code 3")]
)
def test_a_worker_that_dies_costs_only_its_trial(bench, make, factory, message):
    """A dead process is a FAIL with its cause of death and last output, and is replaced."""
    executor = make(1, bench.directory)
    executor.submit(bench.job(0, factory=factory))
    for number in (1, 2, 3):  # with fused trainings, some share a host
        executor.submit(bench.job(number))
    _, outcomes = collect(executor)
    executor.close()
    assert outcomes[0].state is TrialState.FAIL
    assert message in outcomes[0].error.message
    if factory == "kills_itself":
        assert "last words" in outcomes[0].error.traceback
    assert {outcomes[number].state for number in (1, 2, 3)} == {TrialState.COMPLETE}


def long(bench, number):
    """Return a job that runs long enough for a test to interfere with its process."""
    job = bench.job(number, {**PARAMS, "learning_rate": 0.002 * (number + 1)})
    return replace(
        job, trial=replace(job.trial, suggestion=replace(job.trial.suggestion, epochs=40))
    )


def test_a_host_that_is_killed_in_mid_trial_costs_nothing(bench):
    """A killed host's trainings start over with the same reports and outcomes."""
    heard = []
    for kill in (False, True):
        executor, seen, killed = FusedExecutor(1, bench.directory), [], []

        def decide(report, executor=executor, seen=seen, killed=killed, kill=kill):
            seen.append(report)
            if kill and len(seen) == 50:
                for host in executor._fleet._hosts:
                    killed.append(host.process._process.pid)
                    os.kill(killed[-1], signal.SIGKILL)
            return Decision.CONTINUE

        for number in range(4):
            # A synchronous job's host does not run ahead, so its death is blamed on no factory.
            executor.submit(replace(long(bench, number), synchronous=True))
        _, outcomes = collect(executor, decide)
        executor.close()
        assert bool(killed) == kill
        heard.append((seen, {n: replace(each, seconds=0) for n, each in outcomes.items()}))
    assert {outcome.state for outcome in heard[0][1].values()} == {TrialState.COMPLETE}
    assert heard[0] == heard[1]


@pytest.mark.parametrize("make", [ProcessExecutor, FusedExecutor])
def test_closing_leaves_no_training_behind(bench, make):
    """After close() during trainings, only the fork server that executors share is left."""
    before = set(psutil.Process().children(recursive=True))
    executor = make(2, bench.directory)
    for number in range(2):
        executor.submit(long(bench, number))
    reports = []
    while not reports:
        executor.poll(lambda report: reports.append(report) or Decision.CONTINUE, timeout=0.2)
    shared = set(psutil.Process().children())
    children = set(psutil.Process().children(recursive=True)) - before - shared
    assert len(children) >= 2
    executor.close()
    assert psutil.wait_procs(children, timeout=2)[1] == []


def test_trials_run_at_the_same_time(bench):
    """With two workers, the reports of two trials interleave."""
    executor = ProcessExecutor(2, bench.directory)
    for number in range(2):
        executor.submit(bench.job(number))
    reports, _ = collect(executor)
    executor.close()
    numbers = [report.number for report in reports]
    assert numbers != sorted(numbers)


def test_workers_are_replaced_before_they_have_grown(bench, monkeypatch):
    """At the end of its lifetime a worker is replaced, and the results stay the same."""
    monkeypatch.setattr("searchlab.executors.supervised.LIFETIME", 2)
    executor = ProcessExecutor(1, bench.directory)
    pids, scores = [], set()
    for number in range(5):
        executor.submit(bench.job(number))
        while not executor._workers:
            executor.poll(lambda _: Decision.CONTINUE, timeout=0.2)
        pids.append(executor._workers[0].process._process.pid)
        scores.add(collect(executor)[1][number].scores)
    executor.close()
    assert len(set(pids)) == 3
    assert len(scores) == 1


@pytest.mark.parametrize("make", [ProcessExecutor, FusedExecutor])
def test_a_new_executor_takes_over_from_one_closed_at_once(bench, monkeypatch, make):
    """Closing kills a fork server that may be importing; the next executor starts its own."""
    monkeypatch.setattr("searchlab.executors.forkserver._imported", set())
    make(1, bench.directory).close()
    executor = make(1, bench.directory)
    executor.submit(bench.job())
    assert collect(executor)[1][0].state is TrialState.COMPLETE
    executor.close()


@pytest.mark.parametrize("make", [ProcessExecutor, FusedExecutor])
def test_no_process_outlives_its_driver(tmp_path, make):
    """If the driver is killed during a training, its processes are gone soon after."""
    script = tmp_path / "driver.py"
    script.write_text(f"""
import sys
sys.path[:0] = [{str(Path(__file__).parents[1])!r}]
from pathlib import Path
from searchlab.testing.executors import Bench
from {make.__module__} import {make.__name__}
from searchlab.core.trial import Decision

if __name__ == "__main__":
    bench = Bench(Path({str(tmp_path)!r}) / "study")
    executor = {make.__name__}(2, bench.directory)
    for number in range(2):
        executor.submit(bench.job(number, factory="build"))
    def decide(report):
        print("training", flush=True)
        return Decision.CONTINUE
    while True:
        executor.poll(decide, 1)
        if executor.free:
            number += 1
            executor.submit(bench.job(number, factory="build"))
""")
    driver = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert driver.stdout.readline() == "training\n"
    children = psutil.Process(driver.pid).children(recursive=True)
    assert len(children) >= 3, "a fork server and two workers"
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    until = time.monotonic() + 20
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
        assert time.monotonic() < until, "workers are still there"
        time.sleep(0.1)
