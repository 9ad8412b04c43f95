"""Processes that tests start."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

import psutil

THREADS = {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Settings of all of them: where several test at once, their threads would wait for each other,
spinning."""


def wait_until_gone(processes: Iterable[psutil.Process], seconds: float = math.inf) -> None:
    """Wait until no process runs; one that nobody has reaped yet is gone, too."""
    left, end = list(processes), time.monotonic() + seconds
    while left := [process for process in left if _lives(process)]:
        assert time.monotonic() < end, f"still there after {seconds:g} s: {left}"
        time.sleep(0.05)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
