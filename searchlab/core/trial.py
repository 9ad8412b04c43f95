"""A trial and what happens to it, as frozen and validated values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from searchlab.core.domains import Params


class TrialState(StrEnum):
    """The state of a trial: RUNNING, then one of the others for good."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAIL = "FAIL"


class Decision(StrEnum):
    """The next step of a training after an epoch."""

    CONTINUE = "CONTINUE"
    STOP = "STOP"
    """The backend stops the trial, which ends PRUNED."""
    ABANDON = "ABANDON"
    """The study is interrupted; the trial has no outcome and runs again on resume."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The params that a backend wants to try.

    Attributes:
        params: the params, a point of the search space, as plain Python values.
        epochs: the last epoch of each training, at least 1.
        initial_epoch: the epochs that `resume_from` was trained for, or 0.
        resume_from: the number of an earlier trial whose weights this one continues
            (a promotion in Hyperband), or None.
    """

    params: Params
    epochs: int
    initial_epoch: int = 0
    resume_from: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.initial_epoch < self.epochs:
            raise ValueError(f"epochs {self.initial_epoch} to {self.epochs} leave nothing to train")


@dataclass(frozen=True, slots=True)
class Trial:
    """A suggestion with the number that the loop gave it, and the seed of its trainings."""

    number: int
    suggestion: Suggestion
    seed: int


@dataclass(frozen=True)
class Known:
    """A COMPLETE trial of another study on the same search space, data and objective.

    Attributes:
        study: the other study's name.
        number: the trial's number in it.
        params: a point of the search space, as plain Python values.
        value: the objective, finite.
    """

    study: str
    number: int
    params: Params
    value: float


@dataclass(frozen=True, slots=True)
class Report:
    """The metrics at the end of one epoch of one training.

    Attributes:
        number: the trial's number.
        fold: the fold, from 0; always 0 for a hold-out.
        epoch: the epochs done so far in this fold, from 1.
        metrics: Keras' logs: `loss`, `val_loss`, ... ; `val_` is the early-stopping data.
    """

    number: int
    fold: int
    epoch: int
    metrics: Mapping[str, float]

    @property
    def diverged(self) -> str | None:
        """The first metric that is not finite, or None."""
        return next((name for name, v in self.metrics.items() if not math.isfinite(v)), None)


class FailureKind(StrEnum):
    """The kind of a job's failure, set by the code that observed it.

    Decisions never depend on `Failure.type`: a user's exception may have any name.
    """

    ERROR = "ERROR"
    """The training raised an exception of any class."""
    REFUSED = "REFUSED"
    """searchlab refused the model; the message says what to change."""
    STORAGE = "STORAGE"
    """searchlab could not write the results of the training."""
    LOST = "LOST"
    """The saved weights that the training starts from are missing, or not the journal's."""
    WORKER_KILLED = "WORKER_KILLED"
    """The process was killed with SIGKILL, but not for exceeding a limit."""
    WORKER_DIED = "WORKER_DIED"
    """The process ended in another way without a result."""
    NODE_LOST = "NODE_LOST"
    """The machine that ran the process cannot be reached any more."""
    TIME_LIMIT = "TIME_LIMIT"
    """The training took longer than `training.limits.seconds`."""
    MEMORY_LIMIT = "MEMORY_LIMIT"
    """The process used more than `training.limits.memory`."""


@dataclass(frozen=True)
class Failure:
    """Why a trial failed, as data.

    Attributes:
        type: a name for people: the exception's class, such as "ValueError", or a name such
            as "TimeLimit" if there was no exception.
        message: one line.
        traceback: the whole traceback; empty if there is none.
        kind: the kind, on which decisions depend.
    """

    type: str
    message: str
    traceback: str = ""
    kind: FailureKind = FailureKind.ERROR


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a trial.

    Attributes:
        number: the trial's number.
        state: COMPLETE, PRUNED or FAIL.
        value: the objective: for COMPLETE the finite mean over the folds, for PRUNED the last
            intermediate value or None, for FAIL None.
        metrics: the metrics on the scoring rows, the mean over the folds.
        scores: the objective of each fold, in order.
        epochs: model-epochs trained by this trial, over all folds, without those of
            `resume_from`.
        seconds: wall time of the trial.
        model_path: the file of the trained model, relative to the study's directory, if kept.
        weights: the SHA-256 of the file of each fold's trained model, in order, if kept.
        error: the reason; set only for FAIL.
        unfused: the reason why a fused program could not train it, or None.
    """

    number: int
    state: TrialState
    value: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    scores: tuple[float, ...] = ()
    epochs: int = 0
    seconds: float = 0.0
    model_path: str | None = None
    weights: tuple[str, ...] = ()
    error: Failure | None = None
    unfused: str | None = None

    @classmethod
    def failed(cls, number: int, error: Failure, seconds: float = 0.0) -> Self:
        """Make the outcome of a trial that failed."""
        return cls(number, TrialState.FAIL, seconds=seconds, error=error)

    def __post_init__(self) -> None:
        if self.state is TrialState.RUNNING:
            raise ValueError("an outcome is COMPLETE, PRUNED or FAIL")
        if self.state is TrialState.COMPLETE and not _finite(self.value):
            raise ValueError(f"a COMPLETE trial needs a finite value, got {self.value}")
        if (self.error is not None) != (self.state is TrialState.FAIL):
            raise ValueError("a FAIL outcome, and no other, carries an error")


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
