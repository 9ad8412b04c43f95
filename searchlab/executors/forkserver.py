"""A clean process from which workers are forked: it has imported Keras and run nothing."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from searchlab.core.quiet import quiet
from searchlab.core.scratch import Scratch
from searchlab.private.python import (
    fork_server_pid,
    give_temporary_directory,
    hidden_main_module,
    start_fork_server,
    start_resource_tracker,
)

_PRELOAD = "searchlab.executors.preload"
"""The module that imports everything a worker needs."""

_SOCKET = "listener-12345678"
"""A socket's name, as Python makes them."""

_LONGEST = 107 if sys.platform == "linux" else 103
"""Maximum length of a socket's path in bytes."""

_imported: set[int] = set()
"""Process ids of this process's servers that have finished their imports."""

_SHORT = Path("/tmp")  # noqa: S108 - a directory of this user's own is made in it
"""The directory for sockets where the path of the one for temporary files is too long."""

_scratch: list[Scratch] = []
"""Their directory, once there is one."""


class ForkServer:
    """Python's fork server, started without waiting for its imports.

    Attributes:
        temporary: a directory for its sockets and its processes' temporary files.
        context: the context that creates processes; starting one waits until the server is ready.
        lifeline: the reading end of a pipe that breaks when this process ends, or at `close`; for
            processes that must not outlive it.
    """

    def __init__(self) -> None:
        """Start the server, or use the one that this process already has."""
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload([_PRELOAD])
        self.lifeline, self._line = os.pipe()
        self._ready = threading.Event()
        self.temporary = _temporary()
        with quiet(), _without_signals():  # it keeps its standard error; workers have files
            start_fork_server()
        if fork_server_pid() in _imported:
            self._ready.set()
            return
        threading.Thread(target=self._try, name="searchlab-forkserver", daemon=True).start()

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the imports; return whether they are done."""
        return self._ready.wait(timeout)

    def close(self) -> None:
        """Break the lifeline, and kill the server if it is still importing; safe to call twice.

        An importing server would only notice afterwards that it is not needed any more. A server
        that is ready ends by itself with this process.
        """
        if self._line < 0:
            return
        os.close(self._line)
        os.close(self.lifeline)
        self._line, pid = -1, fork_server_pid()
        if not self._ready.is_set() and pid is not None:
            # The thread that waits for its imports may have seen its end before.
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                if hasattr(os, "waitid"):  # while it can be found, no other is started
                    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    def _try(self) -> None:
        """Start a process that does nothing, which succeeds once the imports are done."""
        with contextlib.suppress(OSError, EOFError):  # the first worker will report the problem
            process = self.context.Process(target=_nothing, daemon=True)
            with hidden_main_module():
                process.start()
            process.join()
            pid = fork_server_pid()
            if process.exitcode == 0 and pid is not None:
                _imported.add(pid)
        self._ready.set()


def _temporary() -> Path:
    """Return the directory of this process' servers, which goes away with it."""
    if not _scratch:
        made = Scratch()
        _scratch.append(made)
        atexit.register(made.remove)
        short = len(os.fsencode(made.path / _SOCKET)) <= _LONGEST
        sockets = made if short else Scratch(_SHORT)
        atexit.register(sockets.remove)
        give_temporary_directory(sockets.path)
    return _scratch[0].path


def _nothing() -> None:
    pass


@contextlib.contextmanager
def _without_signals() -> Iterator[None]:
    """Shield processes started inside from Ctrl-C and SIGTERM, which reach a whole group.

    Only the process of the loop acts on them.
    """
    start_resource_tracker()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
