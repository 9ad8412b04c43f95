"""Initial weights: the first layers of each model start with those of another study's model.

A study keeps a copy of the other model in `initial/`, with the user's source needed to load it, so
that it does not depend on the fate of the other study. Layers are matched by their order, skipping
those without weights.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from searchlab.core.atomic import whole_directory
from searchlab.core.digest import files_digest
from searchlab.errors import ModelError, PackageError, StorageError
from searchlab.journal.layout import StudyLayout
from searchlab.package.load import load_keras
from searchlab.package.manifest import MANIFEST, Manifest
from searchlab.package.write import CODE, model_file
from searchlab.study.spec import StudySpec
from searchlab.training.job import Job

_KEY = "model.initial_weights"


@dataclass(frozen=True)
class Layer:
    """A layer with weights: its name and its weights in Keras' order."""

    name: str
    weights: tuple[np.ndarray[Any, Any], ...]


def digest_of(package: Path) -> str:
    """Return the SHA-256 of a package's files for loading its model: model, manifest and code.

    Raises:
        OSError: if a file cannot be read.
    """
    return files_digest(package, _parts(package))


def keep(package: Path, directory: Path) -> str:
    """Copy the files needed to load a package's Keras model into a study's directory.

    Args:
        package: the package of the other study.
        directory: the study's directory.

    Returns:
        The copy's digest, see `digest_of`.

    Raises:
        StorageError: if it cannot be copied; no partial copy is left.
    """
    target = StudyLayout(directory).initial
    try:
        with whole_directory(target) as new:
            for file in _parts(package):
                copy = new / file.relative_to(package)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
        return digest_of(target)
    except OSError as error:
        raise StorageError(
            f"{target}: the model in {package} cannot be copied to it ({error.strerror or error}); "
            "make room or give access, then run this again"
        ) from None


def frozen_epochs(spec: StudySpec) -> int:
    """Return the number of epochs for which the copied layers are not trained."""
    return 0 if spec.factory.initial is None else spec.factory.initial.freeze


def initial_layers(job: Job) -> Sequence[Layer]:
    """Return the layers to copy into a job's model, first ones first; none if not configured.

    The first call in a process loads the other model, which draws from Keras' generators.

    Raises:
        ModelError: if the model cannot be loaded or has fewer layers than the study asks for.
    """
    wanted = job.spec.factory.initial
    if wanted is None:
        return ()
    package = StudyLayout(job.directory).initial.resolve()  # jobs may share it through a link
    try:
        layers = _load(package, model_file(package).stat().st_mtime_ns)
    except PackageError as error:
        raise ModelError(f"{_KEY}: {error}") from error
    except OSError as error:
        raise ModelError(
            f"{_KEY}: {package} cannot be read ({error.strerror}); restore it from a backup, or "
            "start the study anew under another --name"
        ) from error
    count = len(layers) - 1 if wanted.layers is None else wanted.layers
    if count < 1:
        raise ModelError(
            f"{_KEY}: the model of study {wanted.study} has no layers with weights but its last: "
            "there is nothing to copy; name another study, or remove the key"
        )
    if count > len(layers):
        raise ModelError(
            f"{_KEY}.layers: the model of study {wanted.study} has only {len(layers)} layers with "
            f"weights: ask for at most {len(layers)}"
        )
    return layers[:count]


def copy_layers(layers: Sequence[Layer], model: Any) -> None:
    """Copy the weights of other layers into the first layers of a built Keras model.

    Raises:
        ModelError: if a layer does not fit; then no weight has been changed.
    """
    targets = weighted_layers(model)
    if len(targets) < len(layers):
        raise ModelError(
            f"{_KEY}: {len(layers)} layers are to be copied, but the model that the factory builds "
            f"has only {len(targets)} with weights: build more, or set "
            f"{_KEY}.layers to at most {len(targets)}"
        )
    pairs = list(zip(layers, targets, strict=False))
    for number, (layer, target) in enumerate(pairs, start=1):
        given = [each.shape for each in layer.weights]
        if given != (wanted := [tuple(each.shape) for each in target.weights]):
            raise ModelError(
                f"{_KEY}: layer {number}, {layer.name}, has weights of {_shown(given)}, but "
                f"{target.name} of the model that the factory builds has {_shown(wanted)}: "
                f"build layers of the same widths, perhaps with a fixed width in model.params, or "
                + (f"set {_KEY}.layers to {number - 1}" if number > 1 else "name another study")
            )
    for layer, target in pairs:
        target.set_weights(layer.weights)


def weighted_layers(model: Any) -> list[Any]:
    """Return the layers of a built model that have weights.

    Keras' Normalization is excluded: its weights are the moments of the model's own data.
    """
    import keras

    normalization = keras.layers.Normalization
    return [each for each in model.layers if each.weights and not isinstance(each, normalization)]


def _parts(package: Path) -> Iterator[Path]:
    """Yield the files needed to load a package's Keras model."""
    yield model_file(package)
    yield package / MANIFEST
    yield from sorted((package / CODE).rglob("*.py"))


@lru_cache(maxsize=1)
def _load(package: Path, _written: int) -> tuple[Layer, ...]:
    """Return the layers of a model that have weights; load each file version once per process."""
    model, code = load_keras(package, Manifest.read(package), compiled=False)
    with code.active():
        return tuple(
            Layer(layer.name, tuple(np.array(each) for each in layer.weights))
            for layer in weighted_layers(model)
        )


def _shown(shapes: Sequence[tuple[int, ...]]) -> str:
    return " and ".join(map(str, shapes))
