"""How much memory a study takes."""

from __future__ import annotations

import time

import psutil

_INTERVAL = 2.0  # seconds; a look takes some milliseconds


class PeakMemory:
    """The most memory that this process and all those below it have held together.

    Attributes:
        bytes: of resident memory; pages that processes share count for each.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._process = psutil.Process()
        self._next = 0.0

    def look(self) -> None:
        """Looks, if it is time again."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _INTERVAL
        processes = [self._process, *self._process.children(recursive=True)]
        self.bytes = max(self.bytes, sum(map(_resident, processes)))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has ended meanwhile
        return 0
