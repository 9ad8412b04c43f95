"""Programs that do not outlive this process, however it ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from searchlab.core import supervisor

_PR_SET_PDEATHSIG = 1


def ends_with_parent(number: int) -> Callable[[], None] | None:
    """Return a `preexec_fn` that signals the child when the thread that started it ends.

    It does not reach the child's own children. Return None on systems without this feature.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # loaded now: a forked process must not load libraries
    return lambda: prctl(_PR_SET_PDEATHSIG, number)


@contextlib.contextmanager
def server(
    command: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
    output: BinaryIO | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in the background; it and its children end with the block or this process.

    Ctrl-C in the terminal reaches only this process.

    Args:
        command: the program and its arguments.
        environment: its environment.
        cwd: its working directory.
        output: a file for all its output; this process's own if None.
    """
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
            [sys.executable, "-I", "-S", supervisor.__file__, str(reading), *command],
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[reading],
            start_new_session=True,
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    try:
        yield process
    finally:
        os.close(writing)
        process.wait()


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt, so that blocks are left as on Ctrl-C."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
