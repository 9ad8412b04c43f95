"""Leaving a study before its end: asked for from outside, acted on by those who run it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Interrupt:
    """Set from outside (Ctrl-C, SIGTERM) to make the loop leave the study, to be resumed.

    Attributes:
        requested: whether it has been set.
    """

    def __init__(self) -> None:
        self.requested = False
        self._at_once = False

    def request(self) -> None:
        """Sets it. Called by a signal handler, in the main thread.

        Raises:
            KeyboardInterrupt: where there is nothing to record and so no need to wait.
        """
        self.requested = True
        if self._at_once:
            raise KeyboardInterrupt

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What runs inside ends where it is when the interrupt is set.

        Raises:
            KeyboardInterrupt: if the interrupt is set before the end.
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
