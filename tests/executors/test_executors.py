"""The executors against their contract, and what only worker processes can do."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from executors.contract import Bench, ExecutorContract, bench, collect  # noqa: F401 - a fixture

from searchlab.executors.inline import InlineExecutor
from searchlab.executors.process import ProcessExecutor
from searchlab.trial import Decision, TrialState

pytestmark = pytest.mark.keras


class TestInline(ExecutorContract):
    """Trainings in this process."""

    def make(self, workers, directory):
        return InlineExecutor(workers, directory)


class TestProcess(ExecutorContract):
    """Trainings in worker processes."""

    def make(self, workers, directory):
        return ProcessExecutor(workers, directory)


def test_where_a_training_runs_does_not_change_it(bench):  # noqa: F811
    """The inline executor and a worker process give the same scores to the last bit."""
    scores = []
    for executor in (InlineExecutor(1, bench.directory), ProcessExecutor(1, bench.directory)):
        executor.submit(bench.job())
        scores.append(collect(executor)[1][0].scores)
        executor.close()
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    ("factory", "message"), [("kills_itself", "killed by SIGKILL"), ("exits", "exit code 3")]
)
def test_a_worker_that_dies_costs_only_its_trial(bench, factory, message):  # noqa: F811
    """A dead worker is a FAIL with how it died and what it printed last, and is replaced."""
    executor = ProcessExecutor(1, bench.directory)
    executor.submit(bench.job(0, factory=factory))
    executor.submit(bench.job(1))
    _, outcomes = collect(executor)
    executor.close()
    assert outcomes[0].state is TrialState.FAIL
    assert message in outcomes[0].error.message
    if factory == "kills_itself":
        assert "last words" in outcomes[0].error.traceback
    assert outcomes[1].state is TrialState.COMPLETE


def test_trials_run_at_the_same_time(bench):  # noqa: F811
    """With two workers, reports of two trials are interleaved."""
    executor = ProcessExecutor(2, bench.directory)
    for number in range(2):
        executor.submit(bench.job(number))
    reports, _ = collect(executor)
    executor.close()
    numbers = [report.number for report in reports]
    assert numbers != sorted(numbers)


def test_workers_are_replaced_before_they_have_grown(bench, monkeypatch):  # noqa: F811
    """After its lifetime a worker is replaced, and the results stay the same."""
    monkeypatch.setattr("searchlab.executors.handle.LIFETIME", 2)
    executor = ProcessExecutor(1, bench.directory)
    pids, scores = [], set()
    for number in range(5):
        executor.submit(bench.job(number))
        while not executor._workers:
            executor.poll(lambda _: Decision.CONTINUE, timeout=0.2)
        pids.append(executor._workers[0]._process.pid)
        scores.add(collect(executor)[1][number].scores)
    executor.close()
    assert len(set(pids)) == 3
    assert len(scores) == 1


def test_no_process_outlives_its_driver(tmp_path):
    """When the driver is killed in the middle of a training, its workers are gone soon after."""
    script = tmp_path / "driver.py"
    script.write_text(f"""
import sys
sys.path[:0] = [{str(Path(__file__).parents[1])!r}]
from pathlib import Path
from executors.contract import Bench
from searchlab.executors.process import ProcessExecutor
from searchlab.trial import Decision

if __name__ == "__main__":
    bench = Bench(Path({str(tmp_path)!r}) / "study")
    executor = ProcessExecutor(2, bench.directory)
    for number in range(2):
        executor.submit(bench.job(number, factory="build"))
    def decide(report):
        print("training", flush=True)
        return Decision.CONTINUE
    while True:
        executor.poll(decide, 1)
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
