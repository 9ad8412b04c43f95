"""One submission of a host: a trial with the trainings of its folds, and what is said of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from searchlab.training.build import build, take_over
from searchlab.training.checkpoint import (
    Checkpoint,
    best_file,
    checkpoint_file,
    load_checkpoint,
    plain_arrays,
    restore,
    save_checkpoint,
    save_model,
)
from searchlab.training.final import final_outcome, final_rows, own_checkpoint
from searchlab.training.fused.fold import Fold
from searchlab.training.fused.messages import Ended, Epoch, FromHost, Submit
from searchlab.training.fused.optimizers import constants_of
from searchlab.training.fused.program import Program, State
from searchlab.training.fused.structure import Structure, structure_of
from searchlab.training.fused.tensors import order
from searchlab.training.fused.verify import variables_of
from searchlab.training.fused.widths import pad, unpad
from searchlab.training.job import Job, Work
from searchlab.training.outcome import check_weights, complete, failed
from searchlab.training.prepare import PreparedData
from searchlab.trial import Outcome


@dataclass(eq=False)
class Run:
    """A submission whose model has been built.

    Attributes:
        submit: the submission.
        data: the prepared data.
        model: the Keras model, until its programs have been found.
        structure: of the model.
        starts: the variables that each training starts from; one for all if they are the same.
        parts: the rows to fit, in the order of an epoch, and to score of each training, int32.
        begun: when it was submitted, by the monotonic clock.
        folds: its trainings, once there are programs for them.
        decided: how many reports have been answered CONTINUE.
        sent: how many reports have been said.
        dropped: whether nobody wants to hear of it any more.
    """

    submit: Submit
    data: PreparedData
    model: Any
    structure: Structure
    starts: list[State]
    parts: list[tuple[np.ndarray, np.ndarray]]
    begun: float = field(default_factory=time.monotonic)
    folds: list[Fold] = field(default_factory=list)
    decided: int = 0
    sent: int = 0
    dropped: bool = False

    @property
    def job(self) -> Job:
        """The job."""
        return self.submit.job

    @property
    def sizes(self) -> list[int]:
        """How many rows an epoch has, of each training that differs in it."""
        return sorted({len(rows) for rows, _ in self.parts})

    def start(self, programs: Mapping[int, Program]) -> None:
        """Makes the trainings, once there is a program for each of `sizes`."""
        job, suggestion = self.job, self.job.trial.suggestion
        constants = constants_of(self.model.optimizer)
        own = job.work is Work.FINAL and own_checkpoint(job) is not None
        first = suggestion.epochs if own else suggestion.initial_epoch
        if job.work is Work.FINAL and not own:
            first = 0
        starts = self.starts * len(self.parts) if len(self.starts) == 1 else self.starts
        for number, (rows, score) in enumerate(self.parts):
            program = programs[len(rows)]
            fold = Fold(
                number,
                job.trial.number,
                program,
                rows,
                score,
                pad(starts[number], program.zero),
                starts[number],
                constants,
                first,
                suggestion.epochs,
            )
            fold.watch(job.spec.training.early_stopping, program.source.metrics)
            self.folds.append(fold)
        self.model, self.starts = None, []

    def ready(self) -> Iterator[Fold]:
        """The trainings that may have another epoch, or their score, now."""
        if self.dropped:
            return
        for fold in self.folds:
            if not (fold.running or fold.over) and (not self.job.synchronous or self._all_decided):
                yield fold
            if self.job.synchronous and not fold.over:
                return  # a trial that may be pruned trains its folds one after the other

    def time(self, fold: Fold) -> int:
        """The logical time of a training's last epoch, roughly: those that are behind go first."""
        return self.job.start + len(fold.reports)

    def score(self, fold: Fold, metrics: dict[str, float]) -> None:
        """Takes in a training's score, and keeps what should be kept of it."""
        try:
            state = unpad(fold.state, fold.narrow)
            weights = (*state.trainable, *state.non_trainable)
            check_weights(zip(fold.program.paths, weights, strict=True))
            fold.finish(metrics)
            if self.job.keep and self.job.work is Work.TRIAL:
                save_checkpoint(
                    _checkpoint(state), checkpoint_file(self.job.directory, fold.trial, fold.number)
                )
        except Exception as error:
            fold.error = error

    def news(self) -> Iterator[FromHost]:
        """What can be said by now, in order; each thing once."""
        before = 0
        for fold in self.folds:
            for index, report in enumerate(
                fold.reports[max(0, self.sent - before) :], self.sent - before
            ):
                last = (
                    fold is self.folds[-1]
                    and fold.fitted is not None
                    and index == len(fold.reports) - 1
                )
                self.sent += 1
                yield Epoch(self.submit.id, report, last)
            before += len(fold.reports)
            if fold.error is not None:
                yield from self._end(_raised(fold.trial, fold.error))
                return
            if fold.fitted is None:
                return
        if self.job.work is Work.TRIAL:
            yield from self._end(self._complete())

    def final(self) -> Iterator[FromHost]:
        """Writes the study's model, which the one training of a FINAL job has made."""
        fold, job = self.folds[0], self.job
        assert fold.fitted is not None  # noqa: S101 - asked for once the training is over
        try:
            model = build(job, self.data)
            _built(model, self.data)
            restore(model, _checkpoint(unpad(fold.state, fold.narrow)))
            save_model(model, best_file(job.directory))
            outcome = final_outcome(job, fold.fitted.metrics, fold.fitted.epochs)
        except Exception as error:
            outcome = failed(job.trial.number, error)
        yield from self._end(outcome)

    @property
    def _all_decided(self) -> bool:
        return self.decided >= sum(len(fold.reports) for fold in self.folds)

    def _complete(self) -> Outcome:
        try:
            fitted = [fold.fitted for fold in self.folds if fold.fitted is not None]
            return complete(self.job, fitted)
        except Exception as error:
            return failed(self.job.trial.number, error)

    def _end(self, outcome: Outcome) -> Iterator[FromHost]:
        self.dropped = True
        yield Ended(self.submit.id, replace(outcome, seconds=time.monotonic() - self.begun))


def prepare_run(submit: Submit, data: PreparedData) -> Run | str:
    """Builds the model of a submission, and reads what each of its trainings starts from.

    Returns:
        The run, or why its model cannot be stacked.

    Raises:
        Exception: what the factory raises, or ModelError of kept weights that do not fit.
    """
    job, suggestion = submit.job, submit.job.trial.suggestion
    model = build(job, data)
    if not getattr(model, "compiled", False):
        return "its model is not compiled"
    _built(model, data)
    params = {**job.spec.factory.params, **suggestion.params}
    structure = structure_of(model, params)
    if isinstance(structure, str):
        return structure
    starts = []
    own = own_checkpoint(job) if job.work is Work.FINAL else None
    if own is not None:
        files = [own]
    elif suggestion.resume_from is not None and job.work is Work.TRIAL:
        files = [
            checkpoint_file(job.directory, suggestion.resume_from, fold)
            for fold in range(len(data.folds))
        ]
    else:
        files = []
        starts.append(variables_of(model))
    for file in files:
        take_over(model, load_checkpoint(file), data)
        starts.append(variables_of(model))
    parts = [
        (fit[order(len(fit), job.trial.seed)].astype(np.int32), score.astype(np.int32))
        for fit, score in _parts(job, data)
    ]
    return Run(submit, data, model, structure, starts, parts)


def _parts(job: Job, data: PreparedData) -> list[tuple[np.ndarray, np.ndarray]]:
    if job.work is not Work.FINAL:
        return list(data.folds)
    others = len(data.x_train) + len(data.x_validation)
    return [(final_rows(job, data), np.arange(others, others + len(data.x_test)))]


def _built(model: Any, data: PreparedData) -> None:
    import keras

    if not model.built:
        model(keras.Input(data.summary.input_shape))
    model.optimizer.build(model.trainable_variables)


def _checkpoint(state: State) -> Checkpoint:
    groups = (state.trainable, state.non_trainable, state.optimizer)
    return Checkpoint(*(plain_arrays(group) for group in groups))


def _raised(number: int, error: BaseException) -> Outcome:
    """The outcome of a training with an error, which gets the traceback of being raised."""
    try:
        raise error
    except BaseException as raised:
        return failed(number, raised)
