"""A user's model factories with layers and losses that models in use must handle."""

import keras
import own_layers
from keras import layers


def subclassed(n_neurons, **_):
    model = own_layers.Net(n_neurons)
    model.compile(loss="mse", optimizer="adam")
    return model


def logit(n_neurons, **_):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return compiled(n_neurons, layers.Dense(1), loss)


def two_logits(n_neurons, **_):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return compiled(n_neurons, layers.Dense(2), loss)


def two_units(n_neurons, **_):
    return compiled(n_neurons, layers.Dense(2, "softmax"), "sparse_categorical_crossentropy")


def hinge(n_neurons, **_):
    return compiled(n_neurons, layers.Dense(1, "tanh"), "hinge")


def compiled(n_neurons, last, loss):
    model = keras.Sequential([layers.Dense(n_neurons, activation="relu"), last])
    model.compile(loss=loss, optimizer="adam")
    return model
