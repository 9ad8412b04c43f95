"""Writing of a model and everything needed to use it: see `write_package`."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from searchlab.core.atomic import whole_directory
from searchlab.data.example import FILES
from searchlab.errors import StorageError
from searchlab.factories.find import load_factory
from searchlab.package.code import copy_code, imported_packages
from searchlab.package.manifest import MANIFEST, Manifest

MODEL = "model.keras"
PREPROCESSING = "preprocessing.skops"
CODE = "code"


def model_file(package: Path) -> Path:
    """Return the path of a package's Keras model."""
    return package / MODEL


def write_package(
    package: Path,
    model: Any,
    manifest: Manifest,
    *,
    data: Path,
    base: Path,
    own: Sequence[str] = (),
) -> None:
    """Write a self-contained model directory, atomically.

    It contains `model.keras`, `preprocessing.skops`, `model.json` (see `Manifest`), a few raw rows
    (`example.json`, or `example.npy` for images), and the user's own source in `code/`.

    Args:
        package: the directory to write.
        model: a trained Keras model.
        manifest: the model's origin; its versions are filled in here.
        data: directory of the prepared data that the model was trained on.
        base: the directory that paths of code are relative to.
        own: references to the user's other code that the model needs, such as a transformer.

    Raises:
        StorageError: if the package cannot be written.
    """
    try:
        with whole_directory(package) as new:
            model.save(model_file(new))
            for name in (PREPROCESSING, *FILES):
                if (data / name).exists():
                    shutil.copyfile(data / name, new / name)
            copy_code(manifest.factory, base, new / CODE)
            for reference in own:
                load_factory(reference, base, "transformer")
                copy_code(reference, base, new / CODE)
            needed = {**imported_packages(new / CODE), **_versions()}
            replace(manifest, versions=needed).write(new)
    except OSError as error:
        raise StorageError(
            f"{package}: the model cannot be written ({error.strerror or error}); make room or "
            "give write access, then run the study again to retrain it"
        ) from error


def copy_package(package: Path, directory: Path) -> None:
    """Copy the files of a package, and nothing else, into an existing directory.

    Raises:
        OSError: if a file cannot be written.
    """
    for name in (MODEL, PREPROCESSING, MANIFEST, *FILES):
        if (package / name).exists():
            shutil.copyfile(package / name, directory / name)
    if (package / CODE).is_dir():
        shutil.copytree(package / CODE, directory / CODE)


def _versions() -> dict[str, str]:
    """Return library versions as the modules report them; TensorFlow has several distributions."""
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
