"""A model with all that its use needs, in a directory: see `write_package`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from searchlab.training.checkpoint import moved_to, save_model
from searchlab.training.job import Job, Work


def package_directory(directory: Path, work: Work) -> Path:
    """Where the model of a FINAL or REFIT job goes, in a study's directory."""
    return directory / ("refit" if work is Work.REFIT else "best")


def model_file(package: Path) -> Path:
    """The Keras model of a package."""
    return package / "model.keras"


def write_package(model: Any, job: Job) -> Path:
    """Writes `model.keras` and `preprocessing.skops`; each file is there whole or not at all.

    Args:
        model: a trained Keras model.
        job: the FINAL or REFIT job that made it.

    Returns:
        The package's directory.

    Raises:
        StorageError: if it cannot be written.
    """
    package = package_directory(job.directory, job.work)
    save_model(model, model_file(package))
    with moved_to(package / "preprocessing.skops") as scratch:
        shutil.copyfile(job.data / "preprocessing.skops", scratch)
    return package
