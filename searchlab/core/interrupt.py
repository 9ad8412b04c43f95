"""Interrupt a running study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Interrupt:
    """A request to leave a study so that it can be resumed, made by Ctrl-C or SIGTERM.

    Attributes:
        requested: whether it has been made.
    """

    def __init__(self) -> None:
        self.requested = False
        self._at_once = False

    def request(self) -> None:
        """Make the request; a signal handler calls this in the main thread.

        Raises:
            KeyboardInterrupt: inside an `at_once` block.
        """
        self.requested = True
        if self._at_once:
            raise KeyboardInterrupt

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """End the block wherever it is when the request comes, as it has nothing to record.

        Raises:
            KeyboardInterrupt: if the request comes before the end of the block.
        """
        self._at_once = True
        try:
            if self.requested:
                raise KeyboardInterrupt
            yield
        finally:
            self._at_once = False
        if self.requested:
            raise KeyboardInterrupt
