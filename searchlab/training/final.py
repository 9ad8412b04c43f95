"""The study's model: what FINAL does before and after its one training.

After cross-validation the model is fitted to all training rows, which no fold's model has seen;
after a hold-out it is the best trial's own model, trained again if its checkpoint has been lost.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from searchlab.training.checkpoint import best_file, checkpoint_file, is_whole, moved_to
from searchlab.training.job import Job
from searchlab.training.outcome import objective
from searchlab.training.prepare import PreparedData
from searchlab.training.preprocessing import Array
from searchlab.trial import Outcome, TrialState


def final_rows(job: Job, data: PreparedData) -> Array:
    """The rows (n,) to which the study's model is fitted, counted within the training rows."""
    if job.spec.evaluation.folds is None:
        return data.folds[0][0]
    return np.arange(len(data.x_train))


def own_checkpoint(job: Job) -> Path | None:
    """The best trial's checkpoint where its model is the study's, or None: it must be trained."""
    file = checkpoint_file(job.directory, job.trial.number, 0)
    return file if job.spec.evaluation.folds is None and is_whole(file) else None


def final_outcome(job: Job, metrics: Mapping[str, float], epochs: int) -> Outcome:
    """Puts the preprocessing beside the study's model, and says what it is worth.

    Args:
        job: the FINAL job; its model has been written to `best_file(job.directory)`.
        metrics: those on the test rows, named `val_...`.
        epochs: the epochs of the one training; 0 if the trial's checkpoint was taken.

    Raises:
        ModelError: if the model does not measure the objective.
        FloatingPointError: if the objective is not finite.
        StorageError: if the preprocessing cannot be written.
    """
    target = best_file(job.directory)
    with moved_to(target.with_name("preprocessing.skops")) as scratch:
        shutil.copyfile(job.data / "preprocessing.skops", scratch)
    return Outcome(
        job.trial.number,
        TrialState.COMPLETE,
        value=objective(metrics, job.spec.objective.metric),
        metrics={name.removeprefix("val_"): value for name, value in metrics.items()},
        epochs=epochs,
        model_path=target.relative_to(job.directory).as_posix(),
    )
