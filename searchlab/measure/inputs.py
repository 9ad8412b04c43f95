"""Rows in the form in which Keras takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from searchlab.core.arrays import Array


def is_text(x: Array) -> bool:
    """Return whether rows are raw text, kept as bytes, and not numbers."""
    return bool(x.dtype.kind == "S")


def model_input(x: Array) -> Any:
    """Return rows as a model is called with them: text as a tensor of strings."""
    if not is_text(x):
        return np.asarray(x)
    import tensorflow as tf

    return tf.constant(np.asarray(x))


def symbolic_input(shape: Sequence[int], *, text: bool) -> Any:
    """Return a Keras input of any number of rows of a shape."""
    import keras

    return keras.Input(shape, dtype="string" if text else None)
