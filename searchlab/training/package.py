"""A model with all that its use needs, in a directory: see `write_package`."""

from __future__ import annotations

import datetime
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from searchlab.errors import StorageError
from searchlab.training.code import copy_code, imported_packages
from searchlab.training.example import FILES
from searchlab.training.job import Job, Work
from searchlab.training.manifest import MANIFEST, Manifest
from searchlab.training.prepare import DataSummary, read_schema
from searchlab.training.whole import whole_directory

MODEL = "model.keras"
PREPROCESSING = "preprocessing.skops"
CODE = "code"


def package_directory(directory: Path, work: Work) -> Path:
    """Where the model of a FINAL or REFIT job goes, in a study's directory."""
    return directory / ("refit" if work is Work.REFIT else "best")


def model_file(package: Path) -> Path:
    """The Keras model of a package."""
    return package / MODEL


def write_package(
    model: Any, job: Job, summary: DataSummary, metrics: Mapping[str, float], *, tested: bool
) -> Path:
    """Writes a directory that is all that the use of a model needs; it is there whole or not.

    It has `model.keras`, `preprocessing.skops`, `model.json` (see `Manifest`), a few raw rows
    (`example.json`, or `example.npy` of images), and the user's own source in `code/`.

    Args:
        model: a trained Keras model.
        job: the FINAL or REFIT job that made it.
        summary: the data set.
        metrics: those of the model, as Keras names them.
        tested: whether they were measured on the test rows.

    Returns:
        The package's directory.

    Raises:
        StorageError: if it cannot be written.
    """
    package = package_directory(job.directory, job.work)
    try:
        with whole_directory(package) as new:
            model.save(model_file(new))
            for name in (PREPROCESSING, *FILES):
                if (job.data / name).exists():
                    shutil.copyfile(job.data / name, new / name)
            copy_code(job.spec.factory.factory, job.base, new / CODE)
            measured = "test" if tested else "validation"
            needed = {**imported_packages(new / CODE), **_versions()}
            _manifest(job, summary, (measured, metrics), needed).write(new)
    except OSError as error:
        raise StorageError(
            f"{package}: the model cannot be written ({error.strerror or error}); make room or "
            "give write access, then run the study again: it is made again"
        ) from error
    return package


def copy_package(package: Path, directory: Path) -> None:
    """Copies what belongs to a package, and nothing else, into an existing directory.

    Raises:
        OSError: if it cannot be written.
    """
    for name in (MODEL, PREPROCESSING, MANIFEST, *FILES):
        if (package / name).exists():
            shutil.copyfile(package / name, directory / name)
    if (package / CODE).is_dir():
        shutil.copytree(package / CODE, directory / CODE)


def _manifest(
    job: Job,
    summary: DataSummary,
    metrics: tuple[str, Mapping[str, float]],
    versions: Mapping[str, str],
) -> Manifest:
    spec, trial = job.spec, job.trial
    measured, values = metrics
    return Manifest(
        study=spec.name,
        trial=job.subject,
        params=dict(trial.suggestion.params),
        fixed=dict(spec.factory.params),
        seed=trial.seed,
        epochs=trial.suggestion.epochs,
        refitted=job.work is Work.REFIT,
        factory=spec.factory.factory,
        objective=spec.objective.metric,
        scores=dict(job.scores),
        measured=measured,
        metrics=dict(values),
        rows=read_schema(job.data),
        data={key: getattr(summary, key) for key in ("name", "source", "digest", "rows")},
        versions=versions,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _versions() -> dict[str, str]:
    """Of what a model needs to be loaded; the modules' own: TensorFlow has several names."""
    import keras
    import numpy
    import pandas
    import pyarrow
    import pydantic
    import sklearn
    import skops
    import tensorflow as tf

    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": numpy.__version__,
        "pandas": pandas.__version__,
        "pyarrow": pyarrow.__version__,
        "pydantic": pydantic.__version__,
        "scikit-learn": sklearn.__version__,
        "skops": skops.__version__,
    }
