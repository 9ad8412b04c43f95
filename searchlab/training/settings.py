"""Settings of the process that a factory may change, but not for the next one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

_LIBRARIES = (
    *("CUDA_", "GIT_", "KERAS_", "MKL_", "MLFLOW_", "OMP_", "PYTHON", "SEARCHLAB_", "TF_", "XLA_"),
)
"""Beginnings of the names by which libraries are set up, at times by other threads."""


def settings() -> dict[str, Any]:
    """Return the environment's variables and Keras' settings, by what people call them."""
    found: dict[str, Any] = {
        f"the environment variable {name}": value for name, value in _environment().items()
    }
    found["Keras' floatx"] = keras.config.floatx()
    found["Keras' epsilon"] = keras.config.epsilon()
    found["Keras' image_data_format"] = keras.config.image_data_format()
    return found


@contextmanager
def settings_kept() -> Iterator[None]:
    """Restore the environment's variables and Keras' settings at the end."""
    environment = _environment()
    floatx, epsilon = keras.config.floatx(), keras.config.epsilon()
    image = keras.config.image_data_format()
    try:
        yield
    finally:
        now = _environment()
        for name in now.keys() - environment.keys():
            os.environ.pop(name, None)
        os.environ.update({k: v for k, v in environment.items() if now.get(k) != v})
        keras.config.set_floatx(floatx)
        keras.config.set_epsilon(epsilon)
        keras.config.set_image_data_format(image)


def _environment() -> dict[str, str]:
    """Return the variables of the environment that a model may read."""
    return {k: v for k, v in os.environ.items() if not k.startswith(_LIBRARIES)}
