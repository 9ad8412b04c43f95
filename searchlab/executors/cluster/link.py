"""The loop's end of the connection to a process on a node."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any, Protocol

from searchlab.core.trial import Failure, FailureKind
from searchlab.executors.sources import Kind


class Orders(Protocol):
    """Requests to the node of a process, by the process' number."""

    def tell(self, number: int, message: Any) -> None:
        """Forward a message to the process."""

    def kill(self, number: int) -> None:
        """Kill the process."""

    def dump(self, number: int) -> str:
        """Kill the process and return where its training was."""


class Wire:
    """A `sources.Channel` that sends to the node and receives from it through a pipe."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        self._ours, self._theirs = Pipe()
        self._send = send
        self._feeding = threading.Lock()

    def fileno(self) -> int:
        """Return the file descriptor of the receiving pipe."""
        return self._ours.fileno()

    def poll(self) -> bool:
        """Return whether a message is waiting or the other end is closed."""
        return self._ours.poll()

    def recv(self) -> Any:
        """Receive the next message."""
        return self._ours.recv()

    def send(self, obj: Any, /) -> None:
        """Send a message without waiting."""
        if self._ours.closed or self._theirs.closed:
            raise BrokenPipeError
        self._send(obj)

    def close(self) -> None:
        """Close the channel from the loop's side."""
        self._ours.close()
        self.end()

    def feed(self, message: Any) -> None:
        """Deliver a message to the loop, waiting if it lags; called from the node's thread."""
        with self._feeding, suppress(OSError):  # the loop has closed its end
            self._theirs.send(message)

    def end(self) -> None:
        """Tell the loop, after all messages, that the process is gone."""
        with self._feeding:
            self._theirs.close()


class Link:
    """A `sources.Process` on a node.

    Attributes:
        number: the process' number on its node.
        kind: the kind of process.
        connection: the channel to the process.
        failure: the reason for its end, once it has ended.
        used: the last known resident memory, in bytes.
    """

    def __init__(self, number: int, kind: Kind, orders: Orders) -> None:
        self.number, self.kind, self._orders = number, kind, orders
        self.connection = Wire(lambda message: orders.tell(number, message))
        self.failure = Failure("WorkerDied", "the process ended", kind=FailureKind.WORKER_DIED)
        self.used = 0

    def kill(self) -> None:
        """Kill the process without waiting for it."""
        self.connection.close()
        self._orders.kill(self.number)

    def death(self) -> Failure:
        """Kill the process and return the reason for its end."""
        self.kill()
        return self.failure

    def dump(self) -> str:
        """Kill the process and return where its training was."""
        return self._orders.dump(self.number)

    def memory(self) -> int:
        """Return the last known resident memory in bytes; the node measures it."""
        return self.used

    def gone(self, failure: Failure) -> None:
        """Record the reason for the process' end; called from the node's thread."""
        self.failure = failure
        self.connection.end()
