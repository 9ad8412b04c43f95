"""Execution of programs in directories of their own, measured from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
_LAST_WORDS = 3000  # characters of a failed program's output


class BenchmarkError(Exception):
    """A measured program failed or did something unexpected."""


@dataclass(frozen=True)
class Finished:
    """A program that succeeded.

    Attributes:
        seconds: its wall time, from the start of the process to its end.
        output: its standard output.
    """

    seconds: float
    output: str

    @property
    def results(self) -> dict[str, Any]:
        """The JSON object on the last line of its output."""
        values: dict[str, Any] = json.loads(self.output.rstrip().rpartition("\n")[2])
        return values


def run(command: Sequence[str | Path], directory: Path, cache: Path | None = None) -> Finished:
    """Run a program with this Python to its end.

    Args:
        command: the arguments of `python`.
        directory: the working directory.
        cache: the user's cache directory; a new one if None, so that it compiles its own programs.

    Raises:
        BenchmarkError: if it fails, with the end of its output.
    """
    start = time.perf_counter()
    with start_program(command, directory, cache) as program:
        program.wait()
    seconds = time.perf_counter() - start
    check(command, directory, program.returncode)
    return Finished(seconds, (directory / "output").read_text(errors="replace"))


def start_program(
    command: Sequence[str | Path], directory: Path, cache: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a program with this Python; its output goes to files in its directory."""
    directory.mkdir(parents=True, exist_ok=True)
    environment = {name: v for name, v in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XDG_CACHE_HOME": str(cache or directory / "cache"),
    }
    with (directory / "output").open("wb") as output, (directory / "errors").open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, *map(str, command)],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )


def check(command: Sequence[str | Path], directory: Path, code: int) -> None:
    """Raise BenchmarkError with the end of a program's output if its exit code is not 0."""
    if code:
        words = (directory / "errors").read_text(errors="replace")[-_LAST_WORDS:]
        raise BenchmarkError(f"{' '.join(map(str, command))}: exit code {code}\n{words}")


@dataclass(frozen=True)
class Memory:
    """Resident memory at one moment, in bytes.

    Attributes:
        driver: memory of the program itself.
        workers: total memory of all processes below it.
    """

    driver: int
    workers: int


def memories(program: subprocess.Popen[bytes], interval: float) -> Iterator[Memory]:
    """Yield the memory of a running program and the processes below it, until it ends.

    Args:
        program: the program.
        interval: seconds between two measurements.
    """
    process = psutil.Process(program.pid)
    while program.poll() is None:
        try:
            yield Memory(process.memory_info().rss, sum(map(_rss, process.children(True))))
        except psutil.NoSuchProcess:
            return
        time.sleep(interval)


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
