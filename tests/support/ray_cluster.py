"""A Ray cluster of several nodes on this machine, secured by a token, and its processes."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

# find_spec, not import: at import Ray 2.60 decides, once a process, whether to use a token.
_NEEDS_RAY = pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra searchlab[ray]")
ON_A_CLUSTER = [
    _NEEDS_RAY,
    pytest.mark.keras,
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.timeout(900),
]
"""Marks of tests that start a cluster."""

ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),  # shared by all clusters: Ray reads it once a process
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # otherwise every other process on this machine has priority
}


class RayCluster:
    """A head that hosts drivers but no trainings, and nodes with one core each.

    Attributes:
        address: the address to which drivers connect.
        cwd: the working directory of the head and its processes.
    """

    def __init__(self, nodes: int = 2, cwd: Path | None = None) -> None:
        self.cwd = cwd
        self._directory = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        head = ["--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false"]
        self._start(*head, f"--temp-dir={self._directory}")
        self.raylets = [self.add() for _ in range(nodes)]

    def add(self, **environment: str) -> int:
        """Add a node and return the process id of its raylet."""
        before = self._processes("raylet")
        self._start(f"--address={self.address}", "--num-cpus=1", **environment)
        (new,) = {each.pid for each in self._processes("raylet")} - {each.pid for each in before}
        return new

    def actors(self) -> list[psutil.Process]:
        """Return the actors that run trainings."""
        return [actor for raylet in self._processes("raylet") for actor in actors_below(raylet)]

    def keeper(self) -> psutil.Process:
        """Return the actor that keeps submitted studies."""
        raylets = self._processes("raylet")
        (keeper,) = (each for raylet in raylets for each in actors_below(raylet, "ray::Ke"))
        return keeper

    def trainings(self) -> list[psutil.Process]:
        """Return the processes that run trainings."""
        return [training for actor in self.actors() for training in trainings_of(actor)]

    def close(self) -> None:
        """Kill all processes of the cluster: those naming its directory, and their children."""
        ours = [each for each in psutil.process_iter() if str(self._directory) in command_of(each)]
        for each in ours:
            with suppress(psutil.Error):
                ours += each.children()
        for each in ours:
            with suppress(psutil.Error):
                each.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _start(self, *arguments: str, **more: str) -> None:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *arguments]
        environment = {**os.environ, **ENVIRONMENT, **more}
        result = subprocess.run(
            command, check=False, env=environment, cwd=self.cwd, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr + result.stdout

    def _processes(self, name: str) -> list[psutil.Process]:
        found = [each for each in psutil.process_iter(["name"]) if each.info["name"] == name]
        return [each for each in found if str(self._directory) in command_of(each)]


@contextmanager
def ray_cluster(nodes: int = 2) -> Iterator[RayCluster]:
    """Start a cluster that drivers of this process connect to, for the duration of the block."""
    before = dict(os.environ)
    os.environ.update(ENVIRONMENT)
    cluster = RayCluster(nodes)
    os.environ["RAY_ADDRESS"] = cluster.address
    try:
        yield cluster
    finally:
        cluster.close()
        os.environ.clear()
        os.environ.update(before)


def actors_below(process: psutil.Process, of: str = "ray::No") -> list[psutil.Process]:
    """Return the actors below a process; by default those that run trainings."""
    with suppress(psutil.Error):
        below = process.children(recursive=True)
        return [each for each in below if command_of(each).startswith(of)]
    return []


def trainings_of(actor: psutil.Process) -> list[psutil.Process]:
    """Return an actor's training processes, which are children of its fork server."""
    with suppress(psutil.Error):
        return [training for server in actor.children() for training in server.children()]
    return []


def kill(process: int) -> None:
    """Kill a process with SIGKILL."""
    os.kill(process, signal.SIGKILL)


def until(condition, seconds: float = 90.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.1)


def command_of(process: psutil.Process) -> str:
    """Return a process's command line; "" if it is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # gone, or a zombie
        return ""
