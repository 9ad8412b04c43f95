"""A process's fused programs: many trials at once, with one epoch of some of them at a time.

The thread that calls `serve` builds models one after another, because factories draw from
generators that all threads share. Lanes, one per core, do the rest: a free lane takes the program
whose trainings are furthest behind, puts as many of its ready trainings as possible into the slots,
and runs one epoch. A training that ends thus frees its slot at once, and the next one joins at the
next epoch. A training's result does not depend on its slot or on the trainings beside it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import traceback
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from searchlab.data.prepared import PreparedData, open_data
from searchlab.errors import StorageError
from searchlab.fused.check import Check
from searchlab.fused.fold import Fold
from searchlab.fused.left import Left
from searchlab.fused.messages import (
    Began,
    Building,
    Built,
    Decided,
    Declined,
    Drop,
    Ended,
    FromHost,
    Submit,
    ToHost,
    Worn,
)
from searchlab.fused.program import Program
from searchlab.fused.programs import BUILDING, Programs
from searchlab.fused.task import Run, Training, prepare_run
from searchlab.fused.tensors import Tensors
from searchlab.private.keras import reset_names
from searchlab.training.callbacks import as_unseen
from searchlab.training.check import check_model
from searchlab.training.checkpoint import Checkpoint, force_checkpoints
from searchlab.training.job import BaselineJob, Checked, CheckJob, Job, TrialJob
from searchlab.training.outcome import failed

_LIFETIME = 64
"""Programs that a process compiles before it asks for a replacement: XLA keeps all of them, at 20
to 40 MB each."""

Say = Callable[[FromHost], None]
"""A function that sends a message to the executor, from any thread."""

_Task = Callable[[], None]
_Pair = tuple[Run, Fold]


def serve(connection: Connection, lanes: int) -> None:
    """Run submissions from a connection until it is closed; never return.

    Args:
        connection: receives `messages.ToHost` and sends `messages.FromHost`.
        lanes: number of epochs run at once.
    """
    outgoing: queue.Queue[FromHost] = queue.Queue()
    threading.Thread(target=_send, args=(connection, outgoing), daemon=True).start()

    def say(message: FromHost) -> None:
        outgoing.put(message)
        if isinstance(message, Building | Built):  # else another job would be blamed for a death
            outgoing.join()

    host = Host(lanes, say)
    while True:
        if not host.pending or connection.poll():
            try:
                host.receive(connection.recv())
            except (EOFError, OSError):
                os._exit(0)  # lanes are in the middle of epochs
        else:
            host.build()


class Host:
    """Submissions, programs, and the lanes that run them.

    Attributes:
        pending: submissions whose models are not built yet.
    """

    def __init__(self, lanes: int, say: Say) -> None:
        """Start the lanes.

        Args:
            lanes: number of lanes.
            say: sends a message to the executor.
        """
        self.pending: deque[Submit] = deque()
        self._say = say
        self._studies: dict[tuple[Path, int], tuple[PreparedData, Programs | None]] = {}
        self._left = Left()
        self._checks: dict[int, Check] = {}
        self._saved: queue.Queue[tuple[Run, Ended]] = queue.Queue()
        threading.Thread(target=self._force, name="searchlab-saved", daemon=True).start()
        self._changed = threading.Condition()  # guards all attributes below
        self._runs: dict[int, Run] = {}
        self._making: set[Hashable] = set()
        self._worn = False
        for number in range(lanes):
            name = f"searchlab-lane-{number}"
            threading.Thread(target=self._lane, name=name, daemon=True).start()

    def receive(self, message: ToHost) -> None:
        """Process a message; a submission is queued for `build`."""
        match message:
            case Submit():
                self.pending.append(message)
            case Decided(number, reports):
                with self._changed:
                    if number in self._runs:
                        self._runs[number].decided = reports
                        self._changed.notify_all()
            case Drop(number):
                self.pending = deque(each for each in self.pending if each.id != number)
                with self._changed:
                    if number in self._runs:
                        self._runs.pop(number).dropped = True

    def build(self) -> None:
        """Build the model of the next submission and pass it to the lanes."""
        submit = self.pending.popleft()
        self._say(Building(submit.id))
        try:
            run = self._built(submit)
        except BaseException as error:  # sys.exit in a factory must not end the process
            self._say(Ended(submit.id, failed(submit.job, error)))
            return
        self._say(Built(submit.id))
        if isinstance(run, str):
            self._decline(submit, run)
            return
        with self._changed:
            self._runs[submit.id] = run
            self._place()
            self._changed.notify_all()

    def _built(self, submit: Submit) -> Run | str:
        job = submit.job
        data, programs = self._study(job)
        if isinstance(job, BaselineJob):
            return "it has no epochs"
        with BUILDING, self._left.watched(job):
            if isinstance(job, CheckJob):
                reset_names()  # as in a new process
                check_model(job, data)
            if programs is None:
                return data.summary.unfused or ""
            if isinstance(job, CheckJob):
                self._checks[submit.id] = Check(submit, job, data, programs)
                run = self._checks[submit.id].first()
            else:
                run = prepare_run(submit, job, data, programs)
        return run if isinstance(run, str) else self._left.reason or run

    def _study(self, job: Job) -> tuple[PreparedData, Programs | None]:
        """Return a job's data and programs; there are none for data that no program takes."""
        spec = job.spec.first if isinstance(job, CheckJob) else job.spec
        key = (job.data, spec.training.batch_size)
        if key not in self._studies:
            same = (each for (place, _), each in self._studies.items() if place == job.data)
            data, others = next(same, None) or (open_data(job.data), None)
            programs = None
            if data.summary.unfused is None:
                tensors = Tensors.of(data) if others is None else others.data
                programs = Programs(tensors, key[1], len(data.folds), self._left)
            self._studies[key] = data, programs
        return self._studies[key]

    def _decline(self, submit: Submit, reason: str) -> None:
        if isinstance(submit.job, CheckJob):
            self._say(Ended(submit.id, Checked(submit.job.number, reason)))
        else:
            self._say(Declined(submit.id, reason))

    # ---- lanes

    def _lane(self) -> None:
        while True:
            with self._changed:
                while (task := self._pick()) is None:
                    self._changed.wait()
            try:
                task()
            except BaseException:  # otherwise whatever depends on this task would wait forever
                traceback.print_exc()
                os._exit(1)

    def _pick(self) -> _Task | None:
        """Return the most urgent task: the one whose training is furthest behind."""
        waiting: list[tuple[int, int, _Task, Hashable]] = []
        ready: defaultdict[Hashable, list[tuple[int, int, int, _Pair]]] = defaultdict(list)
        for run in self._runs.values():
            if not run.folds:
                missing = run.missing()
                if missing is not None and missing[1] not in self._making:
                    make = partial(self._make, run, *missing)
                    waiting.append((run.job.start, run.submit.id, make, missing[1]))
                continue
            for fold in run.ready():
                entry = (run.time(fold), run.submit.id, fold.number, (run, fold))
                ready[id(fold.program), fold.steps].append(entry)
        first = min(waiting, key=lambda each: each[:2], default=None)
        batch = min(ready.values(), key=lambda each: min(each)[:3], default=None)
        if first is not None and (batch is None or first[0] <= min(batch)[0]):
            self._making.add(first[3])
            return first[2]
        if batch is None:
            return None
        program = batch[0][3][1].program
        pairs = [each[3] for each in sorted(batch, key=lambda each: each[:3])[: program.slots]]
        for _, fold in pairs:
            fold.running = True
        return partial(self._advance, program, pairs)

    def _make(self, run: Run, training: Training, key: Hashable) -> None:
        made = run.programs.make(training.structure, len(training.rows.fit), training.model)
        other: Run | str = ""
        if isinstance(made, str) and (check := self._checks.get(run.submit.id)) is not None:
            check.refuse(made)
            if check.goes_on:
                with BUILDING, self._left.watched(run.submit.job):
                    other = check.following()
        with self._changed:
            self._making.discard(key)
            if isinstance(other, Run):
                run.trainings = other.trainings
            self._place()
            if run.programs.made > _LIFETIME and not self._worn:
                self._worn = True
                self._say(Worn())
            self._changed.notify_all()

    def _place(self) -> None:
        """Assign programs to the runs whose programs are now compiled."""
        for number, run in list(self._runs.items()):
            if run.folds or run.missing() is not None:
                continue
            found = [
                run.programs.find(each.structure, len(each.rows.fit)) for each in run.trainings
            ]
            reasons = [each for each in found if isinstance(each, str)]
            if reasons:
                check = self._checks.pop(number, None)
                reason = reasons[0] if check is None else check.reason or reasons[0]
                self._decline(self._runs.pop(number).submit, reason)
            elif isinstance(run.submit.job, CheckJob):
                del self._runs[number]
                self._checks.pop(number, None)
                self._say(Ended(number, Checked(run.submit.job.number)))
            else:
                run.start([each for each in found if isinstance(each, Program)])
                self._say(Began(number))

    def _advance(self, program: Program, pairs: list[_Pair]) -> None:
        """Train some folds for one epoch, and score those for which it was the last."""
        try:
            _epoch(program, [fold for _, fold in pairs])
            _score(program, [pair for pair in pairs if pair[1].trained and not pair[1].over])
        except BaseException as error:  # no training may end a lane
            for _, fold in pairs:
                fold.error = fold.error or error
        made = []
        with self._changed:
            for run, fold in pairs:
                fold.running = False
                if not isinstance(run.job, TrialJob) and fold.fitted is not None:
                    made.append(run)
                self._tell(run, run.news())
            self._changed.notify_all()
        for run in made:
            if not run.dropped:
                with BUILDING:
                    news = list(run.final())
                with self._changed:
                    self._tell(run, news)

    def _tell(self, run: Run, news: Iterable[FromHost]) -> None:
        if run.submit.id not in self._runs:
            return
        for message in news:
            if run.saved and isinstance(message, Ended):
                self._saved.put((run, message))
            else:
                self._say(message)
        if run.dropped:
            del self._runs[run.submit.id]

    def _force(self) -> None:
        """Force trials' weights to the disk, many at once, and tell their ends only then."""
        while True:
            ended = [self._saved.get()]
            while not self._saved.empty():
                ended.append(self._saved.get())
            try:
                force_checkpoints([file for run, _ in ended for file in run.saved])
            except StorageError as error:
                ended = [(run, Ended(end.id, failed(run.job, error))) for run, end in ended]
            for _, message in ended:
                self._say(message)


def _epoch(program: Program, folds: list[Fold]) -> None:
    """Train the folds that have epochs left."""
    for fold in folds:
        if not fold.trained:
            fold.begin()
    training = [fold for fold in folds if not fold.trained and not fold.over]
    if not training:
        return
    state, constants = _stacked(program, training)
    figures = program.repeated([each.figures for each in training])
    rows = program.table([each.rows for each in training])
    state, logs = program.train(state, *rows, figures, constants)
    validation = program.table([each.validation for each in training])
    unseen = program.evaluate(state, *validation, figures, constants)
    for slot, fold in enumerate(training):
        metrics = dict(zip(program.names, logs[slot].tolist(), strict=True))
        metrics |= as_unseen(dict(zip(program.names, unseen[slot].tolist(), strict=True)))
        fold.take(state.like([each[slot] for each in state.all]), metrics)


def _score(program: Program, pairs: list[_Pair]) -> None:
    """Score the folds that have none left."""
    if not pairs:
        return
    folds = [fold for _, fold in pairs]
    state, constants = _stacked(program, folds)
    figures = program.repeated([fold.figures for fold in folds])
    rows = program.table([fold.score for fold in folds])
    scores = program.evaluate(state, *rows, figures, constants)
    for (run, fold), values in zip(pairs, scores, strict=False):
        run.score(fold, as_unseen(dict(zip(program.names, values.tolist(), strict=True))))


def _stacked(program: Program, folds: list[Fold]) -> tuple[Checkpoint, np.ndarray]:
    return program.stacked([fold.state for fold in folds], [fold.constants for fold in folds])


def _send(connection: Connection, outgoing: queue.Queue[FromHost]) -> None:
    """Send messages from a separate thread: a lane must not wait for the executor to read."""
    while True:
        message = outgoing.get()
        with contextlib.suppress(OSError):  # the executor is gone, which `serve` notices
            connection.send(message)
        outgoing.task_done()
