"""One submission of a host: a trial with the trainings of its folds, and its messages."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from searchlab.data.prepared import PreparedData
from searchlab.factories.state import changed_variable
from searchlab.fused.fold import Fold
from searchlab.fused.messages import Ended, Epoch, FromHost, Submit
from searchlab.fused.program import Program
from searchlab.fused.programs import Programs
from searchlab.fused.sharing import Sharing
from searchlab.fused.structure import Structure, structure_of
from searchlab.fused.tensors import FoldRows, order
from searchlab.fused.watched import Watched
from searchlab.fused.widths import pad, unpad
from searchlab.journal.layout import StudyLayout
from searchlab.training.build import build, make_variables, take_over
from searchlab.training.callbacks import early_stopping
from searchlab.training.checkpoint import (
    Checkpoint,
    checkpoint_of,
    save_checkpoint,
)
from searchlab.training.final import final_rows, kept, pack, tests
from searchlab.training.initial import frozen_epochs
from searchlab.training.job import ModelJob, RefitJob, Result, TrainingJob, TrialJob, waits
from searchlab.training.outcome import check_weights, complete, failed
from searchlab.training.own_callbacks import needs_model, own_callbacks


@dataclass(eq=False)
class Training:
    """One of a submission's trainings, before it begins.

    Attributes:
        rows: its rows, those to fit in an epoch's order.
        model: its Keras model, built and compiled, which trainings may share.
        structure: the model's structure.
        start: its initial variables.
        callbacks: its callbacks, and early stopping.
    """

    rows: FoldRows
    model: Any
    structure: Structure
    start: Checkpoint
    callbacks: Sequence[Any]


@dataclass(eq=False)
class Run:
    """A submission whose models have been built.

    Attributes:
        submit: the submission.
        job: the trained job; for a check, a trial that never begins.
        data: the prepared data.
        programs: the study's programs.
        trainings: its trainings, until their programs have been found.
        first: number of epochs that its trainings already have.
        begun: the time of submission, by the monotonic clock.
        folds: its trainings, once there are programs for them.
        saved: the files of its weights, which are forced to the disk before its end is told.
        decided: number of reports answered with CONTINUE.
        dropped: whether no more messages about it are wanted.
    """

    submit: Submit
    job: TrainingJob
    data: PreparedData
    programs: Programs
    trainings: list[Training]
    first: int
    begun: float = field(default_factory=time.monotonic)
    folds: list[Fold] = field(default_factory=list)
    saved: list[Path] = field(default_factory=list)
    decided: int = 0
    dropped: bool = False

    def missing(self) -> tuple[Training, Hashable] | None:
        """Return the first training whose program is still to be built, with the program's key."""
        for each in self.trainings:
            key = self.programs.missing(each.structure, len(each.rows.fit))
            if key is not None:
                return each, key
        return None

    def refused(self) -> str | None:
        """Return the reason why its models are known to have no program, or None."""
        found = (self.programs.find(each.structure, len(each.rows.fit)) for each in self.trainings)
        return next((each for each in found if isinstance(each, str)), None)

    def start(self, programs: Sequence[Program]) -> None:
        """Begin the trainings, once there is a program for each."""
        job, suggestion = self.job, self.job.trial.suggestion
        pairs = zip(self.trainings, programs, strict=True)
        for number, (training, program) in enumerate(pairs):
            fold = Fold(
                number,
                job.number,
                program,
                *training.rows,
                pad(training.start, program.zero),
                training.start,
                training.structure.constants(training.model.optimizer),
                self.first,
                suggestion.epochs,
            )
            fold.watch(training.callbacks)
            self.folds.append(fold)
        self.trainings = []

    def ready(self) -> Iterator[Fold]:
        """Yield the trainings that may run another epoch, or be scored, now."""
        if self.dropped:
            return
        for fold in self.folds:
            if not (fold.running or fold.over) and (not waits(self.job) or self._all_decided):
                yield fold
            if waits(self.job) and not fold.over:
                return  # a trial that may be pruned trains one fold after another

    def time(self, fold: Fold) -> int:
        """Return the approximate logical time of a training's last epoch; earliest goes first."""
        return self.job.start + len(fold.reports)

    def score(self, fold: Fold, metrics: dict[str, float]) -> None:
        """Record a training's score, and save its weights if requested."""
        try:
            state = unpad(fold.state, fold.narrow)
            weights = (*state.trainable, *state.non_trainable)
            check_weights(zip(fold.program.paths, weights, strict=True))
            fold.finish(metrics)
            job = self.job
            if isinstance(job, TrialJob) and job.keep:
                file = StudyLayout(job.directory).checkpoint(job.trial.number, fold.number)
                fold.weights = save_checkpoint(state, file, lasting=False)
                self.saved.append(file)
        except Exception as error:
            fold.error = error

    def news(self) -> Iterator[FromHost]:
        """Yield the messages that are now due, in order and each only once."""
        for fold in self.folds:
            for report in fold.reports[fold.sent :]:
                fold.sent += 1
                ended = fold.fitted is not None and fold.sent == len(fold.reports)
                yield Epoch(self.submit.id, report, ended and fold is self.folds[-1])
            if fold.error is not None:
                yield from self._end(_raised(self.job, fold.error))
                return
            if fold.fitted is None:
                return
        if isinstance(self.job, TrialJob):
            yield from self._end(self._complete(self.job))

    def final(self) -> Iterator[FromHost]:
        """Write the model of a `ModelJob`, whose only training is over."""
        fold, job = self.folds[0], self.job
        assert isinstance(job, ModelJob)  # noqa: S101 - called only for these jobs
        assert fold.fitted is not None  # noqa: S101 - called once the training is over
        try:
            model = build(job, self.data)
            take_over(model, unpad(fold.state, fold.narrow), self.data)
            metrics, epochs = fold.fitted.metrics, fold.fitted.epochs
            result: Result = pack(job, self.data, model, metrics, epochs)
        except Exception as error:
            result = failed(job, error)
        yield from self._end(result)

    @property
    def _all_decided(self) -> bool:
        return self.decided >= sum(len(fold.reports) for fold in self.folds)

    def _complete(self, job: TrialJob) -> Result:
        try:
            fitted = [fold.fitted for fold in self.folds if fold.fitted is not None]
            return complete(job, fitted, [fold.weights for fold in self.folds if job.keep])
        except Exception as error:
            return failed(job, error)

    def _end(self, result: Result) -> Iterator[FromHost]:
        self.dropped = True
        yield Ended(self.submit.id, replace(result, seconds=time.monotonic() - self.begun))


def prepare_run(
    submit: Submit, job: TrainingJob, data: PreparedData, programs: Programs
) -> Run | str:
    """Build the models of a submission, and read the initial variables of each of its trainings.

    Returns:
        The run, or the reason why its models cannot be stacked.

    Raises:
        Exception: whatever the factory raises, or ModelError if saved weights do not fit.
    """
    suggestion = job.trial.suggestion
    if reason := _unfused(job, programs):
        return reason
    parts = _parts(job, data, programs)
    most = max(len(each.fit) for each in parts) * job.spec.training.epochs
    sharing = Sharing.of(job.spec.search_space, most)
    params = job.spec.arguments(suggestion.params)
    built: list[tuple[Any, Structure]] = []
    for model in _models(job, data, len(parts)):
        if not getattr(model, "compiled", False):
            return "its model is not compiled"
        make_variables(model, data)
        structure = structure_of(model, params, sharing)
        if isinstance(structure, str):
            return structure
        built.append((model, structure))
    earlier, first = _kept(job, len(data.folds))
    models = [model for model, _ in built] * (len(parts) // len(built))
    structures = [structure for _, structure in built] * (len(parts) // len(built))
    same = None if earlier or len(built) > 1 else checkpoint_of(models[0])
    trainings = []
    for number, rows in enumerate(parts):
        if earlier:
            take_over(models[number], earlier[number], data)
        start = checkpoint_of(models[number]) if same is None else same
        places = order(len(rows.fit), job.trial.seed)
        given = (rows.reordered(places), models[number], structures[number], start)
        trainings.append(Training(*given, _callbacks(job)))
    return Run(submit, job, data, programs, trainings, first)


def _callbacks(job: TrainingJob) -> list[Any]:
    """Make the callbacks of one training, in the order of the ordinary way."""
    if isinstance(job, RefitJob):
        return own_callbacks(job.spec, job.base, watched=False, rates=job.rates)
    return [*own_callbacks(job.spec, job.base), *early_stopping(job.spec)]


def _unfused(job: TrainingJob, programs: Programs) -> str | None:
    """Return the reason why no model of a job can be stacked, whatever it is, or None."""
    if frozen_epochs(job.spec):
        return "its copied layers are frozen for the first epochs"
    if reason := needs_model(job.spec, job.base):
        return reason
    if programs.left.reason:
        return programs.left.reason
    if name := changed_variable(job.spec, job.base):
        return f"its code changes the variable {name}, which another trial's model might read"
    return None


def _models(job: TrainingJob, data: PreparedData, trainings: int) -> list[Any]:
    """Build one model for all trainings, or one for each if the factory looks at a fold's rows."""
    if not isinstance(job, TrialJob):
        return [build(job, data)]
    first = data.fold(0)
    meta = Watched(first.meta)
    models = [build(job, replace(first, meta=meta))]
    if meta.read and data.has_own(0):
        models += [build(job, data.fold(number)) for number in range(1, trainings)]
    return models


def _kept(job: TrainingJob, folds: int) -> tuple[list[Checkpoint], int]:
    """Load the weights that a job starts from, if any, and return the number of their epochs."""
    suggestion = job.trial.suggestion
    count, first = (
        (folds, suggestion.initial_epoch) if isinstance(job, TrialJob) else (1, suggestion.epochs)
    )
    earlier = [each for fold in range(count) if (each := kept(job, fold)) is not None]
    return earlier, first if earlier else 0


def _parts(job: TrainingJob, data: PreparedData, programs: Programs) -> Sequence[FoldRows]:
    rows = programs.data
    if isinstance(job, TrialJob):
        return rows.folds
    score = rows.test if tests(job) else rows.validation
    fit = final_rows(job, data).astype(np.int32)
    return (FoldRows(fit, score, rows.validation, rows.figures),)


def _raised(job: TrainingJob, error: BaseException) -> Result:
    """Return the failed result of a training, whose error gets a traceback by being raised."""
    try:
        raise error
    except BaseException as raised:
        return failed(job, raised)
