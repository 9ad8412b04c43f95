"""The check that an Embedding gets the whole numbers that it is made for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from searchlab.core.arrays import Array
from searchlab.data.prepared import PreparedData
from searchlab.errors import ModelError
from searchlab.private.keras import input_structure
from searchlab.training.build import feed_of

_ROWS = 2000


def check_embeddings(name: str, model: Any, data: PreparedData) -> None:
    """Reject a model whose Embedding gets scaled numbers, or numbers that it has no vector for.

    On some devices such numbers are no error but a vector of zeros. Layers whose input cannot be
    computed from the model's are not checked.

    Args:
        name: the factory in messages.
        model: the study's model.
        data: the prepared data.

    Raises:
        ModelError: with the number and the remedy.
    """
    x = feed_of(model, data)(data.x_train[:_ROWS])
    for layer, given in _inputs(model, x):
        broken = given[given != np.round(given)]
        if len(broken):
            raise ModelError(
                f"{name}: its Embedding takes whole numbers and gets {broken[0]:.4g}, because "
                f"data.scale is {data.meta['scale']}: write scale: none in data, or categories: "
                "integer for columns of categories"
            )
        outside = given[(given < 0) | (given >= layer.input_dim)]
        if len(outside):
            raise ModelError(
                f"{name}: its Embedding has vectors for 0 to {layer.input_dim - 1} and gets "
                f"{outside[0]:.0f}: give it a larger input_dim"
            )


def _inputs(model: Any, x: Any) -> Iterator[tuple[Any, Array]]:
    """Yield the embeddings of a model with the values (n,) that they get."""
    flat = getattr(model, "inputs", None) or [None]
    inputs = flat[0] if len(flat) == 1 else input_structure(model)
    for layer in () if inputs is None else model.layers:
        if not isinstance(layer, keras.layers.Embedding):
            continue
        try:
            before = keras.Model(inputs, layer.input)
        except (AttributeError, ValueError):  # of a subclass, or called more than once
            continue
        yield layer, np.asarray(before(x)).ravel()
