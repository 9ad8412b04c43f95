"""A study of the program that is run through faults, restarted as often as necessary."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from support import programs
from support.damages import missing
from support.finished import Finished
from support.mlflow_server import Server
from support.processes import wait_until_gone
from support.ray_cluster import RayCluster

from searchlab.journal.layout import StudyLayout, study_layout

STUDY = """\
name: small
data: {{dataset: digits, scale: minmax}}
space:
  n_hidden: {{int: [1, 1]}}
  n_neurons: {{int: [8, 32], log: true}}
  learning_rate: {{float: [1.0e-4, 1.0e-1], log: true}}
objective: {{metric: val_accuracy}}
search: {{backend: {backend}, trials: {trials}, seed: 42, seconds: 36000, options: {options}}}
training: {{epochs: 8}}
evaluation: {{holdout: 0.25}}
confirm: {{top: 1, seeds: 1}}
baselines: false
execution: {{executor: {executor}, workers: 1}}
"""
BACKENDS = {
    "randomized": (5, "{}"),
    "hyperband": (10, "{factor: 2}"),
    "optuna": (6, "{pruner: median}"),
}
"""Number of trials and options of each backend."""

EXECUTORS = ("inline", "process", "fused", "ray")
_LONGEST = 900.0  # seconds that a life may take undisturbed on a busy machine
_LIVES = 10  # that may end by themselves before their end


@dataclass(frozen=True)
class Case:
    """A backend and an executor."""

    backend: str
    executor: str

    def __str__(self) -> str:
        return f"{self.backend} on {self.executor}"

    @property
    def trials(self) -> int:
        """The number of trials."""
        return BACKENDS[self.backend][0]

    @property
    def open(self) -> int:
        """The number of trials in flight at once, at most."""
        return 1 if self.executor in ("inline", "process") else max(8, self.trials)


@dataclass
class Soaked:
    """A study in a directory of its own.

    Attributes:
        cwd: the directory.
        case: its backend and executor.
        random: the source of all choices.
        pause: seconds for which a process is stopped.
        full: whether the directory is a file system of its own, which can be filled.
        server: the MLflow server, or None where the study writes to `mlflow.db` itself.
        cluster: the Ray cluster, if the executor needs one.
        suspects: damaged paths, for which one line may refuse to go on.
        worker_killed: whether its workers have been killed, which may happen once.
        story: what has happened to it.
    """

    cwd: Path
    case: Case
    random: random.Random
    pause: float = 20.0
    full: bool = False
    server: Server | None = None
    cluster: RayCluster | None = None
    suspects: list[Path] = field(default_factory=list)
    worker_killed: bool = False
    story: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        trials, options = BACKENDS[self.case.backend]
        values = {"backend": self.case.backend, "executor": self.case.executor}
        text = STUDY.format(**values, trials=trials, options=options)
        (self.cwd / "study.yaml").write_text(text)
        self._clock = self.cwd / "clock"
        self.set_clock(0.0)
        self._program: programs.Program | None = None
        self._ended = 0

    @property
    def paths(self) -> StudyLayout:
        """The study's files."""
        return study_layout("small", self.cwd)

    @property
    def runs(self) -> bool:
        """Whether its process runs."""
        return self._program is not None and self._program.poll() is None

    @property
    def code(self) -> int | None:
        """How its process has ended."""
        assert self._program is not None
        return self._program.returncode

    @property
    def driver(self) -> psutil.Process:
        """The process that runs it."""
        assert self._program is not None
        return psutil.Process(self._program.pid)

    def workers(self) -> list[psutil.Process]:
        """Return the processes that train, other than its own."""
        if self.cluster is not None:
            return self.cluster.trainings()
        return [each for child in self.driver.children() for each in child.children()]

    def fork_servers(self) -> list[psutil.Process]:
        """Return the processes that its workers were forked from."""
        return list({each.parent() for each in self.workers()} - {None})

    def set_clock(self, seconds: float) -> None:
        """Set the driver's clock ahead of the machine's."""
        new = self._clock.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._clock)

    def start(self) -> None:
        """Run the program."""
        more = {programs.CLOCK: str(self._clock)}
        if self.server is not None:
            more["MLFLOW_TRACKING_URI"] = self.server.uri
        self._program = programs.Program(self.cwd, "run", "study.yaml", "--quiet", **more)

    def command(self, *arguments: str) -> str:
        """Run another command to its end, and return its errors; it must succeed."""
        uri = {} if self.server is None else {"MLFLOW_TRACKING_URI": self.server.uri}
        done = programs.run(self.cwd, *arguments, **uri)
        assert done.returncode == 0, f"searchlab {' '.join(arguments)}: {done.stderr}"
        return str(done.stderr)

    def kill(self) -> None:
        """Kill the driver; all that it has started has to end by itself."""
        if not self.runs:
            return
        assert self._program is not None
        children = self.driver.children(recursive=True)
        self._program.send_signal(signal.SIGKILL)
        self._program.wait()
        wait_until_gone(children, 120)

    def wait(self) -> bool:
        """Wait for a random moment; return whether the study has not ended until then."""
        lines, seconds = self.random.randint(1, 20), self.random.uniform(0, 8)
        by_lines, before, begun = self.random.random() < 0.5, self.lines(), time.monotonic()

        def come() -> bool:
            waited = time.monotonic() - begun
            if by_lines and waited < 60:
                return self.lines() >= before + lines
            return waited > seconds

        return self.wait_until(come, _LONGEST)

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for a condition, or some seconds; return whether the study has not ended before."""
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            if not self.runs and self._is_at_its_end():
                return False
            time.sleep(0.02)
        return self.runs or not self._is_at_its_end()

    def finish(self) -> Finished:
        """Let the study end, and MLflow get all of it."""
        self.wait_until(lambda: False, _LONGEST)
        assert not self.runs, f"does not end within {_LONGEST:g} s"
        self._take_away("mlflow.jsonl")
        self.command("sync", "small")
        return Finished(self.cwd)

    def _take_away(self, name: str) -> None:
        """Take away what was put in a file's place, as the message about it asks for."""
        for each in [each for each in self.suspects if each.name == name]:
            missing(each)
            self.suspects.remove(each)

    def words(self) -> str:
        """Return what the program has said, once it has ended."""
        assert self._program is not None
        return self._program.communicate(60)[1]

    def _is_at_its_end(self) -> bool:
        """Judge the end of a life: start another one, if it was refused for what was damaged."""
        assert self._program is not None
        code, said = self._program.wait(), ""
        if code == 0:
            return True
        said = self.words()
        assert code == 2, f"exit code {code}: {said}"
        assert self.suspects, f"refused without a reason: {said}"
        assert said.count("\n") == 1, f"not one line: {said}"
        self._ended += 1
        assert self._ended < _LIVES, f"refused again and again: {said}"
        for each in self.suspects:
            missing(each)
        self.suspects.clear()
        self.start()
        return False

    def lines(self) -> int:
        """Return how many lines its journal has."""
        journal = self.paths.journal
        try:
            return journal.read_bytes().count(b"\n")
        except OSError:
            return 0

    def save(self, directory: Path) -> None:
        """Keep all of it for a look at what was lost."""
        shutil.copytree(self.cwd, directory, symlinks=True)
