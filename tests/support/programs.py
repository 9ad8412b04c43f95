"""searchlab and MLflow as programs, started without waiting for the imports of their libraries.

A process that has imported them, and has done nothing else, is kept for all tests of this process
and forks the programs: each is a process of its own whose working directory, environment, streams
and exit are its own, as if it had been started with `python -m searchlab`. So is its fork server,
which it would otherwise start with another ten seconds of imports. For how a program behaves while
it imports, or what it imports, there is `run_fresh`.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

_PRELOADED = [
    *("keras", "matplotlib.pyplot", "mlflow.cli", "mlflow.models"),
    *("mlflow.server", "mlflow.store.tracking.sqlalchemy_store"),
    *(
        "optuna",
        "sklearn.datasets",
        "skops.io",
        "searchlab.engine.run",
        "searchlab.tracking.mlflow.tracker",
    ),
    *("searchlab.training.fit", "searchlab.fused.host", "searchlab.cli"),
]
_MESSAGE = 1 << 20  # bytes of a request at most
_STREAMS = 3

CLOCK = "SEARCHLAB_TEST_CLOCK"
"""The variable that names a program's file with the seconds by which its clock is ahead."""


def run(
    directory: Path, *arguments: object, module: str = "searchlab", **environment: str
) -> subprocess.CompletedProcess:
    """Run the program to its end; the result has returncode, stdout and stderr."""
    program = Program(directory, *arguments, module=module, **environment)
    out, err = program.communicate()
    return subprocess.CompletedProcess(arguments, program.returncode, out, err)


def run_code(directory: Path, code: str) -> str:
    """Run code in a process that has imported the libraries and nothing of the user's.

    Returns:
        What it prints.
    """
    done = run(directory, code, module="-c")
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def run_fresh(directory: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the program to its end in a new Python, which imports everything itself."""
    command = [sys.executable, "-m", "searchlab", *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


class Program:
    """A running program, with what `subprocess.Popen` has.

    Attributes:
        pid: of the process, which leads a session of its own.
        stdout: what it prints.
        stderr: what it prints on standard error.
        returncode: as `Popen` has it; None while it runs.
    """

    def __init__(
        self,
        directory: Path,
        *arguments: object,
        module: str = "searchlab",
        silent: bool = False,
        **environment: str,
    ) -> None:
        """Start the program in a directory, with additions to the environment.

        Args:
            directory: the working directory.
            arguments: the program's arguments.
            module: the program, "searchlab" or "mlflow", or "-c" for the code that is the first
                argument, as for Python itself.
            silent: whether its output is thrown away.
            environment: additional variables.
        """
        request = {
            "module": module,
            "arguments": [str(each) for each in arguments],
            "directory": str(directory),
            "environment": {**os.environ, **environment},
        }
        pipes = [*(_nowhere() if silent else os.pipe() for _ in range(2)), os.pipe()]
        self.pid = _forger().fork(request, [writing for _, writing in pipes])
        for _, writing in pipes:
            os.close(writing)
        self.stdout, self.stderr = (os.fdopen(reading) for reading, _ in pipes[:2])
        self._status = pipes[2][0]
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: if it takes longer.
        """
        if (code := self._wait(timeout)) is None:
            raise subprocess.TimeoutExpired("searchlab", timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; what it has printed and nobody has read yet.

        Raises:
            subprocess.TimeoutExpired: if it takes longer.
        """
        found = ["", ""]

        def read(place: int, stream: Any) -> None:
            found[place] = stream.read()

        streams = (self.stdout, self.stderr)
        threads = [threading.Thread(target=read, args=each) for each in enumerate(streams)]
        for thread in threads:
            thread.daemon = True
            thread.start()
        self.wait(timeout)
        for thread in threads:
            thread.join(timeout)
        return found[0], found[1]

    def send_signal(self, number: int) -> None:
        """Send it a signal if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _wait(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            with os.fdopen(self._status) as status:
                self.returncode = int(status.read())
        return self.returncode


def _nowhere() -> tuple[int, int]:
    return os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_WRONLY)


class _Forger:
    """The process that programs are forked from, as seen from the tests."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()]
        )
        theirs.close()
        atexit.register(self._close)

    def fork(self, request: dict, descriptors: list[int]) -> int:
        """Has a program forked with these as its output, errors and status; its process id."""
        socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors)
        return int(self._socket.recv(_MESSAGE))

    def _close(self) -> None:
        self._socket.close()
        self._process.wait(30)


_kept: list[_Forger] = []


def _forger() -> _Forger:
    if not _kept:
        _kept.append(_Forger())
    return _kept[0]


# ---- in the process that forks


def preload(modules: list[str]) -> None:
    """Imports, and nothing else: a process in which TensorFlow has run cannot be forked."""
    gc.disable()  # it would look at a million new objects again and again
    for module in modules:
        importlib.import_module(module)
    gc.enable()
    assert threading.active_count() == 1, "a process with threads cannot be forked"
    gc.freeze()  # so that a collection in what is forked does not copy all of this


def _serve(tests: socket.socket) -> None:
    """Fork a program a request; returns only in one of those, and once the tests are over."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    preload(_PRELOADED)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the parents of programs
    while True:
        message, descriptors, *_ = socket.recv_fds(tests, _MESSAGE, _STREAMS)
        if not message:
            os._exit(0)
        if not os.fork():
            _parent(json.loads(message), descriptors, tests)
            return
        for each in descriptors:
            os.close(each)


def _parent(request: dict, descriptors: list[int], tests: socket.socket) -> None:
    """Fork a program and tell how it ended; returns only in the program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, status = descriptors
    child = os.fork()
    if child:
        tests.send(str(child).encode())
        for each in streams:
            os.close(each)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(status, str(code).encode())
        os._exit(0)
    os.close(status)
    tests.close()
    os.setsid()
    _become(request, streams)


def _become(request: dict, streams: list[int]) -> None:
    """Make this process what it is after `python -m searchlab` or `mlflow` was started."""
    null = os.open(os.devnull, os.O_RDONLY)
    for number, each in enumerate((null, *streams)):
        os.dup2(each, number)
        os.close(each)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", 1, closefd=False)  # noqa: SIM115
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = [request["module"], *request["arguments"]]
    sys.path[0] = request["directory"]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if CLOCK in os.environ:
        _follow_clock(Path(os.environ[CLOCK]))
    if request["module"] == "mlflow":
        _serve_here()
    else:
        _fork_the_fork_server()


def _follow_clock(file: Path) -> None:
    """Set this program's clock by a file, at any time, as somebody may set that of a machine."""
    from searchlab.core import steady

    right = time.time

    def told() -> float:
        return right() + float(file.read_text())

    time.time = told
    steady._OFFSET = told() - time.monotonic()


def _serve_here() -> None:
    """Have `mlflow server` serve in this process, not in a child that imports everything again."""
    from mlflow import server

    def serve(command: list[str], extra_env: dict[str, str], **_: Any) -> None:
        from uvicorn.main import main

        os.environ.update(extra_env)
        main(command[command.index("uvicorn") + 1 :])

    server._exec_cmd = serve


def _fork_the_fork_server() -> None:
    """Has Python's fork server forked in place of started: by a process that waits for that."""
    from multiprocessing import util

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    signals = {signal.SIGINT, signal.SIGTERM}  # as while it is really started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child = os.fork()
    if not child:
        ours.close()
        _wait_to_serve(theirs)
        os._exit(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    start = util.spawnv_passfds

    def spawnv_passfds(path: str, arguments: list[str], descriptors: list[int]) -> int:
        command = arguments[-1]
        if "multiprocessing.forkserver" not in command:
            return start(path, arguments, descriptors)
        request = {"command": command, "wanted": list(descriptors), "environment": {**os.environ}}
        try:
            socket.send_fds(ours, [json.dumps(request).encode()], [0, 1, 2, *descriptors])
        except OSError:  # it has been killed, and this is another one
            return start(path, arguments, descriptors)
        return child

    util.spawnv_passfds = spawnv_passfds


def _wait_to_serve(driver: socket.socket) -> None:
    """Become the fork server when the program starts one; returns if it never does."""
    high = fcntl.fcntl(driver.fileno(), fcntl.F_DUPFD_CLOEXEC, 500)
    driver.close()
    driver = socket.socket(fileno=high)
    message, given, *_ = socket.recv_fds(driver, _MESSAGE, 16)
    driver.close()
    if not message:
        return
    request = json.loads(message)
    os.environ.clear()
    os.environ.update(request["environment"])
    given = [fcntl.fcntl(each, fcntl.F_DUPFD, 500) for each in given]
    for each, number in zip(given, [0, 1, 2, *request["wanted"]], strict=True):
        os.dup2(each, number)
        os.close(each)
    exec(request["command"], {})  # noqa: S102 - what Python would have run in a new process


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
    if sys.argv[0] == "-c":
        exec(sys.argv.pop(1), {"__name__": "__main__"})  # noqa: S102 - a test's own
    else:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
