"""Ctrl-C and SIGTERM: the first leaves the study in good order, the second leaves at once."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import psutil

from searchlab.core.interrupt import Interrupt
from searchlab.private.python import temporary_directory

INTERRUPTED = 130
"""The exit code of an interrupted program."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LONGEST = 9.0  # seconds that leaving in good order may take
_MESSAGE = b"searchlab: stopping at the end of the epoch; once more to leave now\n"


@contextlib.contextmanager
def signals(interrupt: Interrupt) -> Iterator[None]:
    """Sets the interrupt at the first signal; ends this process at the second, or soon after.

    The main thread may be deep in a library that does not return for minutes, where no handler of
    Python's runs. So the signals are also written to a pipe by Python's own C code, and a thread
    that reads them ends the process: the journal is complete at any moment.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        if not interrupt.requested:
            with contextlib.suppress(OSError):  # nobody may be reading any more
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
    """Ends this process and all that it has started, without another word."""
    with contextlib.suppress(OSError):
        if sys.stderr.isatty():
            os.write(2, b"\x1b[?25h\n")  # the live view has hidden the cursor
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
    own = temporary_directory()
    if own is not None:  # it has sockets in it; a process that ends by itself removes it
        shutil.rmtree(own, ignore_errors=True)
    os._exit(INTERRUPTED)


def _watch(seen: int) -> None:
    """Reads signals until the pipe is closed; leaves at the second, or when time is over."""
    first = _next(seen)
    if first and (not select.select([seen], [], [], _LONGEST)[0] or _next(seen)):
        leave_now()
    os.close(seen)


def _next(seen: int) -> int:
    """Waits for one of our signals; 0 once the pipe is closed."""
    while byte := os.read(seen, 1):
        if byte[0] in _SIGNALS:
            return byte[0]
    return 0
