"""The processes in which fused trainings run, and where they come from."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from searchlab.executors.forkserver import ForkServer
from searchlab.executors.handle import Child, Place
from searchlab.executors.worker import host
from searchlab.trial import Failure


class HostProcess(Protocol):
    """A host's process; `handle.Child` is one."""

    connection: Connection

    def kill(self) -> None:
        """Ends it at once."""

    def death(self) -> Failure:
        """Why it is gone."""


class HostSource(Protocol):
    """Where host processes come from."""

    def ready(self, timeout: float) -> bool:
        """Waits until one can be started, at most `timeout` seconds; whether it can."""

    def start(self, index: int) -> HostProcess:
        """Starts one; `index` is a number that no other living one has."""

    def close(self) -> None:
        """Starts no more; may be called twice."""


class ForkedHosts:
    """Host processes from the fork server, which end when the process of the loop does."""

    def __init__(self, workers: int, logs: Path) -> None:
        """Starts the fork server in the background."""
        self._workers, self._logs = workers, logs
        self._server = ForkServer()

    def ready(self, timeout: float) -> bool:
        """Whether the fork server has done its imports."""
        return self._server.wait(timeout)

    def start(self, index: int) -> Child:
        """Starts a host.

        Raises:
            SearchlabError: if there can be none.
        """
        place = Place(index, self._workers, self._logs, self._server.lifeline)
        return Child(self._server.context, place, "host", host)

    def close(self) -> None:
        """Breaks the lifeline."""
        self._server.close()
