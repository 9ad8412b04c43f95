"""Model factories that behave as users' factories sometimes do."""

import ctypes
import os
import signal
import sys
import time

import keras


def build(n_neurons, learning_rate, n_hidden):
    model = keras.Sequential([keras.layers.Dense(n_neurons), keras.layers.Dense(3, "softmax")])
    sgd = keras.optimizers.SGD(learning_rate)
    model.compile(loss="sparse_categorical_crossentropy", optimizer=sgd)
    return model


def raises(n_neurons, learning_rate, n_hidden):
    raise ValueError("these params do not fit")


def diverges(n_neurons, learning_rate, n_hidden):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(1e30))
    return model


class Poison(keras.layers.Layer):
    """Has a weight that is nan and has no part in the output."""

    def build(self, shape):
        self.add_weight(name="poison", initializer=keras.initializers.Constant(float("nan")))

    def call(self, x):
        return x


def poisons(n_neurons, learning_rate, n_hidden):
    model = keras.Sequential([Poison(), keras.layers.Dense(3, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    return model


class StorageError(Exception):
    """Has the name of an error of searchlab's, and nothing else of it."""


class ModelError(Exception):
    """The same."""


class WorkerKilled(Exception):  # noqa: N818 - the name is what it is about
    """Has the name of a failure that is no exception."""


class NodeLost(Exception):  # noqa: N818
    """The same."""


class TimeLimit(Exception):  # noqa: N818
    """The same."""


class Pretending(keras.layers.Layer):
    """Raises an exception when it is called."""

    def __init__(self, kind, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind

    def call(self, x):
        raise self.kind("raised by the user")


def pretends(n_neurons, learning_rate, n_hidden):
    kind = (StorageError, ModelError, WorkerKilled, NodeLost, TimeLimit)[n_neurons]
    if n_neurons == 0:
        raise kind("raised by the user")
    model = keras.Sequential([Pretending(kind), keras.layers.Dense(3, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    return model


def kills_itself(n_neurons, learning_rate, n_hidden):
    print("last words", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def quits(n_neurons, learning_rate, n_hidden):
    sys.exit(3)


def segfaults(n_neurons, learning_rate, n_hidden):
    ctypes.string_at(0)


def hangs(n_neurons, learning_rate, n_hidden):
    while True:
        time.sleep(1)


def stops_itself(n_neurons, learning_rate, n_hidden):
    os.kill(os.getpid(), signal.SIGSTOP)


def hogs(n_neurons, learning_rate, n_hidden):
    hoard = []
    while True:
        hoard.append(bytearray(b"x" * 50_000_000))
        time.sleep(0.02)


class Slow(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        time.sleep(60)


def dawdles(n_neurons, learning_rate, n_hidden):
    """Its model takes a minute for an epoch, all of it in one call that no signal ends."""
    model = build(n_neurons, learning_rate, n_hidden)
    fit = model.fit

    def slow(*args, callbacks, **kwargs):
        return fit(*args, callbacks=[*callbacks, Slow()], **kwargs)

    model.fit = slow
    return model


def exits(n_neurons, learning_rate, n_hidden):
    os._exit(3)
