"""Model factories that behave as users' factories sometimes do."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from typing import Any

import keras


def build(n_neurons: int, learning_rate: float, n_hidden: int) -> keras.Model:
    """Return a small classifier."""
    model = keras.Sequential([keras.layers.Dense(n_neurons), keras.layers.Dense(3, "softmax")])
    sgd = keras.optimizers.SGD(learning_rate)
    model.compile(loss="sparse_categorical_crossentropy", optimizer=sgd)
    return model


def raises(n_neurons: int, learning_rate: float, n_hidden: int) -> keras.Model:
    """Raise an exception of its own."""
    raise ValueError("these params do not fit")


def diverges(n_neurons: int, learning_rate: float, n_hidden: int) -> keras.Model:
    """Return a model whose loss is soon no number."""
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(1e30))
    return model


class Poison(keras.layers.Layer):  # type: ignore[misc]
    """A layer with a weight that is nan and has no part in the output."""

    def build(self, shape: Any) -> None:
        """Make the weight."""
        self.add_weight(name="poison", initializer=keras.initializers.Constant(float("nan")))

    def call(self, x: Any) -> Any:
        """Return the input."""
        return x


def poisons(n_neurons: int, learning_rate: float, n_hidden: int) -> keras.Model:
    """Return a model whose loss is finite, and whose weights are not."""
    model = keras.Sequential([Poison(), keras.layers.Dense(3, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    return model


class StorageError(Exception):
    """An exception with the name of an error of searchlab's, and nothing else of it."""


class ModelError(Exception):
    """Another one."""


class WorkerKilled(Exception):  # noqa: N818 - the name is what it is about
    """An exception with the name of a failure that is no exception."""


class NodeLost(Exception):  # noqa: N818
    """Another one."""


class TimeLimit(Exception):  # noqa: N818
    """Another one."""


class Pretending(keras.layers.Layer):  # type: ignore[misc]
    """A layer that raises an exception when it is called."""

    def __init__(self, kind: type[Exception], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def call(self, x: Any) -> Any:
        """Raise the exception."""
        raise self.kind("raised by the user")


def pretends(n_neurons: int, learning_rate: float, n_hidden: int) -> keras.Model:
    """Raise an exception named as one of searchlab's, or return a model that does."""
    kind = (StorageError, ModelError, WorkerKilled, NodeLost, TimeLimit)[n_neurons]
    if n_neurons == 0:
        raise kind("raised by the user")
    model = keras.Sequential([Pretending(kind), keras.layers.Dense(3, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    return model


def kills_itself(n_neurons: int, learning_rate: float, n_hidden: int) -> None:
    """Die as the kernel kills a process that takes all memory."""
    print("last words", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def quits(n_neurons: int, learning_rate: float, n_hidden: int) -> None:
    """Ask for the end of the program."""
    sys.exit(3)


def segfaults(n_neurons: int, learning_rate: float, n_hidden: int) -> None:
    """Crash the process."""
    ctypes.string_at(0)


def hangs(n_neurons: int, learning_rate: float, n_hidden: int) -> None:
    """Never return."""
    while True:
        time.sleep(1)


def stops_itself(n_neurons: int, learning_rate: float, n_hidden: int) -> None:
    """Stop the process, so that it answers nothing."""
    os.kill(os.getpid(), signal.SIGSTOP)


def hogs(n_neurons: int, learning_rate: float, n_hidden: int) -> None:
    """Take more and more memory."""
    hoard = []
    while True:
        hoard.append(bytearray(b"x" * 50_000_000))
        time.sleep(0.02)


class Slow(keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that waits a minute before each epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Wait."""
        time.sleep(60)


def dawdles(n_neurons: int, learning_rate: float, n_hidden: int) -> keras.Model:
    """Return a model that takes a minute for an epoch, all of it in one call no signal ends."""
    model = build(n_neurons, learning_rate, n_hidden)
    fit = model.fit

    def slow(*args: Any, callbacks: list[Any], **kwargs: Any) -> Any:
        return fit(*args, callbacks=[*callbacks, Slow()], **kwargs)

    model.fit = slow
    return model


def exits(n_neurons: int, learning_rate: float, n_hidden: int) -> None:
    """End the process without a word."""
    os._exit(3)
