"""A real MLflow server that tests can stop, kill and start again."""

from __future__ import annotations

import os
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

from . import programs


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Server:
    """A real `mlflow server` on a loopback port, over the `mlflow.db` of a folder."""

    def __init__(self, folder: Path, *, ui: bool = False, started: bool = True) -> None:
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._folder, self._command = folder, "ui" if ui else "server"
        self._process: programs.Program | None = None
        if started:
            self.start()

    def start(self, *, wait: bool = True) -> None:
        """Start it; `wait` until it answers."""
        arguments = [self._command, "--port", self.port, "--workers", 1]
        arguments += ["--backend-store-uri", "sqlite:///mlflow.db"]
        self._process = programs.Program(
            self._folder,
            *arguments,
            module="mlflow",
            silent=True,
            MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        )
        if wait:
            self.wait()

    def wait(self) -> None:
        """Wait until it answers."""
        while not self._answers():
            assert self._process.poll() is None, "the server ended"
            time.sleep(0.2)

    def kill(self) -> None:
        """End it at once: from now on the port refuses connections."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Stop it: connections are taken, and never answered."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """End `hang`."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def get(self, path: str):
        """Return its answer."""
        with urllib.request.urlopen(self.uri + path, timeout=30) as answer:  # noqa: S310
            return answer.read()

    def _answers(self) -> bool:
        try:
            return self.get("/health") == b"OK"
        except (urllib.error.URLError, OSError):
            return False
