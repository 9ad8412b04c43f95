"""The jobs that executors run, one type per kind of work, and their results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from searchlab.core.trial import Failure, Outcome, Trial
from searchlab.study.extent import Extent
from searchlab.study.spec import StudySpec


@dataclass(frozen=True)
class _Result:
    """The common part of all results except a trial's outcome.

    Attributes:
        number: the job's number.
        seconds: the job's wall time.
        error: the reason for its failure, or None.
    """

    number: int
    seconds: float = field(default=0.0, kw_only=True)
    error: Failure | None = field(default=None, kw_only=True)

    @classmethod
    def failed(cls, number: int, error: Failure, seconds: float = 0.0) -> Self:
        """Return the result of a failed job."""
        return cls(number, seconds=seconds, error=error)


@dataclass(frozen=True)
class Checked(_Result):
    """The result of a check.

    Attributes:
        unfused: the reason why the study's trials cannot be trained in fused programs although
            that was requested, or None.
    """

    unfused: str | None = None


@dataclass(frozen=True)
class Made(_Result):
    """The result of making one of the models that a study leaves.

    Attributes:
        metrics: the model's metrics on the measured rows, by name; see `training.final`.
        epochs: epochs of its training; 0 if the trial's checkpoint was used.
        model_path: the model's file, relative to the study's directory; None only if it failed.
        digest: the digest of the model's package; see `core.digest.directory_digest`.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 0
    model_path: str | None = None
    digest: str = ""

    def __post_init__(self) -> None:
        if (self.error is None) == (self.model_path is None):
            raise ValueError("there is either a model or an error")


@dataclass(frozen=True)
class Measured(_Result):
    """The result of a baseline.

    Attributes:
        metrics: those of the study's metrics that the baseline has, on the measured rows.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One self-contained piece of work, which can be sent to another process or machine.

    Attributes:
        number: unique among the jobs in flight; reports and the result carry it.
        spec: the study.
        base: the directory of the study file, to which its paths are relative.
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
    """A job that builds the study's model and tries it on a few rows before trial 0.

    Attributes:
        extent: the study's size, or None if its file does not limit it.
    """

    extent: Extent | None = None

    gives: ClassVar = Checked


@dataclass(frozen=True, kw_only=True)
class _TrialsJob(_Job):
    """A job on the model of one trial.

    Attributes:
        trial: the params, epochs and seed; its number is that of the study's trial.
    """

    trial: Trial


@dataclass(frozen=True, kw_only=True)
class TrialJob(_TrialsJob):
    """A job that trains a trial on each fold (or outside the hold-out) and scores it.

    Attributes:
        keep: whether the trained weights are saved.
        synchronous: whether the training waits for a decision after each epoch.
        weights: the digest of the saved weights that each fold starts from, in order, if any.
    """

    gives: ClassVar = Outcome
    keep: bool = False
    synchronous: bool = False
    weights: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _ModelJob(_TrialsJob):
    """A job that makes one of the models that a study leaves.

    Attributes:
        scores: the trial's scores so far, see `package.manifest.Manifest`.
    """

    gives: ClassVar = Made
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FinalJob(_ModelJob):
    """A job that makes the winner's own model, with early stopping; see `training.final`.

    Attributes:
        weights: the digest of the trial's saved weights, if the model has these.
    """

    weights: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RefitJob(_ModelJob):
    """A job that fits the winner to all rows but the test rows, on which it is measured.

    Attributes:
        measured: without test rows, the metrics of the winner's own model, measured on rows that a
            refit has seen; else empty.
        rates: the learning rate of each epoch of the trial, if a callback changed it; else empty.
    """

    measured: Mapping[str, float] = field(default_factory=dict)
    rates: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BaselineJob(_TrialsJob):
    """A job that fits a baseline to the rows of the study's model and measures it on the same rows.

    Attributes:
        baseline: its name, one of `baselines`.
    """

    gives: ClassVar = Measured
    baseline: str


ModelJob = FinalJob | RefitJob
"""The jobs that make one of the models that a study leaves."""

TrainingJob = TrialJob | ModelJob
"""The jobs that train networks, epoch by epoch."""

Job = CheckJob | TrainingJob | BaselineJob
"""All jobs."""

Result = Outcome | Checked | Made | Measured
"""All results; a job's `gives` is the type of its result."""


def waits(job: Job) -> bool:
    """Return whether a job's training waits for a decision after each epoch."""
    return isinstance(job, TrialJob) and job.synchronous


def fits_all(job: Job) -> bool:
    """Return whether a job fits all rows but the test rows, so that its data are `refit_data`'s.

    If the study's model is refitted, baselines are fitted to the refit's rows, unless there are no
    test rows, on which alone such a fit can be measured.
    """
    refitted = job.spec.refit and job.spec.data.tested
    return isinstance(job, RefitJob) or (isinstance(job, BaselineJob) and refitted)


def baselines(task: str) -> tuple[str, ...]:
    """Return the baselines for a task: "regression", "binary" or "multiclass"."""
    linear = ("linear",) if task == "regression" else ("logistic", "perceptron")
    return ("dummy", *linear, "boosting")
