"""kill -9 of the real program: Keras trainings in other processes, Optuna, MLflow on SQLite.

One driver and its workers are killed every time, more of them in CI. For as many as you like:

    SEARCHLAB_KILLS=50 python -m pytest -m long tests/faults/test_real_kills.py
"""

import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import pytest
from support import programs
from support.finished import Finished

from searchlab.journal.home import StudyHome

pytestmark = [pytest.mark.keras, pytest.mark.slow]

KILLS = int(os.environ.get("SEARCHLAB_KILLS", "3"))  # of the driver; a third as many of workers
STUDY = """\
name: small
data: {{dataset: digits, scale: minmax}}
space:
  n_hidden: {{int: [1, {deepest}]}}
  n_neurons: {{int: [8, 32], log: true}}
  learning_rate: {{float: [1.0e-4, 1.0e-1], log: true}}
objective: {{metric: val_accuracy}}
search: {{backend: optuna, trials: {trials}, seed: 42, options: {{pruner: median}}}}
training: {{epochs: {epochs}}}
evaluation: {{holdout: 0.25}}
confirm: {{top: 2, seeds: 1}}
baselines: false
execution: {{executor: {executor}}}
"""


@dataclass(frozen=True)
class Case:
    """A study to kill, and how often.

    Attributes:
        executor: name of the executor.
        trials: number of trials.
        epochs: epochs per trial.
        open: number of trials in flight at once.
        lines: least and most new journal lines before the driver is killed.
        apart: least new lines before a worker is killed, to spare each trial repeated losses.
        kills: number of kills of the driver.
        workers: number of kills of workers.
        deepest: number of hidden layers at most; each is another program.
    """

    executor: str
    trials: int
    epochs: int
    open: int
    lines: tuple[int, int]
    apart: int
    kills: int = KILLS
    workers: int = KILLS // 3
    deepest: int = 2


MORE = [
    Case("process", 6 + KILLS, 12, 1, (3, 24), 15),
    Case("fused", 8 + 3 * KILLS, 60, 8, (15, 120), 4 * 63),
]
CASES = [
    pytest.param(
        Case("fused", 8, 40, 8, (15, 60), 60, kills=1, workers=1, deepest=1),
        id="once",
        marks=pytest.mark.long,
    ),
    *(pytest.param(case, id=case.executor, marks=pytest.mark.long) for case in MORE),
]


class Program:
    """`searchlab run` in a directory, restarted as often as necessary."""

    def __init__(self, directory: Path, case: Case) -> None:
        directory.mkdir()
        (directory / "study.yaml").write_text(STUDY.format(**asdict(case)))
        self.directory = directory
        self._process: programs.Program | None = None

    def start(self) -> None:
        self._process = programs.Program(self.directory, "run", "study.yaml", "--quiet")

    def finish(self) -> Finished:
        assert self._process.wait() == 0
        return Finished(self.directory)

    def wait_for_lines(self, number: int) -> bool:
        """Wait until the journal has grown by some lines; return False if the study ended first."""
        journal = StudyHome("small", self.directory).paths.journal
        wanted = _lines(journal) + number
        while _lines(journal) < wanted:
            if self._process.poll() is not None:
                return False
            time.sleep(0.01)
        return True

    def kill(self) -> None:
        """Kill the driver; its workers notice by themselves."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def kill_workers(self) -> None:
        """Kill the worker that is in mid-trial, or all hosts."""
        driver = psutil.Process(self._process.pid)
        for worker in set(driver.children(recursive=True)) - set(driver.children()):
            worker.kill()


def _lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


@pytest.mark.parametrize("case", CASES)
def test_a_real_study_killed_again_and_again_is_the_one_never_killed(
    tmp_path, record_property, case
):
    """Kills of the driver at any moment and of workers in mid-trial change no bit of the trials."""
    program = Program(tmp_path / "unbroken", case)
    program.start()
    unbroken = program.finish()
    program = Program(tmp_path / "broken", case)
    generator, kills = random.Random(7), 0  # noqa: S311
    program.start()
    for number in range(case.kills):
        if number % 3 == 2:  # while it starts up, prepares, replays
            time.sleep(generator.uniform(0, 5))
        elif not program.wait_for_lines(generator.randint(*case.lines)):
            break
        time.sleep(generator.uniform(0, 0.2))
        program.kill()
        kills += 1
        program.start()
    for _ in range(case.workers):
        if program.wait_for_lines(generator.randint(case.apart, case.apart + 5)):
            program.kill_workers()
            kills += 1
    broken = program.finish()
    print(f"{kills} kills")
    record_property("cases", kills)
    assert kills == case.kills + case.workers
    for study in (broken, unbroken):
        study.check(case.trials, case.open)
        assert {trial.outcome.unfused for trial in study.record.trials.values()} == {None}
    assert broken.picture() == unbroken.picture()
    assert broken.mlflow_picture() == unbroken.mlflow_picture()
    with closing(sqlite3.connect(program.directory / "mlflow.db")) as database:
        models = database.execute("select count(*) from logged_models").fetchone()
    assert models == (1,), "the study's model is logged once"
    home = StudyHome("small", program.directory).directory
    assert not [path for path in home.rglob(".*") if path.is_file()], "nothing half written stays"
