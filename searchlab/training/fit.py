"""Execution of one job in the process that calls `run`."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from searchlab.core.arrays import Array
from searchlab.core.trial import Decision, Outcome, Report
from searchlab.data.prepared import PreparedData, open_data
from searchlab.data.target import Unseen
from searchlab.journal.layout import StudyLayout
from searchlab.measure.meter import Meter, evaluated, overrides, own_units
from searchlab.training.baselines import fit_baseline
from searchlab.training.build import build, make_variables, meter_of, take_over
from searchlab.training.callbacks import (
    Emit,
    EpochMeter,
    Reporter,
    as_unseen,
    early_stopping,
)
from searchlab.training.check import check_model
from searchlab.training.checkpoint import (
    checkpoint_of,
    save_checkpoint,
)
from searchlab.training.final import final_rows, kept, measured_rows, pack
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
from searchlab.training.own_callbacks import own_callbacks, see_batches
from searchlab.training.settings import settings_kept


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
        with settings_kept():
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
    weights: list[str] = []
    for fold, (fit_rows, score_rows) in enumerate(data.folds):
        own = data.fold(fold)
        try:
            unseen = own.unseen("train", score_rows)
            model, score = _fit(job, own, fit_rows, unseen, fold, emit)
        except _Ended as end:
            if end.decision is Decision.ABANDON:
                return None
            return pruned(job, end.last, end.epochs + sum(each.epochs for each in fitted))
        fitted.append(score)
        if job.keep:
            file = StudyLayout(job.directory).checkpoint(job.trial.number, fold)
            weights.append(save_checkpoint(checkpoint_of(model), file))
    return complete(job, fitted, weights)


def _final(job: ModelJob, data: PreparedData, emit: Emit) -> Made | None:
    score = measured_rows(job, data)
    own = kept(job)
    if own is None:
        try:
            model, fitted = _fit(job, data, final_rows(job, data), score, 0, emit)
        except _Ended:  # only a trial can be pruned
            return None
        return pack(job, data, model, fitted.metrics, fitted.epochs)
    model = build(job, data)
    take_over(model, own, data)
    return pack(job, data, model, as_unseen(meter_of(model, job, data)(score)), 0)


def _fit(
    job: TrainingJob, data: PreparedData, rows: Array, score: Unseen, fold: int, emit: Emit
) -> tuple[Any, Fitted]:
    """Train one model on some of the training rows and score it on unseen ones."""
    trial = job.trial
    model = build(job, data)
    first = 0
    if isinstance(job, TrialJob) and (earlier := kept(job, fold)) is not None:
        take_over(model, earlier, data)
        first = trial.suggestion.initial_epoch
    reporter = Reporter(job.number, fold, emit)
    model, meter = _epochs(model, job, data, rows, first, reporter)
    if reporter.diverged is not None:
        raise diverged_error(reporter.diverged, first + reporter.epochs, fold)
    if reporter.decision is not Decision.CONTINUE:
        raise _Ended(reporter.decision, reporter.epochs, reporter.last)
    check_weights((weight.path, weight) for weight in model.weights)
    return model, Fitted(as_unseen(meter(score)), reporter.epochs)


def _epochs(
    model: Any, job: TrainingJob, data: PreparedData, rows: Array, first: int, reporter: Reporter
) -> tuple[Any, Meter]:
    """Train a model for its remaining epochs.

    Returns:
        The model or its unfrozen successor, and what measures it.
    """
    meter = meter_of(model, job, data)
    last, frozen = job.trial.suggestion.epochs, frozen_epochs(job.spec)
    rates = job.rates if isinstance(job, RefitJob) else ()
    own = own_callbacks(job.spec, job.base, watched=_watched(job), rates=rates)
    if first < frozen:
        thaw = min(frozen, last)
        make_variables(model, data)  # before freezing: the optimizer's state covers all layers
        for layer in weighted_layers(model)[: len(initial_layers(job))]:
            layer.trainable = False
        _call_fit(model, meter, job, data, rows, (first, thaw), [*own, reporter])
        first, model = thaw, _thawed(model, job, data)
        meter = meter_of(model, job, data)
    if first < last and not reporter.over:
        stopping = early_stopping(job.spec) if _watched(job) else []
        _call_fit(model, meter, job, data, rows, (first, last), [*own, *stopping, reporter])
    return model, meter


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
    meter: Meter,
    job: TrainingJob,
    data: PreparedData,
    rows: Array,
    epochs: tuple[int, int],
    callbacks: list[keras.callbacks.Callback],
) -> None:
    training = job.spec.training
    x, t, w = data.fitting(rows)
    if not see_batches(callbacks):
        _whole_epochs(model, len(x), training.batch_size)
    keras.utils.set_random_seed(job.trial.seed)
    with own_units(model, data.transform), ExitStack() as stack:
        watching: dict[str, Any] = {}
        if _watched(job):
            unseen = data.unseen("validation")
            if overrides(model, "fit"):  # it may put callbacks of its own before these
                stack.enter_context(evaluated(model, lambda: meter(unseen)))
                target = meter.goal.array(np.asarray(unseen.t))
                watching = {"validation_data": (meter.feed(unseen.x), target)}
            else:
                callbacks = [EpochMeter(meter, unseen), *callbacks]
        model.fit(
            meter.feed(x),
            meter.goal.array(t),
            sample_weight=w,
            epochs=epochs[1],
            initial_epoch=epochs[0],
            batch_size=training.batch_size,
            callbacks=callbacks,
            verbose=0,
            **watching,
        )


def _whole_epochs(model: Any, rows: int, batch_size: int) -> None:
    """Run whole epochs in single calls of the compiled program unless the factory set this itself.

    Losses stay identical to the last bit; only the overhead between batches disappears.
    """
    if model.steps_per_execution == 1 and not model.run_eagerly:
        model.steps_per_execution = max(1, math.ceil(rows / batch_size))
