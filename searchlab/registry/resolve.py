"""The meaning of MODEL on the command line: a study, a model in MLflow, or a path."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from searchlab.core.arguments import path_text
from searchlab.core.scratch import scratch
from searchlab.errors import PackageError
from searchlab.journal.home import StudyHome, load_record, study_names
from searchlab.registry.trust import refuse_code
from searchlab.tracking.mlflow.address import MODEL, missing_file, redact, resolve_uri
from searchlab.tracking.mlflow.seal import check_seal
from searchlab.tracking.mlflow.tracker import registry

if TYPE_CHECKING:
    from searchlab.inference.model import Model

_IN_MLFLOW = ("models:/", "runs:/")


def load_model(
    model: str | os.PathLike[str], tracking_uri: str | None = None, *, trust_code: bool = False
) -> Model:
    """Load a trained model, which takes raw rows.

    A model that was built by user code includes that code, and loading it runs it: only load a
    model from a path that you trust. A model from MLflow must have the files that were registered,
    and its code runs only if you say so.

    Args:
        model: the name of a study in this working directory; `models:/NAME@champion`,
            `models:/NAME/VERSION`, `models:/m-...` or `runs:/...` in MLflow; a registered model's
            name, for its champion; or the path of a directory with a model, such as one that
            `searchlab export` wrote.
        tracking_uri: the MLflow store or server; without it the variable MLFLOW_TRACKING_URI
            counts, and without that the file `mlflow.db` here.
        trust_code: whether code of a model from MLflow may run, with your rights. Without it, that
            is so for the stores whose addresses are in the variable SEARCHLAB_TRUST_CODE_FROM.

    Raises:
        PackageError: if there is no such model, or it cannot be loaded, or its files were changed,
            or it would run code that is not trusted.
        TrackingError: if the store cannot be used.
        DataError: if its preprocessing cannot be read.
    """
    text = path_text(model, "model", "a study's name, an address in MLflow, or a path")
    if tracking_uri is not None:
        path_text(tracking_uri, "tracking_uri", "the address of a store or server as a text")
    with located(text, Path.cwd(), tracking_uri, trust_code=trust_code) as package:
        from searchlab.inference.loading import load_package  # imports Keras

        return load_package(package)


def load_study_model(name: str, cwd: Path) -> Model:
    """Load the model of a study in a working directory.

    Raises:
        PackageError: if the study has no model, or it cannot be loaded.
    """
    package = _of_study(name, cwd)
    from searchlab.inference.loading import load_package  # imports Keras

    return load_package(package)


@contextlib.contextmanager
def located(model: str, cwd: Path, tracking_uri: str | None, *, trust_code: bool) -> Iterator[Path]:
    """Provide the directory of a model, which may be loaded, for the duration of the block.

    Args:
        model: see `load_model`.
        cwd: the working directory.
        tracking_uri: see `load_model`.
        trust_code: see `load_model`.

    Raises:
        PackageError: if there is no such model, or it may not be loaded.
        TrackingError: if the store cannot be used.
    """
    if model.startswith(_IN_MLFLOW):
        with _downloaded(model, resolve_uri(tracking_uri, cwd), trust_code) as package:
            yield package
    elif model in study_names(cwd):
        yield _of_study(model, cwd)
    elif model and os.path.exists(cwd / model):  # noqa: PTH110 - it fails for no name
        yield _in(cwd / model)
    else:
        uri = resolve_uri(tracking_uri, cwd)
        champion = None if os.sep in model else _champion(model, uri)
        if champion is None:
            raise _unknown(model, cwd, uri)
        with _downloaded(champion, uri, trust_code) as package:
            yield package


def _of_study(name: str, cwd: Path) -> Path:
    record = load_record(name, cwd)
    stopped = record.stopped
    if stopped is None or stopped.model_path is None:
        raise PackageError(
            f"study {name} has no model (it is {record.state}): run its study file to the end with "
            "searchlab run"
        )
    file = StudyHome(name, cwd).directory / stopped.model_path
    if not file.exists():
        raise PackageError(
            f"{file} is missing: restore it from a backup, or take the model from "
            "MLflow (searchlab models)"
        )
    return _in(file)


def _in(path: Path) -> Path:
    from searchlab.inference.loading import package_in  # imports pandas and scikit-learn

    return package_in(path)


@contextlib.contextmanager
def _downloaded(model: str, uri: str, trust_code: bool) -> Iterator[Path]:
    _check_there(uri, model)
    if not MODEL.fullmatch(model):
        raise PackageError(
            f"{model} is not an address in MLflow: write models:/NAME@champion, models:/NAME/3 or "
            "models:/m-ID"
        )
    with scratch() as folder:
        with registry(uri) as client:
            from searchlab.tracking.mlflow.download import download, find  # imports MLflow

            stored = find(client, uri, model)
            package = _in(download(uri, model, stored, folder))
        check_seal(package, stored.tags, model)
        if not trust_code:
            refuse_code(package, model, uri)
        yield package


def _champion(name: str, uri: str) -> str | None:
    """Return the address of a registered model's champion; None without such a model or store."""
    if missing_file(uri) is not None:
        return None
    with registry(uri) as client:
        from searchlab.tracking.mlflow.download import champion_of  # imports MLflow

        return champion_of(client, name)


def _check_there(uri: str, model: str) -> None:
    if file := missing_file(uri):
        raise PackageError(
            f"{model} cannot be looked up, as there is no {file.name} here: give --tracking-uri, "
            "or go to the directory that has it"
        )


def _unknown(model: str, cwd: Path, uri: str) -> PackageError:
    studies = ", ".join(study_names(cwd)) or "none"
    return PackageError(
        f"there is no model {model!r}: it is neither a study here (there is: {studies}), nor a "
        f"path, nor a registered model in {redact(uri)} (searchlab models lists them)"
    )
