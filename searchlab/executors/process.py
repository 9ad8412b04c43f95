"""Trainings in supervised worker processes.

Workers come from a fork server that has imported Keras once, so a new one is there in a third of
a second. A fork server is a clean process: TensorFlow has not run in it, which is what makes
forking it safe. Each worker talks to the loop over a pipe of its own; the loop waits for all
pipes and for the workers' ends at once, so a worker that is killed is noticed immediately, costs
only the trial it was at, and is replaced.

A worker also holds the reading end of a lifeline, a pipe that only the process of the loop holds
open. When that process dies, however it dies, the lifeline breaks and the worker ends itself.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from multiprocessing.connection import Connection, wait
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from typing import TYPE_CHECKING

from searchlab.executors.base import Decide
from searchlab.executors.worker import work
from searchlab.training.job import Job
from searchlab.training.quiet import quiet
from searchlab.trial import Failure, Outcome, Report, TrialState

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

_GRACE = 2.0  # seconds that a worker has to end by itself


class ProcessExecutor:
    """Up to `workers` jobs at a time, each in a process of its own."""

    def __init__(self, workers: int, directory: Path) -> None:
        """Starts the fork server in the background; returns at once.

        Args:
            workers: how many trainings run at once.
            directory: the study's directory; what trainings print goes to `workers/` in it.
        """
        self._context = multiprocessing.get_context("forkserver")
        self._lifeline, self._line = os.pipe()
        self._logs = directory / "workers"
        self._size = workers
        self._workers: list[_Worker] = []
        self._queue: deque[Job] = deque()
        _start_server(self._context)

    @property
    def free(self) -> int:
        """Places without a job."""
        busy = sum(worker.job is not None for worker in self._workers)
        return max(0, self._size - busy - len(self._queue))

    @property
    def idle(self) -> bool:
        """Whether no worker has a job and none is queued."""
        return not self._queue and all(worker.job is None for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Hands a job to an idle worker, or queues it."""
        self._queue.append(job)
        self._dispatch()

    def poll(self, decide: Decide, timeout: float) -> list[Outcome]:
        """Waits for reports and ends, and answers the reports."""
        self._dispatch()
        busy = {worker.connection: worker for worker in self._workers if worker.job is not None}
        outcomes: list[Outcome] = []
        for connection in wait(list(busy), timeout):
            outcomes += self._receive(busy[connection], decide)  # type: ignore[index]
        self._dispatch()
        return outcomes

    def close(self) -> None:
        """Ends all workers, running or not."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()
        self._queue.clear()
        if self._line >= 0:
            os.close(self._line)
            os.close(self._lifeline)
            self._line = -1

    def _dispatch(self) -> None:
        while self._queue:
            idle = next((worker for worker in self._workers if worker.job is None), None)
            if idle is None and len(self._workers) < self._size:
                idle = self._new_worker()
            if idle is None:
                return
            job = self._queue.popleft()
            if not idle.start(job):  # it died while idle
                self._workers.remove(idle)
                idle.end()
                self._queue.appendleft(job)

    def _new_worker(self) -> _Worker:
        taken = {worker.index for worker in self._workers}
        index = next(index for index in range(self._size) if index not in taken)
        worker = _Worker(self._context, index, self._size, self._lifeline, self._logs)
        self._workers.append(worker)
        return worker

    def _receive(self, worker: _Worker, decide: Decide) -> list[Outcome]:
        """Everything that a worker has said so far."""
        while worker.job is not None:
            try:
                if not worker.connection.poll():
                    break
                message = worker.connection.recv()
            except (EOFError, OSError):
                return [self._lost(worker)]
            if isinstance(message, Report):
                worker.answer(decide(message))
                continue
            worker.job = None
            return [] if message is None else [message]
        return []

    def _lost(self, worker: _Worker) -> Outcome:
        """The outcome of a job whose worker died."""
        job = worker.job
        assert job is not None  # noqa: S101 - only busy workers are waited for
        self._workers.remove(worker)
        reason = worker.end()
        failure = Failure("WorkerDied", reason, worker.last_words())
        return Outcome(job.trial.number, TrialState.FAIL, error=failure)


class _Worker:
    """One process with the job that it is at."""

    def __init__(
        self,
        context: multiprocessing.context.ForkServerContext,
        index: int,
        workers: int,
        lifeline: int,
        logs: Path,
    ) -> None:
        self.job: Job | None = None
        self.index = index
        self._log = logs / f"worker-{index}.log"
        logs.mkdir(parents=True, exist_ok=True)
        self.connection, theirs = context.Pipe()
        # A Connection is what multiprocessing can pass to a process of a fork server.
        line = Connection(os.dup(lifeline), writable=False)
        self.process: ForkServerProcess = context.Process(
            target=work,
            args=(theirs, line, self._log, workers),
            name=f"searchlab-worker-{index}",
            daemon=True,
        )
        self.process.start()
        theirs.close()
        line.close()

    def start(self, job: Job) -> bool:
        """Sends a job; False if the worker is not there any more."""
        try:
            self.connection.send(job)
        except OSError:
            return False
        self.job = job
        return True

    def answer(self, decision: object) -> None:
        """Answers a report; a worker that is gone is noticed at the next receive."""
        try:
            self.connection.send(decision)
        except OSError:
            return

    def end(self) -> str:
        """Ends the process if it has not ended, and says in words how it ended."""
        self.connection.close()
        self.process.join(0.1 if self.job is None else 0)
        if self.process.exitcode is None:
            self.process.terminate()
            self.process.join(_GRACE)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        if code < 0:
            return f"the worker process was killed by {signal.Signals(-code).name}"
        return f"the worker process ended with exit code {code}"

    def last_words(self) -> str:
        """The end of what the worker printed."""
        try:
            return self._log.read_text(errors="replace")[-4000:]
        except OSError:
            return ""


def _start_server(context: multiprocessing.context.ForkServerContext) -> None:
    """Starts the fork server, which imports Keras while the loop does other things."""
    context.set_forkserver_preload(["keras", "searchlab.training.fit"])
    with quiet():  # it keeps its standard error, and workers have files of their own
        ensure_running()
