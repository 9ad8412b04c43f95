"""Execution of one job in the process that calls `run`."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any, Self

import keras

from searchlab.core.arrays import Array
from searchlab.core.trial import Decision, Outcome, Report
from searchlab.data.prepare import PreparedData, open_data
from searchlab.journal.layout import StudyLayout
from searchlab.training.baselines import fit_baseline
from searchlab.training.build import build, make_variables, take_over
from searchlab.training.callbacks import Emit, Reporter, early_stopping
from searchlab.training.check import check_model
from searchlab.training.checkpoint import (
    checkpoint_of,
    load_checkpoint,
    save_checkpoint,
)
from searchlab.training.final import final_rows, measured_rows, own_checkpoint, pack
from searchlab.training.initial import frozen_epochs, initial_layers, weighted_layers
from searchlab.training.job import (
    BaselineJob,
    CheckJob,
    FinalJob,
    Job,
    Made,
    ModelJob,
    RefitJob,
    Result,
    TrainingJob,
    TrialJob,
)
from searchlab.training.outcome import (
    Fitted,
    check_weights,
    complete,
    diverged_error,
    failed,
    pruned,
)


@dataclass(frozen=True)
class _Rows:
    """The rows of one training: to fit, and to score the result. Weights may be None."""

    x: Any
    y: Any
    w: Any
    x_score: Any
    y_score: Any
    w_score: Any

    @classmethod
    def of(cls, data: PreparedData, rows: Array, x_score: Any, y_score: Any, w_score: Any) -> Self:
        """Return training rows to fit, by their indices, and any rows to score."""
        return cls(*data.fitting(rows), x_score, y_score, w_score)


class _Ended(Exception):  # noqa: N818 - control flow, not an error
    """A training's end without a score."""

    def __init__(self, decision: Decision, epochs: int, last: Report | None) -> None:
        super().__init__(decision)
        self.decision, self.epochs, self.last = decision, epochs, last


def run(job: Job, emit: Emit) -> Result | None:
    """Run a job.

    Args:
        job: the job.
        emit: receives each epoch's report, in order, and returns the decision.

    Returns:
        The result, or None if the job was abandoned. Any exception of the training becomes a
        result with an error.
    """
    start = time.monotonic()
    try:
        result = _run(job, open_data(job.data), emit)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit in a factory must not end the process of the loop
        result = failed(job, error)
    finally:
        keras.backend.clear_session()  # also collects garbage: models are cyclic and would pile up
    return None if result is None else replace(result, seconds=time.monotonic() - start)


def _run(job: Job, data: PreparedData, emit: Emit) -> Result | None:
    match job:
        case CheckJob():
            return check_model(job, data)
        case TrialJob():
            return _trial(job, data, emit)
        case FinalJob() | RefitJob():
            return _final(job, data, emit)
        case BaselineJob():
            return fit_baseline(job, data)


def _trial(job: TrialJob, data: PreparedData, emit: Emit) -> Outcome | None:
    fitted: list[Fitted] = []
    for fold, (fit_rows, score_rows) in enumerate(data.folds):
        w_score = None if data.w_train is None else data.w_train[score_rows]
        rows = _Rows.of(data, fit_rows, data.x_train[score_rows], data.y_train[score_rows], w_score)
        try:
            model, score = _fit(job, data, rows, fold, emit)
        except _Ended as end:
            if end.decision is Decision.ABANDON:
                return None
            return pruned(job, end.last, end.epochs + sum(each.epochs for each in fitted))
        fitted.append(score)
        if job.keep:
            kept = StudyLayout(job.directory).checkpoint(job.trial.number, fold)
            save_checkpoint(checkpoint_of(model), kept)
    return complete(job, fitted)


def _final(job: ModelJob, data: PreparedData, emit: Emit) -> Made | None:
    score = measured_rows(job, data)
    kept = own_checkpoint(job)
    if kept is None:
        rows = _Rows.of(data, final_rows(job, data), *score)
        try:
            model, fitted = _fit(job, data, rows, 0, emit)
        except _Ended:  # only a trial can be pruned
            return None
        return pack(job, data, model, fitted.metrics, fitted.epochs)
    model = build(job, data)
    take_over(model, load_checkpoint(kept), data)
    return pack(job, data, model, _evaluate(model, *score, job), 0)


def _fit(
    job: TrainingJob, data: PreparedData, rows: _Rows, fold: int, emit: Emit
) -> tuple[Any, Fitted]:
    """Train one model and score it on unseen rows."""
    trial = job.trial
    model = build(job, data)
    first = 0
    if trial.suggestion.resume_from is not None and isinstance(job, TrialJob):
        kept = StudyLayout(job.directory).checkpoint(trial.suggestion.resume_from, fold)
        take_over(model, load_checkpoint(kept), data)
        first = trial.suggestion.initial_epoch
    reporter = Reporter(job.number, fold, emit)
    model = _epochs(model, job, data, rows, first, reporter)
    if reporter.diverged is not None:
        raise diverged_error(reporter.diverged, first + reporter.epochs, fold)
    if reporter.decision is not Decision.CONTINUE:
        raise _Ended(reporter.decision, reporter.epochs, reporter.last)
    check_weights((weight.path, weight) for weight in model.weights)
    metrics = _evaluate(model, rows.x_score, rows.y_score, rows.w_score, job)
    return model, Fitted(metrics, reporter.epochs)


def _epochs(
    model: Any, job: TrainingJob, data: PreparedData, rows: _Rows, first: int, reporter: Reporter
) -> Any:
    """Train a model for its remaining epochs, and return it or its unfrozen successor."""
    last, frozen = job.trial.suggestion.epochs, frozen_epochs(job.spec)
    if first < frozen:
        thaw = min(frozen, last)
        make_variables(model, data)  # before freezing: the optimizer's state covers all layers
        for layer in weighted_layers(model)[: len(initial_layers(job))]:
            layer.trainable = False
        _call_fit(model, job, data, rows, (first, thaw), [reporter])
        first, model = thaw, _thawed(model, job, data)
    if first < last and not reporter.over:
        stopping = early_stopping(job.spec.training.early_stopping) if _watched(job) else []
        _call_fit(model, job, data, rows, (first, last), [*stopping, reporter])
    return model


def _watched(job: TrainingJob) -> bool:
    """Return whether there are early-stopping rows, which a refit does not have."""
    return not isinstance(job, RefitJob)


def _thawed(model: Any, job: TrainingJob, data: PreparedData) -> Any:
    """Return a model with all layers trainable and the weights of another.

    The factory builds and compiles it again because nobody else can: a loss may be any function.
    The optimizer thus starts over, too; it has learned nothing about the frozen layers.
    """
    fresh = build(job, data)
    make_variables(fresh, data)
    fresh.set_weights(model.get_weights())
    return fresh


def _call_fit(
    model: Any,
    job: TrainingJob,
    data: PreparedData,
    rows: _Rows,
    epochs: tuple[int, int],
    callbacks: list[keras.callbacks.Callback],
) -> None:
    training = job.spec.training
    unseen = (data.x_validation, data.y_validation, data.w_validation)
    _whole_epochs(model, len(rows.x), training.batch_size)
    keras.utils.set_random_seed(job.trial.seed)
    model.fit(
        rows.x,
        rows.y,
        sample_weight=rows.w,
        epochs=epochs[1],
        initial_epoch=epochs[0],
        batch_size=training.batch_size,
        validation_data=unseen if _watched(job) else None,
        callbacks=callbacks,
        verbose=0,
    )


def _whole_epochs(model: Any, rows: int, batch_size: int) -> None:
    """Run whole epochs in single calls of the compiled program unless the factory set this itself.

    Losses stay identical to the last bit; only the overhead between batches disappears.
    """
    if model.steps_per_execution == 1 and not model.run_eagerly:
        model.steps_per_execution = max(1, math.ceil(rows / batch_size))


def _evaluate(model: Any, x: Any, y: Any, w: Any, job: Job) -> dict[str, float]:
    """Return the model's metrics on unseen rows, named `val_...` as in Keras' logs."""
    batch_size = job.spec.training.batch_size
    values = model.evaluate(
        x, y, sample_weight=w, batch_size=batch_size, verbose=0, return_dict=True
    )
    return {f"val_{name}": float(value) for name, value in values.items()}
