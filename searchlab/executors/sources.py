"""The processes in which trainings run, and their sources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from searchlab.core.trial import Failure
from searchlab.executors.child import Child, ChildSettings
from searchlab.executors.forkserver import ForkServer
from searchlab.executors.worker import host, work

Kind = Literal["host", "worker"]
"""The kind of process: a host runs many fused trainings, a worker one training at a time."""

KINDS: tuple[Kind, ...] = get_args(Kind)
"""All kinds of processes."""


class Channel(Protocol):
    """The loop's end of a connection to a process; `Connection` is one."""

    def fileno(self) -> int:
        """Return a descriptor that is readable once a message waits or the process is gone."""

    def poll(self) -> bool:
        """Return whether `recv` would return without waiting."""

    def recv(self) -> Any:
        """Receive the next message.

        Raises:
            EOFError: if the process is gone; OSError can mean the same.
        """

    def send(self, obj: Any, /) -> None:
        """Send a message.

        Raises:
            OSError: if the process is gone.
        """

    def close(self) -> None:
        """Close the connection."""


def wait(channels: Iterable[Channel], timeout: float) -> list[Channel]:
    """Return the channels with messages, waiting at most `timeout` seconds for one."""
    waited: list[Any] = list(channels)  # anything with a fileno() is accepted
    ready: list[Any] = connection.wait(waited, timeout)
    return ready


class Process(Protocol):
    """A process for trainings; `child.Child` is one."""

    @property
    def connection(self) -> Channel:
        """The channel to the process."""

    def kill(self) -> None:
        """Kill the process at once."""

    def death(self) -> Failure:
        """Return the reason why the process ended if nobody killed it."""

    def dump(self) -> str:
        """Kill the process; return its training's stack and the end of its output."""

    def memory(self) -> int:
        """Return its resident memory in bytes; 0 if it is gone, which is noticed elsewhere."""


class Source(Protocol):
    """A source of processes."""

    @property
    def size(self) -> int:
        """The maximum number of processes; it may change at any time."""

    def ready(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until a process can be started; return whether it can."""

    def start(self, index: int) -> Process:
        """Start a process; `index` is a number that no other living one has."""

    def close(self) -> None:
        """Start no more processes; safe to call twice."""


class Forked:
    """Processes from the fork server, which end with the process that created this source."""

    def __init__(
        self,
        kind: Kind,
        size: int,
        logs: Path,
        threads: int | None,
        devices: Sequence[str] = (),
    ) -> None:
        """Start the fork server in the background.

        Args:
            kind: the kind of processes.
            size: their number.
            logs: the directory for the output of trainings.
            threads: number of threads of each, or None for TensorFlow's own choice.
            devices: the GPUs visible to each in turn, in the form of `CUDA_VISIBLE_DEVICES`; all
                GPUs are visible to all if empty.
        """
        self._kind, self._logs, self._size = kind, logs, size
        self._threads, self._devices = threads, devices
        self._server = ForkServer()

    @property
    def size(self) -> int:
        """The number of processes given at creation."""
        return self._size

    def ready(self, timeout: float) -> bool:
        """Wait for the fork server's imports; return whether they are done."""
        return self._server.wait(timeout)

    def start(self, index: int) -> Child:
        """Start a process.

        Raises:
            SearchlabError: if it cannot be started.
        """
        devices = self._devices[index % len(self._devices)] if self._devices else None
        settings = ChildSettings(
            index,
            self._logs,
            self._server.temporary,
            self._server.lifeline,
            self._threads,
            devices,
        )
        serve = host if self._kind == "host" else work
        return Child(self._server.context, settings, self._kind, serve)

    def close(self) -> None:
        """Break the lifeline."""
        self._server.close()
