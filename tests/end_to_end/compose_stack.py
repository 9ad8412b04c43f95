"""The stack of docker/compose.yaml on a real engine, in its own Compose project."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.mlflow_server import free_port

FILE = Path(__file__).parents[2] / "docker" / "compose.yaml"
PROJECT = "searchlab-test"
TABLES = {
    "runs": ("run_uuid", "status", "lifecycle_stage"),
    "tags": ("run_uuid", "key", "value"),
    "params": ("run_uuid", "key", "value"),
    "metrics": ("run_uuid", "key", "step", "value"),
}
_BASE = "python:3.11-slim-bookworm"
_LABEL = "com.docker.compose.project"
_NUMBERS = ("run_uuid", "key", "step integer", "value real")
_OURS = "run_uuid in (select run_uuid from tags where key = 'searchlab.study' and value = '{}')"


def why_not() -> str | None:
    """Return the reason why the stack cannot start here, or None."""
    if os.geteuid() != 0:
        return "not root: nothing could kill what runs in a container"
    if shutil.which("docker") is None:
        return "there is no docker"
    done = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if done.returncode:
        return "docker has no compose"
    done = subprocess.run(["docker", "info"], capture_output=True, check=False)
    return "the docker engine does not answer" if done.returncode else None


class Stack:
    """The services, and `searchlab` commands beside them."""

    def __init__(self) -> None:
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._env = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": PROJECT,
            "MLFLOW_BIND": f"127.0.0.1:{self.port}",
        }

    def compose(self, *arguments: str, check: bool = True, **more: str) -> str:
        """Run docker compose, with more variables; return its standard output."""
        command = ["docker", "compose", "--file", str(FILE), *arguments]
        env = {**self._env, **more}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if check:
            assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def build(self) -> None:
        """Build the image; skip the tests if containers cannot reach a package index."""
        try:
            self.compose("build")
        except AssertionError:
            fetch = ["pip", "download", "--quiet", "--no-deps", "--dest", ".", "six"]
            command = ["docker", "run", "--rm", _BASE, *fetch]
            if subprocess.run(command, capture_output=True, check=False).returncode:
                pytest.skip("no image can be built: containers reach no package index")
            raise

    def up(self, *arguments: str) -> None:
        """Start the long-running services and wait until all are healthy."""
        self.compose(*arguments, "up", "--detach", "--wait")

    def searchlab(self, *arguments: str) -> str:
        """Run a searchlab command in its own container."""
        return self.compose("run", "--rm", "-T", "searchlab", *arguments)

    def begin(self, *arguments: str) -> str:
        """Start a command; return its container's name."""
        return self.compose("run", "--detach", "-T", "searchlab", *arguments).split()[-1]

    def end(self, container: str) -> int:
        """Wait for a command started by `begin`, remove its container, return its exit code."""
        code = int(_docker("wait", container))
        if code:  # shown if the test fails
            print(_docker("logs", container, errors=True))
        _docker("rm", container)
        return code

    def container(self, service: str) -> str:
        """Return a service's container."""
        return self.compose("ps", "--quiet", service).split()[0]

    def kill(self, container: str) -> None:
        """Kill (-9) a container's processes as the kernel would, without asking the engine."""
        os.kill(self.process(container), signal.SIGKILL)

    def process(self, container: str) -> int:
        """Return the process id, on this machine, of a container's first process."""
        state = json.loads(_docker("inspect", "--format", "{{json .State}}", container))
        return int(state["Pid"])

    def settings(self, service: str) -> dict[str, Any]:
        """Return the engine's description of a service's container."""
        (found,) = json.loads(_docker("inspect", self.container(service)))
        return dict(found)

    def inspected(self) -> str:
        """Return the engine's description of all containers: their environment and commands."""
        return _docker("inspect", *self.compose("ps", "--all", "--quiet").split())

    def home(self, study: str) -> Path:
        """Return the study's directory on this machine."""
        where = _docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{PROJECT}_work")
        return Path(where) / ".searchlab" / study

    def sql(self, query: str) -> list[list[str]]:
        """Query PostgreSQL directly."""
        command = ["psql", "-U", "mlflow", "-d", "mlflow", "--csv", "-t", "-c", query]
        return list(csv.reader(io.StringIO(self.compose("exec", "-T", "postgres", *command))))

    def copy_study(self, name: str, directory: Path) -> Path:
        """Copy a study's journal, and its rows in PostgreSQL as `mlflow.db`."""
        journal = directory / ".searchlab" / name / "journal.jsonl"
        journal.parent.mkdir(parents=True)
        shutil.copy(self.home(name) / "journal.jsonl", journal)
        with closing(sqlite3.connect(directory / "mlflow.db")) as database:
            for table, columns in TABLES.items():
                types = _NUMBERS if table == "metrics" else columns
                database.execute(f"create table {table} ({', '.join(types)})")
                rows = self.sql(
                    f"select {', '.join(columns)} from {table} where {_OURS.format(name)}"  # noqa: S608
                )
                marks = ", ".join("?" * len(columns))
                database.executemany(f"insert into {table} values ({marks})", rows)  # noqa: S608
            database.commit()
        return directory

    def wait_for_lines(self, study: str, number: int) -> None:
        """Wait until the study's journal has the given number of lines."""
        journal = self.home(study) / "journal.jsonl"
        until = time.monotonic() + 300
        while not journal.exists() or journal.read_bytes().count(b"\n") < number:
            assert time.monotonic() < until, "the study does not get on"
            time.sleep(0.05)

    def remove(self) -> None:
        """Remove everything, including volumes and commands still running."""
        ours = _docker("ps", "--all", "--quiet", "--filter", f"label={_LABEL}={PROJECT}").split()
        if ours:
            _docker("rm", "--force", *ours)
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "5", check=False)


def _docker(*arguments: str, errors: bool = False) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (done.stderr + done.stdout if errors else done.stdout).strip()
