"""Built-in model factories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np


def mlp(
    n_hidden: int = 1,
    n_neurons: int = 30,
    learning_rate: float = 3e-3,
    activation: str = "relu",
    optimizer: str = "sgd",
    dropout: float = 0.0,
    l2: float = 0.0,
    *,
    input_shape: tuple[int, ...],
    meta: Mapping[str, Any],
) -> keras.Model:
    """Build a multi-layer perceptron for regression, binary and multi-class targets.

    Images are flattened. Features that the study does not scale are normalised inside the
    model with the mean and variance of the training rows.

    Args:
        n_hidden: the number of hidden layers, 0 for a linear model.
        n_neurons: the neurons of each hidden layer.
        learning_rate: the optimiser's learning rate.
        activation: the hidden layers' activation.
        optimizer: the name of a Keras optimiser.
        dropout: the fraction dropped after each hidden layer, 0 to below 1.
        l2: the weight of the L2 penalty on the hidden layers' kernels.
        input_shape: the shape of one row.
        meta: facts about the data (see `data.prepare.PreparedData.meta`).

    Returns:
        A compiled model. Its metrics are `mae` for regression, `accuracy` for classes.
    """
    units, last, loss, metrics = _head(meta)
    model = keras.Sequential([keras.Input(tuple(input_shape))])
    if meta["scale"] == "none":
        model.add(_normalization(meta))
    if len(input_shape) > 1:
        model.add(keras.layers.Flatten())
    penalty = keras.regularizers.L2(l2) if l2 else None
    for _ in range(n_hidden):
        model.add(keras.layers.Dense(n_neurons, activation=activation, kernel_regularizer=penalty))
        if dropout:
            model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(units, activation=last))
    chosen = keras.optimizers.get({"class_name": optimizer, "config": {}})
    chosen.learning_rate = learning_rate
    model.compile(optimizer=chosen, loss=loss, metrics=metrics)
    return model


def _head(meta: Mapping[str, Any]) -> tuple[int, str | None, str, list[str]]:
    """Return the output layer's units and activation, the loss and the metrics."""
    if meta["task"] == "regression":
        return 1, None, "mse", ["mae"]
    if meta["task"] == "binary":
        return 1, "sigmoid", "binary_crossentropy", ["accuracy"]
    return meta["n_classes_"], "softmax", "sparse_categorical_crossentropy", ["accuracy"]


def _normalization(meta: Mapping[str, Any]) -> keras.layers.Normalization:
    mean, variance = np.asarray(meta["mean"]), np.asarray(meta["variance"])
    axis = None if mean.ndim == 0 else -1
    return keras.layers.Normalization(axis=axis, mean=mean, variance=variance)
