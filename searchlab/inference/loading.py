"""Loading of packaged models."""

from __future__ import annotations

import os
from pathlib import Path

from searchlab.core.quiet import quiet
from searchlab.data.preprocessing import load_preprocessing
from searchlab.errors import PackageError
from searchlab.inference.model import Model
from searchlab.package.load import load_keras
from searchlab.package.manifest import MANIFEST, Manifest
from searchlab.package.write import CODE, PREPROCESSING, model_file

_INSIDE = "data/*"
"""Glob of the package inside an MLflow model; see `flavor.save_model`."""


def package_in(path: Path) -> Path:
    """Find the package in a directory: a study's, an exported one, or an MLflow model's.

    Args:
        path: the directory, or its `model.keras`.

    Raises:
        PackageError: if there is no package.
    """
    directory = path.parent if path.is_file() else path
    for package in (directory, *directory.glob(_INSIDE)):
        if (package / MANIFEST).is_file():
            return package
    kept = model_file(directory).is_file()
    why = f"{MANIFEST} is missing" if kept else "it contains no model.json and no model.keras"
    raise PackageError(
        f"{path} is not a searchlab model ({why}): give a model's directory, such as one that "
        "searchlab export wrote"
    )


def has_code(package: Path) -> bool:
    """Return whether loading a package would run code that came with it."""
    return os.path.lexists(package / CODE)  # a link that leads nowhere, too


def load_package(path: Path) -> Model:
    """Load a model. This executes the user's own code in `code/`, if there is any.

    Keras loads in safe mode and nothing is unpickled, but only load a model with `code/` from
    somebody you trust.

    Args:
        path: see `package_in`.

    Raises:
        PackageError: if there is no model or it cannot be loaded.
        DataError: if its preprocessing cannot be read.
    """
    package = package_in(path)
    manifest = Manifest.read(package)
    with quiet():
        loaded, code = load_keras(package, manifest)
    with code.active():
        preprocessing = load_preprocessing(package / PREPROCESSING, code.names)
    code.stay()
    return Model(loaded, preprocessing, manifest, code)
