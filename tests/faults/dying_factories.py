"""Model factories whose worker is killed (-9) at a certain moment, once or always.

A file beside this one records that it happened, so that the next attempt is spared.
"""

import os
import signal
from pathlib import Path

import keras

HERE = Path(__file__).parent


def build(n_neurons, learning_rate, n_hidden):
    layers = [keras.layers.Dense(n_neurons, activation="relu") for _ in range(n_hidden)]
    model = keras.Sequential([*layers, keras.layers.Dense(3, "softmax")])
    sgd = keras.optimizers.SGD(learning_rate)
    model.compile(loss="sparse_categorical_crossentropy", optimizer=sgd)
    return model


def at_first(n_neurons, learning_rate, n_hidden):
    _kill_once()
    return build(n_neurons, learning_rate, n_hidden)


def each_time(n_neurons, learning_rate, n_hidden):
    os.kill(os.getpid(), signal.SIGKILL)


def in_the_factory(n_neurons, learning_rate, n_hidden):
    if _second_trial():
        _kill_once()
    return build(n_neurons, learning_rate, n_hidden)


def in_an_epoch(n_neurons, learning_rate, n_hidden):
    if _second_trial():
        _kill_at(keras.callbacks.Callback, "on_epoch_begin", nth=3)
    return build(n_neurons, learning_rate, n_hidden)


def model_written_not_moved(n_neurons, learning_rate, n_hidden):
    if _second_trial():
        _kill_at(Path, "replace")
    return build(n_neurons, learning_rate, n_hidden)


def model_moved_not_told(n_neurons, learning_rate, n_hidden):
    if _second_trial():
        _kill_at(Path, "replace", after=True)
    return build(n_neurons, learning_rate, n_hidden)


def told_to_stop(n_neurons, learning_rate, n_hidden):
    from searchlab.training import fit

    _kill_at(fit._Ended, "__init__")
    return build(n_neurons, learning_rate, n_hidden)


def in_a_fused_epoch(n_neurons, learning_rate, n_hidden):
    from searchlab.fused.fold import Fold

    if _second_trial():
        _kill_at(Fold, "take", nth=3)
    return build(n_neurons, learning_rate, n_hidden)


def ended_not_told(n_neurons, learning_rate, n_hidden):
    from searchlab.fused.task import Run

    if _second_trial():
        _kill_at(Run, "_complete", after=True)
    return build(n_neurons, learning_rate, n_hidden)


def told_to_forget(n_neurons, learning_rate, n_hidden):
    from searchlab.fused import host

    _kill_if(host.Host, "receive", lambda _, message: isinstance(message, host.Drop))
    return build(n_neurons, learning_rate, n_hidden)


def always(n_neurons, learning_rate, n_hidden):
    if n_neurons % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return build(n_neurons, learning_rate, n_hidden)


def _second_trial() -> bool:
    calls = HERE / "calls"
    with calls.open("a") as file:
        file.write("x")
    return calls.stat().st_size == 2


def _kill_at(holder, name, nth=1, after=False):
    function, passages = getattr(holder, name), []

    def watched(*args, **kwargs):
        passages.append(name)
        if len(passages) == nth and not after:
            _kill_once()
        value = function(*args, **kwargs)
        if len(passages) == nth:
            _kill_once()
        return value

    setattr(holder, name, watched)


def _kill_if(holder, name, condition):
    function = getattr(holder, name)

    def watched(*args):
        if condition(*args):
            _kill_once()
        return function(*args)

    setattr(holder, name, watched)


def _kill_once():
    if not (HERE / "killed").exists():
        (HERE / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
