"""The jobs that an executor is given to run, one type for each kind of work, and their results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from searchlab.core.trial import Failure, Outcome, Trial
from searchlab.study.spec import StudySpec


@dataclass(frozen=True)
class _Result:
    """What all results but a trial's outcome have in common.

    Attributes:
        number: the job's number.
        seconds: the wall time of the job.
        error: why it failed, or None.
    """

    number: int
    seconds: float = field(default=0.0, kw_only=True)
    error: Failure | None = field(default=None, kw_only=True)

    @classmethod
    def failed(cls, number: int, error: Failure, seconds: float = 0.0) -> Self:
        """Make the result of a job that failed."""
        return cls(number, seconds=seconds, error=error)


@dataclass(frozen=True)
class Checked(_Result):
    """The result of a check.

    Attributes:
        unfused: why the study's trials cannot be trained in fused programs, where that was asked
            for; or None.
    """

    unfused: str | None = None


@dataclass(frozen=True)
class Made(_Result):
    """The result of making one of the models that a study leaves.

    Attributes:
        metrics: the model's metrics on the rows that it is measured on, by name; see
            `training.final`.
        epochs: the epochs of its training; 0 if the trial's checkpoint was taken.
        model_path: the model's file, relative to the study's directory; None only if it failed.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 0
    model_path: str | None = None

    def __post_init__(self) -> None:
        if (self.error is None) == (self.model_path is None):
            raise ValueError("there is either a model or an error")


@dataclass(frozen=True)
class Measured(_Result):
    """The result of a baseline.

    Attributes:
        metrics: the study's metrics on the test rows, those that such a model has.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One piece of work, complete in itself: it can be sent to another process or machine.

    Attributes:
        number: unlike that of any other job in flight; reports and the result carry it.
        spec: the study.
        base: the directory of the study file, from which its relative paths start.
        data: the directory of the prepared data.
        directory: the study's directory; trained weights go to `models/7/fold-0.npz` for trial 7,
            the winner's own model to `best/`, the refitted one to `refit/`.
        start: the logical time at which it starts, in reports; see `executors.fused`.
    """

    number: int
    spec: StudySpec
    base: Path
    data: Path
    directory: Path
    start: int = 0


@dataclass(frozen=True, kw_only=True)
class CheckJob(_Job):
    """Build the study's model and try it on a few rows, before trial 0 trains."""

    gives: ClassVar = Checked


@dataclass(frozen=True, kw_only=True)
class _TrialsJob(_Job):
    """Work on the model of one trial.

    Attributes:
        trial: with which params, epochs and seed; its number is that of the study's trial.
    """

    trial: Trial


@dataclass(frozen=True, kw_only=True)
class TrialJob(_TrialsJob):
    """Train a trial on each fold (or the hold-out's rest) and score it.

    Attributes:
        keep: whether the trained weights are written.
        synchronous: whether the training waits for a decision after each epoch.
    """

    gives: ClassVar = Outcome
    keep: bool = False
    synchronous: bool = False


@dataclass(frozen=True, kw_only=True)
class FinalJob(_TrialsJob):
    """Make the winner's own model, with early stopping, and measure it; see `training.final`.

    Attributes:
        scores: what is known of the trial: see `package.manifest.Manifest`.
    """

    gives: ClassVar = Made
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RefitJob(_TrialsJob):
    """Fit the winner to all rows but the test's, and measure its model on the test rows.

    Attributes:
        scores: what is known of the trial: see `package.manifest.Manifest`.
    """

    gives: ClassVar = Made
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class BaselineJob(_TrialsJob):
    """Fit a simple model to the rows of the study's model, and measure it on the test rows.

    Attributes:
        baseline: which simple model, one of `baselines`.
    """

    gives: ClassVar = Measured
    baseline: str


ModelJob = FinalJob | RefitJob
"""The jobs that make a model which the study leaves."""

TrainingJob = TrialJob | ModelJob
"""The jobs that train networks, epoch by epoch."""

Job = CheckJob | TrainingJob | BaselineJob
"""All jobs."""

Result = Outcome | Checked | Made | Measured
"""All results; `gives` names each job's."""


def waits(job: Job) -> bool:
    """Return whether a job's training waits for a decision after each epoch."""
    return isinstance(job, TrialJob) and job.synchronous


def fits_all(job: Job) -> bool:
    """Return whether a job fits all rows but the test's, so that its data are `refit_data`'s.

    If the study's model is refitted, baselines are fitted to the rows of the refit.
    """
    return isinstance(job, RefitJob) or (isinstance(job, BaselineJob) and job.spec.refit)


def baselines(task: str) -> tuple[str, ...]:
    """Return the simple models that fit a task: "regression", "binary" or "multiclass"."""
    linear = ("linear",) if task == "regression" else ("logistic", "perceptron")
    return ("dummy", *linear, "boosting")
