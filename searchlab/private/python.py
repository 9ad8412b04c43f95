"""Private parts of Python's standard library: multiprocessing, tempfile and faulthandler."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_hiding = threading.Lock()
_hidden: list[ModuleType] = []
"""The main module as often as it is hidden at present."""


def start_fork_server() -> None:
    """Start this process' fork server, if there is none.

    Touches: `multiprocessing.forkserver.ensure_running`, seen in Python 3.11.
    Public: the server is started by the first process that is made, which waits for its imports.
    Without it: nothing is imported while a study is prepared.
    """
    from multiprocessing.forkserver import ensure_running

    ensure_running()


def fork_server_pid() -> int | None:
    """Return the process id of this process' fork server; None if there is none.

    Touches: `multiprocessing.forkserver._forkserver._forkserver_pid`, seen in Python 3.11.
    Public: nothing tells it.
    Without it: an interrupted program leaves a server that goes on importing for seconds.
    """
    from multiprocessing import forkserver

    return getattr(forkserver._forkserver, "_forkserver_pid", None)


def start_resource_tracker() -> None:
    """Start the process that cleans up after multiprocessing, if there is none.

    Starting it unblocks Ctrl-C and SIGTERM, so it has to be there before they are blocked.

    Touches: `multiprocessing.resource_tracker.ensure_running`, seen in Python 3.11.
    Public: it is started with the fork server.
    Without it: the fork server hears Ctrl-C and dies of it.
    """
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()


def reading_end(descriptor: int) -> Connection:
    """Return the reading end of a pipe as something that a process of a fork server can be given.

    Touches: the constructor of `multiprocessing.connection.Connection`, seen in Python 3.11.
    Public: only `Pipe()` makes one, with another end that every process would hold open.
    Without it: a worker cannot notice that the process of the loop has died.

    Args:
        descriptor: of the pipe; the connection closes it.
    """
    from multiprocessing.connection import Connection

    return Connection(descriptor, writable=False)


def use_temporary_directory(path: Path) -> None:
    """Have this process' temporary files in a directory.

    Touches: `tempfile.tempdir`, which Python documents, and advises against, seen in Python 3.11.
    Public: `TMPDIR` counts only until a process, or the one that it was forked from, looks first.
    Without it: what TensorFlow and a user's code write stays behind when a worker is killed.
    """
    tempfile.tempdir = str(path)


def give_temporary_directory(path: Path) -> None:
    """Have multiprocessing put this process' sockets into a directory, unless it has made one.

    Touches: `multiprocessing.current_process()._config`, seen in Python 3.11.
    Public: it makes a directory that only a process that ends by itself removes.
    Without it: a process that is killed leaves one.
    """
    process = multiprocessing.current_process()
    process._config.setdefault("tempdir", str(path))  # type: ignore[attr-defined]


@contextlib.contextmanager
def hidden_main_module() -> Iterator[None]:
    """Keep processes that are started in the block from importing this program's main module.

    Several threads may be in such a block at a time.

    Touches: `sys.modules["__main__"]`, where multiprocessing looks for that module, seen in Python
        3.11.
    Public: every child imports it.
    Without it: a script that runs a study and has no `if __name__ == "__main__"` runs again in each
        worker, and the children of a Ray actor import Ray's own program.
    """
    with _hiding:
        _hidden.append(_hidden[0] if _hidden else sys.modules["__main__"])
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        with _hiding:
            main = _hidden.pop()
            if not _hidden:
                sys.modules["__main__"] = main


def without_module_list(text: str) -> str:
    """Cut off the list of C modules that faulthandler writes after the place of a crash.

    Touches: the words "Extension modules: " of that text, seen in Python 3.11.
    Public: faulthandler cannot be told to leave them out.
    Without it: the last words of a worker that crashed are names of modules.
    """
    return text.partition("\nExtension modules: ")[0]
