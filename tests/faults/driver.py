"""A study driver that can be killed: a preloaded process that forks a driver for each life.

Run as a program, it reads one life per line (JSON) from standard input, forks a driver, kills it
when told, and answers with one line about how it ended. The driver is the real
`run_study` with the real backend, journal and MLflow tracker; only the trainings are a formula.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from support.programs import preload

TESTS = Path(__file__).parents[1]
_PRELOADED = [
    *("keras_tuner", "mlflow.store.tracking.sqlalchemy_store", "optuna"),
    *("sklearn.datasets", "skops.io"),
    *(f"searchlab.backends.{name}" for name in ("hyperband", "optuna", "randomized")),
    *(
        "searchlab.engine.run",
        "searchlab.tracking.mlflow.tracker",
        "searchlab.tracking.mlflow.store",
    ),
    *("searchlab.report.html.report", "searchlab.data.prepare", "faults.points"),
    *("searchlab.testing.doubles", "searchlab.training.outcome", "pyarrow.pandas_compat"),
]


@dataclass(frozen=True)
class Life:
    """The life of one driver process.

    Attributes:
        cwd: the working directory, which contains the study file.
        file: the study file.
        kill_after: seconds until it is killed, or None to let it finish.
        point: name of the point (see `faults.points`) where it kills itself, or None.
        nth: the passage of that point that kills it.
        epoch: seconds that a formula's epoch takes, so that a study lasts a while.
    """

    cwd: str
    file: str = "study.yaml"
    kill_after: float | None = None
    point: str | None = None
    nth: int = 1
    epoch: float = 0.001


@dataclass(frozen=True)
class Death:
    """The end of a life.

    Attributes:
        killed: whether it was killed by SIGKILL.
        code: its exit code otherwise: 0 for a finished study.
        seconds: duration in seconds.
        output: everything it printed.
    """

    killed: bool
    code: int
    seconds: float
    output: str = field(repr=False, default="")


class Server:
    """The driver program, started once and used for many lives."""

    def __init__(self) -> None:
        paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )

    def live(self, life: Life) -> Death:
        """Run one life from its start to its end."""
        self._process.stdin.write(json.dumps(asdict(life)) + "\n")
        self._process.stdin.flush()
        return Death(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the program."""
        self._process.stdin.close()
        self._process.wait(30)


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    preload(_PRELOADED)
    for line in sys.stdin:
        death = _life(Life(**json.loads(line)))
        print(json.dumps(asdict(death)), file=answers, flush=True)


def _life(life: Life) -> Death:
    begun = time.monotonic()
    output = Path(life.cwd) / "output.txt"
    output.touch()  # the child may be killed before it prints
    child = os.fork()
    if not child:
        _run(life, output)
    if life.kill_after is not None:
        _wait(child, begun + life.kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begun
    return Death(code == -signal.SIGKILL, code, seconds, output.read_text(errors="replace"))


def _wait(child: int, until: float) -> None:
    """Wait until a time or the child's end, leaving the child for `waitpid`."""
    while (left := until - time.monotonic()) > 0:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(min(left, 0.005))


def _run(life: Life, output: Path) -> None:
    """Run the driver; never return."""
    code = 70
    try:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.chdir(life.cwd)
        code = _drive(life)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _drive(life: Life) -> int:
    from faults.points import POINTS, arm

    from searchlab.core.interrupt import Interrupt
    from searchlab.engine import plugins
    from searchlab.engine.run import run_study
    from searchlab.study.file import load_study
    from searchlab.tracking.mlflow.address import resolve_uri
    from searchlab.tracking.mlflow.tracker import MlflowTracker

    cwd = Path(life.cwd)
    plugins.executor = lambda name: lambda workers, _: formula_executor(workers, life.epoch)
    if life.point is not None:
        arm(POINTS[life.point], life.nth)
    trackers: list[MlflowTracker] = []

    def make(directory: Path) -> list[MlflowTracker]:
        page = f"a page about {life.file}"  # the real one takes longer than all trials together
        tracker = MlflowTracker(resolve_uri(None, cwd), directory, render=lambda *_: page)
        trackers.append(tracker)
        return trackers

    record = run_study(load_study(cwd / life.file), cwd, make, Interrupt(), lambda _: None)
    pending = sum(tracker.pending for tracker in trackers)
    return 0 if record.state == "finished" and not pending else 3


def formula_executor(workers: int, seconds: float) -> Any:
    """Make an executor that replaces all trainings by a formula, also before and after trials."""
    from searchlab.testing.doubles import LogicalExecutor, bowl

    def value(trial: Any, epoch: int) -> float:
        time.sleep(seconds)
        return bowl(trial, epoch)

    return LogicalExecutor(workers, value)


if __name__ == "__main__":
    _serve()
