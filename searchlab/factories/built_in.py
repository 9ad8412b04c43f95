"""Built-in model factories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np


def mlp(
    n_hidden: int = 1,
    n_neurons: int = 30,
    learning_rate: float = 3e-3,
    activation: str = "relu",
    optimizer: str | keras.optimizers.Optimizer = "sgd",
    dropout: float = 0.0,
    l2: float = 0.0,
    weight_decay: float = 0.0,
    skip: bool = False,
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
        optimizer: a Keras optimiser or its name.
        dropout: the fraction dropped after each hidden layer, 0 to below 1.
        l2: the weight of the L2 penalty on the hidden layers' kernels.
        weight_decay: the fraction, times the learning rate, by which each step shrinks the weights
            (Loshchilov and Hutter, "Decoupled Weight Decay Regularization"); unlike `l2` it is no
            part of the loss.
        skip: whether the output layer sees the inputs beside the last hidden layer, so that the
            hidden layers need only learn what a linear model cannot (Cheng et al., "Wide & Deep
            Learning for Recommender Systems").
        input_shape: the shape of one row.
        meta: facts about the data (see `data.prepared.PreparedData.meta`).

    Returns:
        A compiled model. Its metrics are `mae` for regression, `accuracy` for classes.
    """
    units, last, loss, metrics = _head(meta)
    before: list[keras.layers.Layer] = []
    if meta["scale"] == "none":
        before.append(_normalization(meta))
    if len(input_shape) > 1:
        before.append(keras.layers.Flatten())
    penalty = keras.regularizers.L2(l2) if l2 else None
    hidden: list[keras.layers.Layer] = []
    for _ in range(n_hidden):
        hidden.append(keras.layers.Dense(n_neurons, activation, kernel_regularizer=penalty))
        if dropout:
            hidden.append(keras.layers.Dropout(dropout))
    output = keras.layers.Dense(units, activation=last)
    if skip and hidden:
        model = _with_skip(input_shape, before, hidden, output)
    else:
        model = keras.Sequential([keras.Input(tuple(input_shape)), *before, *hidden, output])
    settings = {"weight_decay": weight_decay} if weight_decay else {}
    if isinstance(optimizer, str):
        chosen = keras.optimizers.get({"class_name": optimizer, "config": settings})
    else:
        chosen = type(optimizer).from_config({**optimizer.get_config(), **settings})
    chosen.learning_rate = learning_rate
    model.compile(optimizer=chosen, loss=loss, metrics=metrics)
    return model


def _with_skip(
    input_shape: tuple[int, ...],
    before: Sequence[keras.layers.Layer],
    hidden: Sequence[keras.layers.Layer],
    output: keras.layers.Layer,
) -> keras.Model:
    """Connect layers so that the output layer sees the inputs and the last hidden layer."""
    inputs = keras.Input(tuple(input_shape))
    features = inputs
    for layer in before:
        features = layer(features)
    deep = features
    for layer in hidden:
        deep = layer(deep)
    # The inputs come first, so that padding the hidden layers leaves their weights in place.
    return keras.Model(inputs, output(keras.layers.Concatenate()([features, deep])))


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
