"""Outcomes and failures of trainings, independent of how their epochs are run."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from searchlab.core.trial import Failure, FailureKind, Outcome, Report, TrialState
from searchlab.errors import LostWeightsError, ModelError, StorageError
from searchlab.journal.layout import StudyLayout
from searchlab.training.job import Job, Result, TrialJob


@dataclass(frozen=True)
class Fitted:
    """The result of one complete training.

    Attributes:
        metrics: its metrics on unseen rows, named `val_...` as in Keras' logs.
        epochs: number of epochs.
    """

    metrics: Mapping[str, float]
    epochs: int


def complete(job: TrialJob, fitted: Sequence[Fitted], weights: Sequence[str]) -> Outcome:
    """Return the outcome of a trial whose folds all ran to their end.

    Args:
        job: the trial's job.
        fitted: the result of each fold, in order; at least one.
        weights: the digest of the saved weights of each fold, in order, if the job keeps them.

    Raises:
        ModelError: if the model lacks the objective's metric.
        FloatingPointError: if the objective is not finite.
    """
    metric = job.spec.objective.metric
    scores = tuple(objective(each.metrics, metric) for each in fitted)
    kept = StudyLayout(job.directory).checkpoint(job.trial.number, 0).relative_to(job.directory)
    return Outcome(
        job.number,
        TrialState.COMPLETE,
        value=_finite(metric, math.fsum(scores) / len(scores)),
        metrics={
            name: float(np.mean([each.metrics[name] for each in fitted]))
            for name in fitted[0].metrics
        },
        scores=scores,
        epochs=sum(each.epochs for each in fitted),
        model_path=kept.as_posix() if job.keep else None,
        weights=tuple(weights),
    )


def pruned(job: TrialJob, last: Report | None, epochs: int) -> Outcome:
    """Return the outcome of a trial that was told to stop.

    Args:
        job: the trial's job.
        last: the report answered with STOP, or None if there was none.
        epochs: epochs trained so far, over all folds.
    """
    value = None if last is None else last.metrics.get(job.spec.objective.metric)
    return Outcome(job.number, TrialState.PRUNED, value=value, epochs=epochs)


def failed(job: Job, error: BaseException, seconds: float = 0.0) -> Result:
    """Return the result of a job that raised an error."""
    return job.gives.failed(job.number, failure_of(error), seconds)


def failure_of(error: BaseException) -> Failure:
    """Return an error as data, with its traceback."""
    message = " ".join(str(error).split()) or "no message"
    if isinstance(error, SystemExit):
        message = f"sys.exit({error.code!r}) was called: raise an exception instead"
    trace = "".join(traceback.format_exception(error))
    return Failure(type(error).__name__, message, trace, _kind(error))


def _kind(error: BaseException) -> FailureKind:
    """Return the kind of a failure by the error's class, because anybody can use its name."""
    match error:
        case ModelError():
            return FailureKind.REFUSED
        case StorageError():
            return FailureKind.STORAGE
        case LostWeightsError():
            return FailureKind.LOST
        case _:
            return FailureKind.ERROR


def objective(metrics: Mapping[str, float], metric: str) -> float:
    """Return the objective's value among the metrics of a training.

    Raises:
        ModelError: if the model lacks this metric.
        FloatingPointError: if the value is not finite.
    """
    if metric not in metrics:
        raise ModelError(
            f"the model has no metric {metric}; it has {', '.join(metrics)}: name one of them in "
            "objective.metric, or compile the model with it"
        )
    return _finite(metric, metrics[metric])


def check_weights(weights: Iterable[tuple[str, Any]]) -> None:
    """Reject weights that training has made infinite or NaN.

    Args:
        weights: the path and the array of each weight.

    Raises:
        FloatingPointError: if a weight is not finite.
    """
    for path, weight in weights:
        values = np.asarray(weight)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise FloatingPointError(f"the weights {path} are not finite after the training")


def diverged_error(name: str, epoch: int, fold: int) -> FloatingPointError:
    """Return the error of a training with a metric that is not finite.

    Args:
        name: the metric.
        epoch: the number of epochs so far, counted from 1.
        fold: the fold.
    """
    return FloatingPointError(
        f"{name} was not finite after epoch {epoch} of fold {fold}: the training diverged"
    )


def _finite(metric: str, value: float) -> float:
    if not math.isfinite(value):
        raise FloatingPointError(f"{metric} is {value} on the scoring rows")
    return value
