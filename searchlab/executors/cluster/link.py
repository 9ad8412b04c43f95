"""The loop's end of a process on a node."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any, Protocol

from searchlab.core.trial import Failure
from searchlab.executors.sources import Kind


class Orders(Protocol):
    """What can be asked of the node with the process, by the process' number."""

    def tell(self, number: int, message: Any) -> None:
        """Passes a message on."""

    def kill(self, number: int) -> None:
        """Ends it."""

    def dump(self, number: int) -> str:
        """Ends it; where its training was."""


class Wire:
    """A `sources.Channel`: what is sent goes to the node; what comes from there is in a pipe."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        self._ours, self._theirs = Pipe()
        self._send = send
        self._feeding = threading.Lock()

    def fileno(self) -> int:
        """The pipe's."""
        return self._ours.fileno()

    def poll(self) -> bool:
        """Whether something has come, or nothing more can."""
        return self._ours.poll()

    def recv(self) -> Any:
        """The next message."""
        return self._ours.recv()

    def send(self, obj: Any, /) -> None:
        """Sends a message, without waiting."""
        if self._ours.closed or self._theirs.closed:
            raise BrokenPipeError
        self._send(obj)

    def close(self) -> None:
        """Ends the conversation, from the loop's side."""
        self._ours.close()
        self.end()

    def feed(self, message: Any) -> None:
        """Lets the loop receive a message; waits if it is behind. In the node's thread."""
        with self._feeding, suppress(OSError):  # the loop does not listen any more
            self._theirs.send(message)

    def end(self) -> None:
        """Lets the loop hear that the process is gone, after all that was fed."""
        with self._feeding:
            self._theirs.close()


class Link:
    """A `sources.Process` on a node.

    Attributes:
        number: of the process, on its node.
        kind: its kind.
        connection: what it is talked to over.
        failure: why it is gone, once it is.
        used: the resident memory that was seen last, in bytes.
    """

    def __init__(self, number: int, kind: Kind, orders: Orders) -> None:
        self.number, self.kind, self._orders = number, kind, orders
        self.connection = Wire(lambda message: orders.tell(number, message))
        self.failure = Failure("WorkerDied", "the process ended")
        self.used = 0

    def kill(self) -> None:
        """Has it ended at once; does not wait for that."""
        self.connection.close()
        self._orders.kill(self.number)

    def death(self) -> Failure:
        """Why it is gone."""
        self.kill()
        return self.failure

    def dump(self) -> str:
        """Has it ended; where its training was."""
        return self._orders.dump(self.number)

    def memory(self) -> int:
        """What was seen last; it is looked at on the node."""
        return self.used

    def gone(self, failure: Failure) -> None:
        """Notes that it is gone. In the node's thread."""
        self.failure = failure
        self.connection.end()
