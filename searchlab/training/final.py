"""The models that a study leaves: the steps before and after their single training.

A `FinalJob` makes the winner's own model, with early stopping. After cross-validation it is fitted
to all training rows, which no fold's model has seen; after a hold-out it is the trial's own model,
made of its checkpoint. A `RefitJob` fits the winner to the early-stopping rows
too, with preprocessing that is also fitted to them, for the number of epochs given by its trial.
Only the study's model is measured on the test rows: the refitted one if there is one. If the study
has no test rows, all models are measured on the early-stopping rows, and a refit, which has seen
these, has the metrics of the model before it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping

import numpy as np

from searchlab.core.arrays import Array
from searchlab.core.digest import directory_digest
from searchlab.data.prepared import DataSummary, PreparedData, read_schema
from searchlab.data.target import Unseen
from searchlab.journal.layout import STRAYS, StudyLayout
from searchlab.measure.of_classes import without_own
from searchlab.package.manifest import Manifest
from searchlab.package.write import model_file, write_package
from searchlab.training.checkpoint import Checkpoint, load_checkpoint
from searchlab.training.job import (
    BaselineJob,
    FinalJob,
    Made,
    ModelJob,
    RefitJob,
    TrialJob,
    fits_all,
)
from searchlab.training.outcome import objective


def final_rows(job: ModelJob | BaselineJob, data: PreparedData) -> Array:
    """Return the indices (n,) of the rows to fit, within the training rows.

    They are all rows if the data are a refit's (see `layout.refit_data`), or if no fold's model has
    seen all of them.

    Args:
        job: a job that fits one model.
        data: the job's prepared data.
    """
    if fits_all(job) or job.spec.evaluation.folds is not None:
        return np.arange(len(data.x_train))
    return data.folds[0][0]


def tests(job: ModelJob | BaselineJob) -> bool:
    """Return whether the job's model is measured on the test rows: the study's, or a baseline.

    Any other model is measured on the early-stopping rows, because the test rows are used once.
    """
    last = not (isinstance(job, FinalJob) and job.spec.refit)
    return job.spec.data.tested and last


def measured_rows(job: ModelJob | BaselineJob, data: PreparedData) -> Unseen:
    """Return the rows that the job's model is measured on."""
    return data.unseen("test" if tests(job) else "validation")


def kept(job: ModelJob | TrialJob, fold: int = 0) -> Checkpoint | None:
    """Load the saved weights that a job starts from, or return None if it starts from new ones.

    Raises:
        LostWeightsError: if they are missing, or others.
    """
    number = job.trial.number
    if isinstance(job, TrialJob):
        resumed = job.trial.suggestion.resume_from
        if resumed is None:
            return None
        number = resumed
    elif not (isinstance(job, FinalJob) and job.weights):
        return None
    digest = job.weights[fold] if fold < len(job.weights) else ""
    return load_checkpoint(StudyLayout(job.directory).checkpoint(number, fold), digest)


def pack(
    job: ModelJob, data: PreparedData, model: object, metrics: Mapping[str, float], epochs: int
) -> Made:
    """Package a model with everything its use needs, and return its metrics.

    Args:
        job: the job that made it.
        data: the prepared data.
        model: the trained Keras model.
        metrics: its metrics on the measured rows, named `val_...`.
        epochs: epochs of the training; 0 if the trial's checkpoint was used.

    Raises:
        ModelError: if the model lacks the objective's metric.
        FloatingPointError: if the objective is not finite.
        StorageError: if the package cannot be written.
    """
    objective(metrics, job.spec.objective.metric)
    named = {name.removeprefix("val_"): each for name, each in metrics.items()}
    if isinstance(job, RefitJob) and job.measured:
        named = dict(job.measured)
    paths = StudyLayout(job.directory)
    package = paths.refit if isinstance(job, RefitJob) else paths.best
    manifest = _manifest(job, data.summary, named)
    own = job.spec.data.own
    without_own(model)
    write_package(package, model, manifest, data=job.data, base=job.base, own=own)
    return Made(
        job.number,
        metrics=named,
        epochs=epochs,
        model_path=model_file(package).relative_to(job.directory).as_posix(),
        digest=directory_digest(package, STRAYS),
    )


def _manifest(job: ModelJob, summary: DataSummary, metrics: Mapping[str, float]) -> Manifest:
    spec, trial = job.spec, job.trial
    return Manifest(
        study=spec.name,
        trial=trial.number,
        params=dict(trial.suggestion.params),
        fixed=dict(spec.factory.params),
        seed=trial.seed,
        epochs=trial.suggestion.epochs,
        refitted=isinstance(job, RefitJob),
        factory=spec.factory.factory,
        objective=spec.objective.metric,
        scores=dict(job.scores),
        measured="test" if tests(job) else "validation",
        metrics=dict(metrics),
        rows=read_schema(job.data),
        data={key: getattr(summary, key) for key in ("name", "source", "digest", "rows")},
        versions={},
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
