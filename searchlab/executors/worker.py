"""The code of a worker process: jobs from a pipe, one after another or fused with others."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

from searchlab.core.logs import cap, open_log
from searchlab.core.trial import Decision, Report
from searchlab.fused.kept import keep_compiled
from searchlab.private.python import use_temporary_directory
from searchlab.training.job import Job, waits

_LOOK = 0.5  # seconds between two looks at the size of the log

READY = "ready"
"""A worker's first message, sent when it has started up."""


Serve = Callable[[Connection, int | None], None]
"""A process's main function, given its pipe and number of threads: `work` or `host`."""


def enter(
    serve: Serve,
    connection: Connection,
    lifeline: Connection,
    log: Path,
    temporary: Path,
    threads: int | None,
    devices: str | None,
) -> None:
    """Run a process from its start to its end.

    Args:
        serve: its main function.
        connection: its pipe.
        lifeline: a pipe that breaks when the process of the loop dies.
        log: the file for all output of trainings.
        temporary: the directory for its temporary files, which it cannot remove when it is killed.
        threads: its number of threads, or None for TensorFlow's own choice.
        devices: the GPUs visible to it, in the form of `CUDA_VISIBLE_DEVICES`; all if None.
    """
    _set_up(lifeline, log)
    use_temporary_directory(temporary)
    if serve is host:
        keep_compiled(threads or cores())
    _share_machine(threads, devices)
    serve(connection, threads)


def work(connection: Connection, threads: int | None) -> None:  # noqa: ARG001 - as a `Serve`
    """Run jobs until the pipe is closed.

    Args:
        connection: receives jobs; sends READY, reports and results (None for an abandoned job);
            receives a decision for each report.
        threads: TensorFlow's number of threads, which is already set.
    """
    from searchlab.training.fit import run

    connection.send(READY)
    while True:
        try:
            job: Job = connection.recv()
        except (EOFError, OSError):
            return
        conversation = _Conversation(connection, job)
        outcome = run(job, conversation.emit)
        conversation.settle()
        connection.send(outcome)


def host(connection: Connection, threads: int | None) -> None:
    """Run fused trainings until the pipe is closed.

    Args:
        connection: receives `fused.messages.ToHost` and sends `fused.messages.FromHost`.
        threads: number of epochs run at once; one per core if None.
    """
    from searchlab.fused.host import serve

    serve(connection, threads or cores())


class _Conversation:
    """One job's reports and their decisions.

    Every report is answered. A job that is not synchronous continues without waiting and takes the
    answers as they come; the first that is not CONTINUE counts.
    """

    def __init__(self, connection: Connection, job: Job) -> None:
        self._connection = connection
        self._wait = waits(job)
        self._open = 0

    def emit(self, report: Report) -> Decision:
        """Send a report and return the decision known so far."""
        self._connection.send(report)
        self._open += 1
        decision = Decision.CONTINUE
        while (
            decision is Decision.CONTINUE and self._open and (self._wait or self._connection.poll())
        ):
            decision = self._receive()
        return decision

    def settle(self) -> None:
        """Receive all pending answers, so that the next job finds none."""
        while self._open:
            self._receive()

    def _receive(self) -> Decision:
        decision: Decision = self._connection.recv()
        self._open -= 1
        return decision


def _set_up(lifeline: Connection, log: Path) -> None:
    """Set up a process for trainings before anything else runs in it."""
    _leave_signals_to_the_loop()
    output = _print_to(log)
    threading.Thread(target=_end_with, args=(lifeline, output), daemon=True).start()


def _leave_signals_to_the_loop() -> None:
    """Ignore Ctrl-C and SIGTERM, which reach a whole group of processes.

    Processes that a training starts receive them as usual: unlike SIG_IGN, a handler ends with
    exec, and it is removed after a fork.
    """
    ours = (signal.SIGINT, signal.SIGTERM)

    def nothing(_number: int, _frame: FrameType | None) -> None:
        return

    def take_back() -> None:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)

    for number in ours:
        signal.signal(number, nothing)
    os.register_at_fork(after_in_child=take_back)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ours)  # the fork server blocks them


def _end_with(lifeline: Connection, output: int) -> None:
    """Exit at once when the lifeline breaks, whatever the training is doing; keep the log small."""
    try:
        while not lifeline.poll(_LOOK):
            cap(output)
        lifeline.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


def _print_to(log: Path) -> int:
    """Redirect all output to its log; return a descriptor of it."""
    sys.stdout.flush()
    sys.stderr.flush()
    file = open_log(log)
    os.dup2(file, 1)
    os.dup2(file, 2)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)  # dumps the stack before the process is killed
    return file


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share(workers: int) -> int:
    """Return one worker's share of the machine, in cores."""
    return max(1, cores() // workers)


def _share_machine(threads: int | None, devices: str | None) -> None:
    """Limit TensorFlow to `threads` unless None, and let workers share a GPU's memory."""
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices  # read when GPUs are first listed
    import tensorflow as tf

    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
