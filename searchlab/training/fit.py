"""One job from its first epoch to its last, in the process that calls `run`."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import shutil
import time
import traceback
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from searchlab.errors import ModelError, StorageError
from searchlab.training import factories
from searchlab.training.callbacks import Emit, Reporter, early_stopping
from searchlab.training.check import check_model
from searchlab.training.job import Job, Work
from searchlab.training.prepare import PreparedData, open_data
from searchlab.trial import Decision, Failure, Outcome, Report, TrialState


@dataclass(frozen=True)
class _Rows:
    """The rows of one training: to fit, and to score the result."""

    x: Any
    y: Any
    x_score: Any
    y_score: Any


@dataclass(frozen=True)
class _Fitted:
    """One training that ran to its end: its score on unseen rows."""

    metrics: Mapping[str, float]
    epochs: int


class _Ended(Exception):  # noqa: N818 - a way out, not an error
    """A training ended without a score."""

    def __init__(self, decision: Decision, epochs: int, last: Report | None) -> None:
        super().__init__(decision)
        self.decision, self.epochs, self.last = decision, epochs, last


def run(job: Job, emit: Emit) -> Outcome | None:
    """Runs a job.

    Args:
        job: what to do.
        emit: takes each epoch's report, in order, and answers what to do.

    Returns:
        The outcome, or None if the job was abandoned. Whatever the training raises becomes a
        FAIL outcome.
    """
    start = time.monotonic()
    try:
        outcome = _run(job, open_data(job.data), emit)
    except _Ended as end:
        if end.decision is Decision.ABANDON:
            return None
        outcome = Outcome(
            job.trial.number,
            TrialState.PRUNED,
            value=None if end.last is None else end.last.metrics.get(job.spec.objective.metric),
            epochs=end.epochs,
        )
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit in a factory must not end the process of the loop
        outcome = _failed(job.trial.number, error)
    finally:
        keras.backend.clear_session()
        gc.collect()  # models are cyclic; many trials in one process would pile up
    return _timed(outcome, time.monotonic() - start)


def _run(job: Job, data: PreparedData, emit: Emit) -> Outcome:
    match job.work:
        case Work.CHECK:
            check_model(job, data)
            return Outcome(job.trial.number, TrialState.COMPLETE, value=0.0)
        case Work.TRIAL:
            return _trial(job, data, emit)
        case Work.FINAL:
            return _final(job, data, emit)


def _trial(job: Job, data: PreparedData, emit: Emit) -> Outcome:
    number, metric = job.trial.number, job.spec.objective.metric
    fitted: list[_Fitted] = []
    for fold, (fit_rows, score_rows) in enumerate(data.folds):
        rows = _Rows(
            data.x_train[fit_rows],
            data.y_train[fit_rows],
            data.x_train[score_rows],
            data.y_train[score_rows],
        )
        try:
            fitted.append(_fit(job, data, rows, fold, emit))
        except _Ended as end:
            before = sum(each.epochs for each in fitted)
            raise _Ended(end.decision, end.epochs + before, end.last) from None
    scores = tuple(_objective(each.metrics, metric) for each in fitted)
    return Outcome(
        number,
        TrialState.COMPLETE,
        value=_finite(metric, math.fsum(scores) / len(scores)),
        metrics={
            name: float(np.mean([each.metrics[name] for each in fitted]))
            for name in fitted[0].metrics
        },
        scores=scores,
        epochs=sum(each.epochs for each in fitted),
        model_path=_relative(job, model_file(job.directory, number, 0)) if job.keep else None,
    )


def _final(job: Job, data: PreparedData, emit: Emit) -> Outcome:
    """Makes the study's model and measures it on the test rows.

    After cross-validation it is fitted to all training rows, which no fold's model has seen;
    after a hold-out it is the best trial's own model, trained again if that file has been lost.
    """
    target = best_file(job.directory)
    source = model_file(job.directory, job.trial.number, 0)
    if job.spec.evaluation.folds is not None or not _whole(source):
        rows = data.folds[0][0] if job.spec.evaluation.folds is None else slice(None)
        given = _Rows(data.x_train[rows], data.y_train[rows], data.x_test, data.y_test)
        fitted = _fit(job, data, given, 0, emit)
        metrics, epochs = fitted.metrics, fitted.epochs
    else:
        model = build(job, data)
        _load_weights(model, source, data)
        with _moved_to(target) as scratch:
            shutil.copyfile(source, scratch)
        metrics, epochs = _evaluate(model, data.x_test, data.y_test, job), 0
    with _moved_to(target.with_name("preprocessing.skops")) as scratch:
        shutil.copyfile(job.data / "preprocessing.skops", scratch)
    tested = {name.removeprefix("val_"): value for name, value in metrics.items()}
    return Outcome(
        job.trial.number,
        TrialState.COMPLETE,
        value=_objective(metrics, job.spec.objective.metric),
        metrics=tested,
        epochs=epochs,
        model_path=_relative(job, target),
    )


def _fit(job: Job, data: PreparedData, rows: _Rows, fold: int, emit: Emit) -> _Fitted:
    """Trains one model and scores it on rows that it has not seen."""
    trial, training = job.trial, job.spec.training
    model = build(job, data)
    if trial.suggestion.resume_from is not None and job.work is Work.TRIAL:
        _load_weights(model, model_file(job.directory, trial.suggestion.resume_from, fold), data)
        first = trial.suggestion.initial_epoch
    else:
        first = 0
    _whole_epochs(model, len(rows.x), training.batch_size)
    reporter = Reporter(trial.number, fold, emit)
    keras.utils.set_random_seed(trial.seed)
    model.fit(
        rows.x,
        rows.y,
        epochs=trial.suggestion.epochs,
        initial_epoch=first,
        batch_size=training.batch_size,
        validation_data=(data.x_validation, data.y_validation),
        callbacks=[*early_stopping(training.early_stopping), reporter],
        verbose=0,
    )
    if reporter.diverged is not None:
        raise FloatingPointError(
            f"{reporter.diverged} was not finite after epoch {first + reporter.epochs} of fold "
            f"{fold}: the training diverged"
        )
    if reporter.decision is not Decision.CONTINUE:
        raise _Ended(reporter.decision, reporter.epochs, reporter.last)
    _check_weights(model)
    metrics = _evaluate(model, rows.x_score, rows.y_score, job)
    if job.keep:
        _save(model, _target(job, fold))
    return _Fitted(metrics, reporter.epochs)


def build(job: Job, data: PreparedData) -> Any:
    """Builds a job's model, seeded, by calling the study's factory.

    Raises:
        ModelError: if the factory cannot be imported.
        Exception: whatever the factory raises.
    """
    function = factories.load(job.spec.factory.factory, job.base)
    params = {**job.spec.factory.params, **job.trial.suggestion.params}
    keras.utils.set_random_seed(job.trial.seed)
    given = {"input_shape": data.summary.input_shape, "meta": data.meta}
    return factories.call(function, params, given)


def _whole(model: Path) -> bool:
    """Whether a model file is there and every part of it is as it was written."""
    try:
        with zipfile.ZipFile(model) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, zlib.error):
        return False


def _load_weights(model: Any, file: Path, data: PreparedData) -> None:
    """Takes over another training's weights and the state of its optimiser.

    Weights are loaded into a model that the factory has built, so this works for custom layers
    too, of which Keras could not make a model from the file alone.
    """
    if not model.built:
        model(np.asarray(data.x_train[:1]))
    model.optimizer.build(model.trainable_variables)  # else Keras skips the optimiser's state
    model.load_weights(file)


def model_file(directory: Path, number: int, fold: int) -> Path:
    """Where the model of one fold of a trial is kept in a study's directory."""
    return directory / "models" / str(number) / f"fold-{fold}.keras"


def best_file(directory: Path) -> Path:
    """Where the study's model is kept in a study's directory."""
    return directory / "best" / "model.keras"


def _target(job: Job, fold: int) -> Path:
    if job.work is Work.FINAL:
        return best_file(job.directory)
    return model_file(job.directory, job.trial.number, fold)


def _relative(job: Job, path: Path) -> str:
    return path.relative_to(job.directory).as_posix()


def _whole_epochs(model: Any, rows: int, batch_size: int) -> None:
    """Runs a whole epoch in one call of the compiled program, where the factory left that open.

    Losses stay the same to the last bit; only the time between batches goes away.
    """
    if model.steps_per_execution == 1 and not model.run_eagerly:
        model.steps_per_execution = max(1, math.ceil(rows / batch_size))


def _evaluate(model: Any, x: Any, y: Any, job: Job) -> dict[str, float]:
    """The model's metrics on unseen rows, named `val_...` as in Keras' logs."""
    values = model.evaluate(
        x, y, batch_size=job.spec.training.batch_size, verbose=0, return_dict=True
    )
    return {f"val_{name}": float(value) for name, value in values.items()}


def _objective(metrics: Mapping[str, float], metric: str) -> float:
    if metric not in metrics:
        raise ModelError(
            f"the model has no metric {metric}; it has {', '.join(metrics)}: name one of them in "
            "objective.metric, or compile the model with it"
        )
    return _finite(metric, metrics[metric])


def _finite(metric: str, value: float) -> float:
    if not math.isfinite(value):
        raise FloatingPointError(f"{metric} is {value} on the scoring rows")
    return value


def _check_weights(model: Any) -> None:
    for weight in model.weights:
        values = np.asarray(weight)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise FloatingPointError(f"the weights {weight.path} are not finite after the training")


def _save(model: Any, path: Path) -> None:
    """Writes a model."""
    with _moved_to(path) as scratch:
        model.save(scratch)


@contextlib.contextmanager
def _moved_to(path: Path) -> Iterator[Path]:
    """A file to write to; a killed process leaves no half of one under the path itself."""
    scratch = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".*-{path.name}"):  # by a process that was killed
            left.unlink()
        yield scratch
        scratch.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path}: the model cannot be written ({error.strerror or error}); make room or give "
            "write access, then run the study again: this trial is trained again"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)


def _failed(number: int, error: BaseException) -> Outcome:
    message = " ".join(str(error).split()) or "no message"
    if isinstance(error, SystemExit):
        message = f"sys.exit({error.code!r}) was called: raise an exception instead"
    failure = Failure(type(error).__name__, message, "".join(traceback.format_exception(error)))
    return Outcome(number, TrialState.FAIL, error=failure)


def _timed(outcome: Outcome, seconds: float) -> Outcome:
    return replace(outcome, seconds=seconds)
