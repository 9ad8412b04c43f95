"""Workers of a cluster whose trainings are simulated: they take their time, and no processor.

To the driver they are the processes on a cluster's nodes: it is told through the same links what
hosts of fused programs say. Each trains one epoch at a time, of the training that is furthest
behind, as a host with one lane and one slot does. What a trained model would leave is sent, too.
"""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from searchlab.core.trial import Report, Trial
from searchlab.executors.cluster.link import Link
from searchlab.executors.cluster.transfer import unpack_made
from searchlab.fused.messages import (
    Began,
    Building,
    Built,
    Decided,
    Drop,
    Ended,
    Epoch,
    Submit,
)
from searchlab.journal.layout import StudyLayout
from searchlab.training.job import TrialJob
from searchlab.training.outcome import Fitted, complete

Metrics = Callable[[Trial, int], dict[str, float]]
"""The value of an epoch of a trial."""

_WEIGHTS = np.zeros(20_000, np.uint8)  # as many bytes as a network of 2 x 40 neurons has
_DIGEST = sha256(_WEIGHTS.tobytes()).hexdigest()


@dataclass(frozen=True)
class Trainings:
    """The shape of trainings.

    Attributes:
        seconds: that an epoch takes.
        epochs: after how many early stopping ends a trial.
        metrics: what an epoch of it comes to.
    """

    seconds: float
    epochs: Callable[[Trial], int]
    metrics: Metrics


@dataclass(eq=False)
class _Training:
    """A job at a worker; `decided` counts the reports that have been answered."""

    id: int
    job: TrialJob
    epochs: int
    done: int = 0
    decided: int = 0

    @property
    def ready(self) -> bool:
        return self.decided == self.done or not self.job.synchronous

    @property
    def place(self) -> tuple[int, int]:
        """The one with the smallest is furthest behind."""
        return self.job.start + self.done, self.id


@dataclass(eq=False)
class _Worker:
    """A worker with its trainings; one of them is in the middle of an epoch, unless it is idle."""

    link: Link
    trainings: dict[int, _Training] = field(default_factory=dict)
    busy: bool = False


class Workers:
    """A `sources.Source` of so many workers. One thread, the clock, says what they say.

    Attributes:
        size: how many there are.
        late: the most seconds that the clock was behind the time.
        processor: seconds of the processor that the clock has taken; there once it is closed.
    """

    def __init__(self, size: int, trainings: Trainings) -> None:
        self.size, self._trainings = size, trainings
        self.late = self.processor = 0.0
        self._numbers = count()
        self._workers: dict[int, _Worker] = {}
        self._due: list[tuple[float, int, _Worker, _Training]] = []
        self._ties = count()
        self._told: queue.SimpleQueue[tuple[float, int, Any] | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="simulated-workers", daemon=True)
        self._thread.start()

    # ---- a source

    def ready(self, timeout: float) -> bool:
        """True: they are there."""
        return True

    def start(self, index: int) -> Link:
        """The driver's end of a new worker.

        Raises:
            RuntimeError: if the clock has failed, so that no worker would say anything.
        """
        link = Link(next(self._numbers), "host", self)
        self._workers[link.number] = _Worker(link)
        if self._error is not None:
            raise RuntimeError(f"the simulated workers failed: {self._error!r}") from self._error
        return link

    def close(self) -> None:
        """End the clock."""
        if self._thread.is_alive():
            self._told.put(None)
            self._thread.join()

    # ---- orders to the nodes, which do not wait

    def tell(self, number: int, message: Any) -> None:
        """Note what a worker is told, and when."""
        self._told.put((time.monotonic(), number, message))

    def kill(self, number: int) -> None:
        """End a worker: it says nothing more."""
        self._workers.pop(number, None)

    def dump(self, number: int) -> str:
        """Nothing: no worker has a process."""
        return ""

    # ---- the clock

    def _run(self) -> None:
        try:
            self._tick()
        except BaseException as error:  # told by `start`, as the driver replaces those that end
            self._error = error
            for worker in list(self._workers.values()):
                worker.link.gone(worker.link.failure)

    def _tick(self) -> None:
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            try:
                told = self._told.get(timeout=wait)
            except queue.Empty:
                self._end_epoch()
                continue
            if told is None:
                self.processor = time.thread_time()
                return
            self._hear(*told)

    def _hear(self, now: float, number: int, message: Any) -> None:
        worker = self._workers.get(number)
        if worker is None:
            return
        match message:
            case Submit(key, job):
                for said in (Building(key), Built(key), Began(key)):
                    worker.link.connection.feed(said)
                worker.trainings[key] = _Training(key, job, self._trainings.epochs(job.trial))
            case Decided(key, reports) if key in worker.trainings:
                worker.trainings[key].decided = reports
            case Drop(key):
                worker.trainings.pop(key, None)
        self._begin_epoch(worker, now)

    def _begin_epoch(self, worker: _Worker, now: float) -> None:
        ready = [each for each in worker.trainings.values() if each.ready]
        if worker.busy or not ready:
            return
        worker.busy = True
        training = min(ready, key=lambda each: each.place)
        due = now + self._trainings.seconds
        heapq.heappush(self._due, (due, next(self._ties), worker, training))

    def _end_epoch(self) -> None:
        now, _, worker, training = heapq.heappop(self._due)
        self.late = max(self.late, time.monotonic() - now)
        worker.busy = False
        if training.id in worker.trainings and worker.link.number in self._workers:
            self._say(worker, training)
        self._begin_epoch(worker, now)  # as late as the clock is, the worker is not

    def _say(self, worker: _Worker, training: _Training) -> None:
        """Report an epoch, and end the trial after its last one."""
        job, trial = training.job, training.job.trial
        training.done += 1
        metrics = self._trainings.metrics(trial, training.done)
        last = training.done == training.epochs
        if last and job.keep:  # before anything is said, after which it may be taken away
            kept = StudyLayout(Path()).checkpoint(trial.number, 0).as_posix()
            unpack_made({kept: _WEIGHTS}, job.directory)
        report = Report(trial.number, 0, training.done, metrics)
        worker.link.connection.feed(Epoch(training.id, report, last))
        if last:
            folds = job.spec.evaluation.trainings  # which come out alike
            fitted, kept = [Fitted(metrics, training.done)] * folds, [_DIGEST] if job.keep else []
            outcome = complete(job, fitted, kept)
            worker.link.connection.feed(Ended(training.id, outcome))
            del worker.trainings[training.id]
