"""The processes in which trainings run, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any, Literal, Protocol

from searchlab.core.trial import Failure
from searchlab.executors.child import Child, ChildSettings
from searchlab.executors.forkserver import ForkServer
from searchlab.executors.worker import host, work

Kind = Literal["host", "worker"]
"""A host has many fused trainings, a worker one training at a time."""


class Channel(Protocol):
    """The loop's end of what it and a process talk over; `Connection` is one."""

    def fileno(self) -> int:
        """What becomes readable when something can be received or the process is gone."""

    def poll(self) -> bool:
        """Whether `recv` will not wait."""

    def recv(self) -> Any:
        """The next message.

        Raises:
            EOFError: if the process is gone; so does OSError.
        """

    def send(self, obj: Any, /) -> None:
        """Sends a message.

        Raises:
            OSError: if the process is gone.
        """

    def close(self) -> None:
        """Ends the conversation."""


def wait(channels: Iterable[Channel], timeout: float) -> list[Channel]:
    """Those over which something can be received, after at most `timeout` seconds."""
    waited: list[Any] = list(channels)  # anything with a fileno() will do
    ready: list[Any] = connection.wait(waited, timeout)
    return ready


class Process(Protocol):
    """A process for trainings; `handle.Child` is one."""

    @property
    def connection(self) -> Channel:
        """What it is talked to over."""

    def kill(self) -> None:
        """Ends it at once."""

    def death(self) -> Failure:
        """Why it is gone that nobody has ended."""

    def dump(self) -> str:
        """Ends it; where its training was, and the last that it printed."""

    def memory(self) -> int:
        """Its resident memory in bytes; 0 if it is gone, which is noticed elsewhere."""


class Source(Protocol):
    """Where processes come from."""

    @property
    def size(self) -> int:
        """How many there should be at most; it may change at any time."""

    def ready(self, timeout: float) -> bool:
        """Waits until one can be started, at most `timeout` seconds; whether it can."""

    def start(self, index: int) -> Process:
        """Starts one; `index` is a number that no other living one has."""

    def close(self) -> None:
        """Starts no more; may be called twice."""


class Forked:
    """Processes from the fork server, which end when the process that made this does."""

    def __init__(
        self,
        kind: Kind,
        size: int,
        logs: Path,
        threads: int | None,
        devices: Sequence[str] = (),
    ) -> None:
        """Starts the fork server in the background.

        Args:
            kind: of the processes.
            size: how many.
            logs: the directory for what trainings print.
            threads: how many each may use, or None for TensorFlow's own choice.
            devices: the GPUs that each sees, as `CUDA_VISIBLE_DEVICES` has them, in turn; all
                see all if empty.
        """
        self._kind, self._logs, self._size = kind, logs, size
        self._threads, self._devices = threads, devices
        self._server = ForkServer()

    @property
    def size(self) -> int:
        """As given."""
        return self._size

    def ready(self, timeout: float) -> bool:
        """Whether the fork server has done its imports."""
        return self._server.wait(timeout)

    def start(self, index: int) -> Child:
        """Starts a process.

        Raises:
            SearchlabError: if there can be none.
        """
        devices = self._devices[index % len(self._devices)] if self._devices else None
        settings = ChildSettings(index, self._logs, self._server.lifeline, self._threads, devices)
        serve = host if self._kind == "host" else work
        return Child(self._server.context, settings, self._kind, serve)

    def close(self) -> None:
        """Breaks the lifeline."""
        self._server.close()
