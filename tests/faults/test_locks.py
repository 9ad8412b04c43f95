"""Two processes on one study: one works, the other learns who; dead processes hold no lock."""

import os
import re
import signal
import subprocess
import sys
import threading

import pytest
from faults.place import TRIALS, Place, one_line

from searchlab.journal.home import StudyHome
from searchlab.journal.journal import read_journal
from searchlab.journal.record import StudyRecord
from searchlab.testing import entries as make
from searchlab.tracking.mlflow import outbox

HOLD = (
    "import sys, time; from pathlib import Path; from searchlab.journal.home import StudyHome\n"
    "with StudyHome('small', Path.cwd()).locked():\n"
    "    print('held', flush=True); time.sleep(60)\n"
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Create a study without a store, on which closing waits only briefly."""
    monkeypatch.setattr(outbox, "_PATIENCE", 0.5)
    return Place(tmp_path, monkeypatch)


@pytest.fixture
def owner(place):
    """Start another process that holds the study."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=place.cwd, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("command", ["run", "sync"])
def test_a_study_that_another_process_holds_is_left_alone(place, owner, command):
    """The second process exits with 3, names the first and changes nothing."""
    if command == "sync":  # needs a study that has begun
        place.journal.write_bytes(_journal(place))
    arguments = ["run", "small.yaml"] if command == "run" else ["sync", "small"]
    result = place.searchlab(*arguments)
    assert result.exit_code == 3
    told = one_line(result)
    assert re.search(rf"study small is being run by process {owner.pid} on \S+: wait for it", told)
    assert place.home.exists()
    assert not (place.home / "mlflow.jsonl").exists()


def test_a_dead_process_holds_nothing(place, owner):
    """A killed process' lock is taken over at once, although its name is still recorded."""
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert f"process {owner.pid} " in (place.home / "owner").read_text()
    assert place.run("--tracking-uri", "http://127.0.0.1:9").exit_code == 0
    assert len(StudyRecord(read_journal(place.journal)).trials) == TRIALS


def test_sync_while_the_study_runs(place):
    """During a run, sync exits with 3, because the running process sends everything itself."""
    codes = []
    command = [sys.executable, "-m", "searchlab", "sync", "small"]

    def sync():
        done = subprocess.run(command, cwd=place.cwd, capture_output=True, text=True, check=False)
        codes.append((done.returncode, f"process {os.getpid()} " in done.stderr))

    place.at(2, 2, sync)
    assert place.run("--tracking-uri", "http://127.0.0.1:9").exit_code == 0
    assert codes == [(3, True)]


def test_of_many_that_start_at_once_one_gets_the_study(place):
    """Of ten that start at once, one holds the study, nine are refused, and no lock remains."""
    outcomes = []
    together, all_tried = threading.Barrier(10), threading.Barrier(10)

    def start():
        together.wait()
        try:
            with StudyHome("small", place.cwd).locked():
                outcomes.append("held")
                all_tried.wait()
        except Exception as error:
            outcomes.append(type(error).__name__)
            all_tried.wait()

    threads = [threading.Thread(target=start) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["StudyLockedError"] * 9 + ["held"]
    with StudyHome("small", place.cwd).locked():
        pass


def _journal(place: Place) -> bytes:
    """Return the beginning of a journal for a study of this name."""
    from searchlab.journal.journal import encoded
    from searchlab.study.file import load_study

    spec = load_study(place.cwd / "small.yaml").spec
    return encoded(make.timed(make.started(spec)))
