"""Settings of the process that a factory may change, but not for the next one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras

_LIBRARIES = (
    "CUDA_",
    "GIT_",
    "KERAS_",
    "MKL_",
    "MLFLOW_",
    "OMP_",
    "PYTHON",
    "SEARCHLAB_",
    "TF_",
    "XLA_",
)
"""Beginnings of the names by which libraries are set up, at times by other threads."""

_KERAS: Mapping[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "floatx": (keras.config.floatx, keras.config.set_floatx),
    "epsilon": (keras.config.epsilon, keras.config.set_epsilon),
    "image_data_format": (
        keras.config.image_data_format,
        keras.config.set_image_data_format,
    ),
}
"""Keras' settings by name, how to read each and how to set it."""


def settings() -> dict[str, Any]:
    """Return the environment's variables and Keras' settings, by what people call them."""
    found: dict[str, Any] = {
        f"the environment variable {name}": value for name, value in _environment().items()
    }
    return found | {f"Keras' {name}": read() for name, (read, _) in _KERAS.items()}


@contextmanager
def settings_kept() -> Iterator[None]:
    """Restore the environment's variables and Keras' settings at the end."""
    environment = _environment()
    before = [(write, read()) for read, write in _KERAS.values()]
    try:
        yield
    finally:
        now = _environment()
        for name in now.keys() - environment.keys():
            os.environ.pop(name, None)
        os.environ.update({k: v for k, v in environment.items() if now.get(k) != v})
        for write, value in before:
            write(value)


def _environment() -> dict[str, str]:
    """Return the variables of the environment that a model may read."""
    return {k: v for k, v in os.environ.items() if not k.startswith(_LIBRARIES)}
