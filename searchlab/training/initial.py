"""Initial weights: the first layers of each model begin with those of another study's model.

A study keeps a copy of the other model in `initial/`, so that it does not depend on what becomes
of the other study. Layers are paired in their order, those without weights aside.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from searchlab.errors import ModelError
from searchlab.study.spec import StudySpec
from searchlab.training import factories
from searchlab.training.checkpoint import moved_to
from searchlab.training.job import Job

_KEY = "model.initial_weights"


@dataclass(frozen=True)
class Source:
    """Whose model gives the initial weights.

    Attributes:
        study: the other study's name.
        digest: SHA-256 of its model's file.
        factory: the reference of its factory, in whose module the model's own classes stand.
        base: the directory from which the reference starts.
    """

    study: str
    digest: str
    factory: str
    base: str


@dataclass(frozen=True)
class Layer:
    """A layer with weights: its name and the weights, in Keras' order."""

    name: str
    weights: tuple[np.ndarray[Any, Any], ...]


def model_file(directory: Path) -> Path:
    """Where a study's directory has the model that gives the initial weights."""
    return directory / "initial" / "model.keras"


def digest_of(file: Path) -> str:
    """The SHA-256 of a file.

    Raises:
        OSError: if it cannot be read.
    """
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def keep(model: Path, study: str, factory: str, base: str, directory: Path) -> Source:
    """Copies another study's model into a study's directory.

    Args:
        model: the `.keras` file.
        study: whose it is.
        factory: the reference of the other study's factory.
        base: the directory from which the reference starts.
        directory: the study's directory.

    Raises:
        StorageError: if it cannot be copied; there is no half of it.
    """
    target = model_file(directory)
    with moved_to(target) as scratch:
        shutil.copyfile(model, scratch)
        source = Source(study, digest_of(scratch), factory, base)
    with moved_to(_source_file(directory)) as scratch:
        scratch.write_text(json.dumps(asdict(source)), encoding="utf-8")
    return source


def frozen_epochs(spec: StudySpec) -> int:
    """For how many epochs the copied layers are not trained."""
    return 0 if spec.factory.initial is None else spec.factory.initial.freeze


def initial_layers(job: Job) -> Sequence[Layer]:
    """The layers to copy into a job's model, from the first on; none if the study wants none.

    The first call in a process loads the other model, which draws from Keras' generators.

    Raises:
        ModelError: if the model cannot be loaded, or has fewer layers than the study wants.
    """
    wanted = job.spec.factory.initial
    if wanted is None:
        return ()
    source = _read_source(job.directory)
    layers = _load(model_file(job.directory).resolve(), source)  # jobs may share it by a link
    count = len(layers) - 1 if wanted.layers is None else wanted.layers
    if count < 1:
        raise ModelError(
            f"{_KEY}: the model of study {source.study} has no layers with weights but its last: "
            "there is nothing to begin with; name another study, or leave it out"
        )
    if count > len(layers):
        raise ModelError(
            f"{_KEY}.layers: the model of study {source.study} has only {len(layers)} layers with "
            f"weights: ask for at most {len(layers)}"
        )
    return layers[:count]


def copy_layers(layers: Sequence[Layer], model: Any) -> None:
    """Gives the first layers of a built Keras model the weights of others.

    Raises:
        ModelError: if one of them does not fit; then no weight has been changed.
    """
    targets = weighted_layers(model)
    if len(targets) < len(layers):
        raise ModelError(
            f"{_KEY}: {len(layers)} layers are to be copied, but the model that the factory builds "
            f"has only {len(targets)} with weights: let it build more, or set "
            f"{_KEY}.layers to at most {len(targets)}"
        )
    pairs = list(zip(layers, targets, strict=False))
    for number, (layer, target) in enumerate(pairs, start=1):
        given = [each.shape for each in layer.weights]
        if given != (wanted := [tuple(each.shape) for each in target.weights]):
            raise ModelError(
                f"{_KEY}: layer {number}, {layer.name}, has weights of {_shown(given)}, but "
                f"{target.name} of the model that the factory builds has {_shown(wanted)}: let it "
                f"build layers of the same widths, such as with a fixed width in model.params, or "
                + (f"set {_KEY}.layers to {number - 1}" if number > 1 else "name another study")
            )
    for layer, target in pairs:
        target.set_weights(layer.weights)


def weighted_layers(model: Any) -> list[Any]:
    """The layers of a built model that have weights.

    Keras' Normalization is not among them: its weights are the moments of the model's own data.
    """
    import keras

    normalization = keras.layers.Normalization
    return [each for each in model.layers if each.weights and not isinstance(each, normalization)]


def _source_file(directory: Path) -> Path:
    return model_file(directory).with_name("source.json")


def _read_source(directory: Path) -> Source:
    file = _source_file(directory)
    try:
        return Source(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"{file}: cannot be read ({error}); restore the file from a backup, or start the study "
            "anew under another --name"
        ) from None


@lru_cache(maxsize=1)
def _load(path: Path, source: Source) -> tuple[Layer, ...]:
    """The layers of a model that have weights; it is loaded once a process."""
    import keras

    try:
        model = keras.saving.load_model(
            path, custom_objects=_own_classes(source), compile=False, safe_mode=True
        )
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"{_KEY}: the model of study {source.study} cannot be loaded ({type(error).__name__}: "
            f"{reason}); code that it is made of must be where it was, at {source.factory} in "
            f"{source.base}"
        ) from error
    return tuple(
        Layer(layer.name, tuple(np.array(each) for each in layer.weights))
        for layer in weighted_layers(model)
    )


def _own_classes(source: Source) -> dict[str, Any]:
    """The classes of the module that the other study's factory stands in.

    A plain model loads without them, so a factory that is gone is no trouble by itself.
    """
    try:
        module = sys.modules[factories.load(source.factory, Path(source.base)).__module__]
    except ModelError:
        return {}
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    }


def _shown(shapes: Sequence[tuple[int, ...]]) -> str:
    return " and ".join(map(str, shapes))
