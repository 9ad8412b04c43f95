"""A working directory with a study of trivial trainings, run through the real command line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from support.studies import write_study

from searchlab.cli import cli
from searchlab.core.trial import Trial
from searchlab.engine import plugins
from searchlab.journal.layout import study_layout
from searchlab.testing.doubles import TrivialExecutor, bowl
from searchlab.training.job import (
    BaselineJob,
    Checked,
    CheckJob,
    Job,
    Made,
    Measured,
    TrialJob,
)
from searchlab.training.job import Result as JobResult

TRIALS, SEED = 6, 42
STUDY = f"""\
name: small
data: {{dataset: iris}}
space:
  n_hidden: {{int: [0, 2]}}
  n_neurons: {{int: [1, 20]}}
  learning_rate: {{float: [3e-4, 3e-2], log: true}}
search: {{backend: optuna, trials: {TRIALS}, seed: {SEED}, options: {{pruner: none}}}}
training: {{epochs: 5}}
evaluation: {{holdout: 0.25}}
"""

Happening = Callable[[Trial, int], None]
"""Action to take when a trial reaches an epoch."""


class Formula(TrivialExecutor):
    """A formula for the trials; the check before them and the model after them just succeed."""

    def __init__(self, workers: int, happening: Happening) -> None:
        def value(trial: Trial, epoch: int) -> float:
            happening(trial, epoch)
            return bowl(trial, epoch)

        super().__init__(workers, value)

    def poll(self, decide: Any, timeout: float) -> list[JobResult]:
        if self._jobs and not isinstance(self._jobs[0], TrialJob):
            return [_succeeded(self._jobs.popleft())]
        return super().poll(decide, timeout)


def _succeeded(job: Job) -> JobResult:
    match job:
        case CheckJob():
            return Checked(job.number)
        case BaselineJob():
            return Measured(job.number, {"loss": 0.5})
        case _:
            return Made(job.number, {"loss": 0.5}, model_path="model.keras")


class Place:
    """A directory that contains `small.yaml`.

    Attributes:
        cwd: the directory.
        happening: called at each epoch of each trial.
        executors: the executors made so far, latest last.
    """

    def __init__(self, cwd: Path, monkeypatch: Any) -> None:
        self.cwd = cwd
        self.happening: Happening = lambda trial, epoch: None
        self.executors: list[Formula] = []
        write_study(cwd / "small.yaml", STUDY)
        monkeypatch.chdir(cwd)
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        monkeypatch.setattr(plugins, "executor", lambda _: self._executor)

    @property
    def home(self) -> Path:
        """The study's directory."""
        return study_layout("small", self.cwd).directory

    @property
    def journal(self) -> Path:
        """The study's journal."""
        return self.home / "journal.jsonl"

    def searchlab(self, *arguments: str) -> Result:
        """Call the command line; return exit_code, stdout and stderr."""
        return CliRunner().invoke(cli, list(arguments))

    def run(self, *arguments: str) -> Result:
        """Run or resume the study."""
        return self.searchlab("run", "small.yaml", "--quiet", *arguments)

    def at(self, number: int, epoch: int, action: Callable[[], None]) -> None:
        """Add an action at one epoch of a trial in the search: confirmations have other seeds."""
        before = self.happening

        def happening(trial: Trial, now: int) -> None:
            before(trial, now)
            if (trial.number, trial.seed, now) == (number, SEED, epoch):
                action()

        self.happening = happening

    def slowly(self, seconds: float) -> None:
        """Make each epoch take the given time."""
        before = self.happening

        def happening(trial: Trial, epoch: int) -> None:
            before(trial, epoch)
            time.sleep(seconds)

        self.happening = happening

    def _executor(self, workers: int, directory: Path) -> Formula:
        def happening(trial: Trial, epoch: int) -> None:  # late-bound: actions may be added later
            self.happening(trial, epoch)

        self.executors.append(Formula(workers, happening))
        return self.executors[-1]


def one_line(result: Result) -> str:
    """Return the one line of an error, without a traceback or anything else."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("searchlab: ")
    return result.stderr
