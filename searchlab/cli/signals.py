"""Ctrl-C and SIGTERM: the first stops the study cleanly, the second ends the program at once."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import psutil

from searchlab.core.interrupt import Interrupt
from searchlab.core.scratch import remove_all

INTERRUPTED = 130
"""The exit code of an interrupted program."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LONGEST = 9.0  # seconds that a clean stop may take
_MESSAGE = b"searchlab: stopping at the end of the epoch; once more to leave now\n"


@contextlib.contextmanager
def signals(interrupt: Interrupt) -> Iterator[None]:
    """Set the interrupt at the first signal; end this process at the second, or some seconds later.

    The main thread may be in a library call that takes minutes, where no Python handler runs. So
    Python's C code also writes the signals to a pipe, and a thread that reads them ends the
    process, as the journal is complete at any moment.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        if not interrupt.requested:
            with contextlib.suppress(OSError):  # the reader may have gone
                os.write(2, _MESSAGE)
            interrupt.request()

    seen, told = os.pipe()
    os.set_blocking(told, False)
    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    fd = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(seen,), name="searchlab-signals", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(fd)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(told)


def leave_now() -> None:
    """End this process and all its descendants at once."""
    with contextlib.suppress(OSError):
        if sys.stderr.isatty():
            os.write(2, b"\x1b[?25h\n")  # the live view has hidden the cursor
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
    remove_all()
    os._exit(INTERRUPTED)


def _watch(seen: int) -> None:
    """Read signals until the pipe is closed; leave at the second, or when the time is over."""
    first = _next(seen)
    if first and (not select.select([seen], [], [], _LONGEST)[0] or _next(seen)):
        leave_now()
    os.close(seen)


def _next(seen: int) -> int:
    """Wait for one of the signals; return 0 once the pipe is closed."""
    while byte := os.read(seen, 1):
        if byte[0] in _SIGNALS:
            return byte[0]
    return 0
