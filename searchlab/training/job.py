"""What an executor is given to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from searchlab.core.trial import Trial
from searchlab.study.spec import StudySpec


class Work(StrEnum):
    """The kinds of job."""

    CHECK = "CHECK"
    """Build the trial's model once and try it on a few rows, before trial 0 trains."""
    TRIAL = "TRIAL"
    """Train the trial on each fold (or the hold-out's rest) and score it."""
    FINAL = "FINAL"
    """Make the winner's own model, with early stopping, and measure it; see `training.final`."""
    REFIT = "REFIT"
    """Fit the winner to all rows but the test's, and measure its model on the test rows."""
    BASELINE = "BASELINE"
    """Fit a simple model to the rows of the study's model, and measure it on the test rows."""


@dataclass(frozen=True)
class Job:
    """One piece of work, complete in itself: it can be sent to another process or machine.

    Attributes:
        work: what is to be done.
        trial: with which params, epochs and seed.
        spec: the study.
        base: the directory of the study file, from which its relative paths start.
        data: the directory of the prepared data.
        directory: the study's directory; trained weights go to `models/7/fold-0.npz` for trial 7,
            the winner's own model to `best/`, the refitted one to `refit/`.
        keep: whether the trained weights are written.
        synchronous: whether the training waits for a decision after each epoch.
        start: the logical time at which it starts, in reports; see `executors.fused`.
        baseline: which simple model a BASELINE fits.
        of: the study's trial that it is about, if that is not `trial`.
        scores: what is known of that trial: see `training.manifest.Manifest`.
    """

    work: Work
    trial: Trial
    spec: StudySpec
    base: Path
    data: Path
    directory: Path
    keep: bool = False
    synchronous: bool = False
    start: int = 0
    baseline: str | None = None
    of: int | None = None
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def subject(self) -> int:
        """The number of the study's trial that the job is about."""
        return self.trial.number if self.of is None else self.of


def fits_all(work: Work, refit: bool) -> bool:
    """Whether a job fits all rows but the test's, so that its data are those of `refit_data`.

    Args:
        work: the kind of job.
        refit: whether the study's model is refitted, to whose rows baselines are fitted too.
    """
    return work is Work.REFIT or (work is Work.BASELINE and refit)
