"""The memory that a study takes."""

from __future__ import annotations

import time

import psutil

_INTERVAL = 2.0  # seconds between two measurements, which take milliseconds


class PeakMemory:
    """The peak resident memory of this process and all its descendants together.

    Attributes:
        bytes: the peak so far; pages shared by processes count once for each.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._process = psutil.Process()
        self._next = 0.0

    def look(self) -> None:
        """Measure the memory, unless that was done a moment ago."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _INTERVAL
        processes = [self._process, *self._process.children(recursive=True)]
        self.bytes = max(self.bytes, sum(map(_resident, processes)))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # the process has ended meanwhile
        return 0
