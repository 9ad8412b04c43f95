"""Export of a model to a self-contained directory, usable with and without searchlab."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

from searchlab.core.atomic import whole_directory
from searchlab.core.quiet import quiet
from searchlab.data.example import load_example
from searchlab.errors import InputError
from searchlab.inference.card import card
from searchlab.inference.loading import load_package
from searchlab.inference.model import Model
from searchlab.package.write import copy_package

SAVED_MODEL = "saved_model"
ONNX = "model.onnx"


def export_package(package: Path, directory: Path, say: Callable[[str], None]) -> None:
    """Write a model in every supported format, atomically.

    The directory holds the package itself (so that `load_model` accepts it), TensorFlow's
    SavedModel, an ONNX file if tf2onnx is installed, and a model card.

    Args:
        package: the packaged model.
        directory: the destination; must be empty or not exist.
        say: called with a message for each format that was skipped.

    Raises:
        InputError: if the directory is not empty.
        PackageError: if the model cannot be loaded.
        OSError: if the directory cannot be written.
    """
    target = directory.resolve()
    if target == Path.cwd() or (target.exists() and not target.is_dir()):
        raise InputError(f"{directory} cannot be the model's directory: name a new one")
    if target.is_dir() and any(target.iterdir()):
        raise InputError(f"{directory} is not empty: name a directory that does not exist yet")
    with whole_directory(target) as new:
        copy_package(package, new)
        model = load_package(new)
        with quiet():
            model.predict(load_example(new))  # Keras exports only a model that has been called
            model.keras.export(new / SAVED_MODEL, format="tf_saved_model", verbose=False)
        missing = _onnx(model, new / ONNX)
        if missing:
            say(missing)
        (new / "README.md").write_text(card(model.manifest, new), encoding="utf-8")


def _onnx(model: Model, file: Path) -> str:
    """Write an ONNX file; return the reason if that is impossible, else an empty string."""
    if importlib.util.find_spec("tf2onnx") is None or importlib.util.find_spec("onnx") is None:
        return f"no {ONNX} written: to get it, pip install tf2onnx onnx"
    try:
        with quiet():
            model.keras.export(file, format="onnx", verbose=False)
    except Exception as error:  # an unsupported layer can raise almost anything
        file.unlink(missing_ok=True)
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return f"no {ONNX} written: this model cannot be converted ({why})"
    return ""
