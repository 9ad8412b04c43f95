"""Trainings in supervised worker processes.

Workers come from a fork server that has imported Keras once, so that a new one takes a third of a
second. A fork server is a clean process: TensorFlow has not run in it, which makes forking safe.
Each worker talks to the loop over a pipe of its own; the loop waits for all pipes and for the
workers' ends at once, so that a killed worker is noticed immediately, costs only its current
trial, and is replaced. A worker that exceeds `training.limits` is killed.

A worker also holds the reading end of a lifeline, a pipe that only the process of the loop keeps
open. When that process dies for any reason, the lifeline breaks and the worker exits.
"""

from __future__ import annotations

from collections import deque
from itertools import count
from pathlib import Path
from typing import ClassVar

from searchlab.core.trial import Failure, Report
from searchlab.executors.base import Decide
from searchlab.executors.sources import Channel, Forked, Source, wait
from searchlab.executors.supervised import Worker
from searchlab.executors.worker import READY, share
from searchlab.journal.layout import StudyLayout
from searchlab.training.job import Job, Result

_LOOK = 0.2  # seconds between two checks of the limits
_AT_ONCE = 100  # messages taken from one worker before the others get their turn


class ProcessExecutor:
    """Up to `workers` jobs at a time, each in a process of its own."""

    enforces_limits: ClassVar = True
    counts_resources: ClassVar = False

    def __init__(self, workers: int, directory: Path, source: Source | None = None) -> None:
        """Start the fork server in the background without waiting for it.

        Args:
            workers: number of trainings at once.
            directory: the study's directory; trainings' output goes to its `workers/`.
            source: the source of workers; the fork server if None.
        """
        threads = share(workers) if workers > 1 else None
        self._source = source or Forked("worker", workers, StudyLayout(directory).workers, threads)
        self._workers: list[Worker] = []
        self._queue: deque[Job] = deque()

    @property
    def free(self) -> int:
        """Number of slots without a job."""
        busy = sum(worker.job is not None for worker in self._workers)
        return max(0, self._source.size - busy - len(self._queue))

    @property
    def idle(self) -> bool:
        """Whether no worker has a job and none is queued."""
        return not self._queue and all(worker.job is None for worker in self._workers)

    @property
    def connections(self) -> list[Channel]:
        """The channels that become readable when `poll` has work, apart from limits."""
        return [worker.process.connection for worker in self._workers if worker.job is not None]

    def submit(self, job: Job) -> None:
        """Pass a job to an idle worker, or queue it."""
        self._queue.append(job)
        self._dispatch()

    def poll(self, decide: Decide, timeout: float) -> list[Result]:
        """Wait for reports and results, answer the reports, and enforce the limits."""
        self._dispatch()
        busy = {each.process.connection: each for each in self._workers if each.job is not None}
        if self._queue and not busy:
            self._source.ready(timeout)
        results: list[Result] = []
        for connection in wait(busy, min(timeout, _LOOK)):
            results += self._receive(busy[connection], decide)
        for worker in list(self._workers):
            if failure := worker.breach():
                results.append(self._kill(worker, failure))
        self._dispatch()
        return results

    def cancel(self, number: int) -> None:
        """Kill the worker that runs a job, or remove the job from the queue."""
        self._queue = deque(job for job in self._queue if job.number != number)
        for worker in list(self._workers):
            if worker.job is not None and worker.job.number == number:
                self._workers.remove(worker)
                worker.process.kill()

    def close(self) -> None:
        """Kill all workers, busy or idle."""
        for worker in self._workers:
            worker.process.kill()
        self._workers.clear()
        self._queue.clear()
        self._source.close()

    def _dispatch(self) -> None:
        while self._queue:
            idle = next((worker for worker in self._workers if worker.job is None), None)
            if idle is None and len(self._workers) < self._source.size and self._source.ready(0):
                idle = self._new_worker()
            if idle is None:
                return
            job = self._queue.popleft()
            if not idle.start(job):  # it died while idle
                self._workers.remove(idle)
                idle.process.kill()
                self._queue.appendleft(job)

    def _new_worker(self) -> Worker:
        taken = {worker.index for worker in self._workers}
        index = next(index for index in count() if index not in taken)
        worker = Worker(self._source.start(index), index)
        self._workers.append(worker)
        return worker

    def _receive(self, worker: Worker, decide: Decide) -> list[Result]:
        """Process a worker's messages so far."""
        for _ in range(_AT_ONCE):
            try:
                if not worker.process.connection.poll():
                    break
                message = worker.process.connection.recv()
            except (EOFError, OSError):
                return [self._lost(worker)]
            if isinstance(message, Report):
                worker.answer(decide(message))
            elif message == READY:
                worker.began()
            else:
                self._release(worker)
                return [] if message is None else [message]
        return []

    def _release(self, worker: Worker) -> None:
        """Make a worker idle, or kill it if it is worn; a new one costs little."""
        worker.job = None
        if worker.worn:
            self._workers.remove(worker)
            worker.process.kill()

    def _lost(self, worker: Worker) -> Result:
        """Return the result of a job whose worker died."""
        self._workers.remove(worker)
        return worker.died()

    def _kill(self, worker: Worker, failure: Failure) -> Result:
        """Kill a worker and return the result of its job, which exceeded its limits."""
        self._workers.remove(worker)
        return worker.killed(failure)
