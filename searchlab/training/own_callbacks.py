"""The callbacks that a study names, made for one training."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from searchlab.errors import ModelError
from searchlab.factories.find import load_factory, source_names
from searchlab.factories.state import changed_variable
from searchlab.study.callbacks import NAN, PLATEAU, RATIO, SCHEDULER, Given, is_code, mode_of
from searchlab.study.spec import StudySpec

_CHANCE = frozenset({"random", "rng", "default_rng", "secrets", "time", "datetime", "uuid"})
"""Names in the source of functions whose values are not those of their arguments alone."""

_BATCHES = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


class ValTrainRatio(keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that reports `val_loss` over `loss`, which shows how far a model overfits.

    After Geron, "Hands-On Machine Learning", chapter 10.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Add the ratio to the epoch's metrics, where both losses are there and it is finite."""
        if logs and logs.get("loss") and "val_loss" in logs:
            logs["val_train_ratio"] = float(logs["val_loss"]) / float(logs["loss"])


class Rates(keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that gives each epoch a learning rate that is known before.

    A refit has no early-stopping rows to watch, so it has the rates of the trial's own trainings.
    """

    def __init__(self, rates: Sequence[float]) -> None:
        super().__init__()
        self._rates = rates

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Set the rate."""
        self.model.optimizer.learning_rate = self._rates[min(epoch, len(self._rates) - 1)]


_KERAS = {
    PLATEAU: keras.callbacks.ReduceLROnPlateau,
    SCHEDULER: keras.callbacks.LearningRateScheduler,
    NAN: keras.callbacks.TerminateOnNaN,
    RATIO: ValTrainRatio,
    "lambda_callback": keras.callbacks.LambdaCallback,
    "remote_monitor": keras.callbacks.RemoteMonitor,
    "swap_ema_weights": keras.callbacks.SwapEMAWeights,
}


def own_callbacks(
    spec: StudySpec, base: Path, *, watched: bool = True, rates: Sequence[float] = ()
) -> list[keras.callbacks.Callback]:
    """Make the callbacks that a study names, in its order.

    Args:
        spec: the study, with a trial's params settled.
        base: the directory of the study file.
        watched: whether there are early-stopping rows, which a refit does not have.
        rates: the learning rate of each epoch where there are none, if anything has changed it.

    Raises:
        ModelError: if one cannot be made.
    """
    made: list[keras.callbacks.Callback] = []
    for each in spec.training.given:
        if each.name == PLATEAU and each.code is None and not watched:
            made += [Rates(rates)] if rates else []
        else:
            made += _made(each, spec, base)
    return made


def _made(given: Given, spec: StudySpec, base: Path) -> list[keras.callbacks.Callback]:
    kind: Callable[..., Any]
    kind = load_factory(given.code, base, "callback") if given.code else _KERAS[given.name]
    arguments = {
        key: load_factory(value, base, "callback's function") if is_code(value) else value
        for key, value in given.arguments.items()
    }
    if given.name == PLATEAU and given.code is None:
        arguments["mode"] = mode_of(given, spec.objective)
    try:
        found = kind(**arguments)
    except Exception as error:
        raise ModelError(
            f"training.callbacks: {given.name} cannot be made of {arguments or 'no arguments'}: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error
    several = list(found) if isinstance(found, list | tuple) else [found]
    for each in several:
        if not isinstance(each, keras.callbacks.Callback):
            raise ModelError(
                f"training.callbacks: {given.name} is no callback but {type(each).__name__}: "
                "name a subclass of keras.callbacks.Callback, or a function that returns one or "
                "a list of them"
            )
    return several


def needs_model(spec: StudySpec, base: Path) -> str | None:
    """Return why a study's callbacks need a real Keras model, or None if a slot will do.

    A slot has a learning rate, and can be ended. Functions in it are called for several trainings
    in turn, so they must be the same whatever was called before.
    """
    for each in spec.training.given:
        if each.code is not None or each.name not in (PLATEAU, SCHEDULER, NAN, RATIO):
            return f"its callback {each.name} needs the real model"
        for reference in each.references:
            if _remembers(load_factory(reference, base, "callback's function")):
                return f"{reference} may remember earlier calls"
            if name := changed_variable(spec, base, reference):
                return f"{reference} changes the variable {name}"
            if _CHANCE & source_names(reference, base):
                return f"{reference} draws random numbers, or tells the time"
    return None


def _remembers(function: Any) -> bool:
    """Return whether a function may keep something from one call to the next."""
    if not inspect.isfunction(function) or function.__closure__ is not None:
        return True
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return not all(isinstance(each, bool | int | float | str | tuple | None) for each in defaults)


def see_batches(callbacks: Sequence[keras.callbacks.Callback]) -> bool:
    """Return whether any callback does something before or after a batch.

    `TerminateOnNaN` is none of these: the mean loss of an epoch is not finite if a batch's is not.
    """
    return any(
        getattr(type(each), name) is not getattr(keras.callbacks.Callback, name)
        or name in vars(each)
        for each in callbacks
        if type(each) is not keras.callbacks.TerminateOnNaN
        for name in _BATCHES
    )


def check_callbacks(spec: StudySpec, base: Path, metrics: Sequence[str]) -> None:
    """Refuse callbacks that cannot be made, or that watch a metric that the model lacks.

    Args:
        spec: the study, settled.
        base: the directory of the study file.
        metrics: the names of the model's metrics.

    Raises:
        ModelError: with the remedy.
    """
    known = [*(f"val_{each}" for each in metrics), *metrics]
    for each in own_callbacks(spec, base):
        monitor = getattr(each, "monitor", None)
        if isinstance(monitor, str) and monitor not in known:
            raise ModelError(
                f"training.callbacks: {type(each).__name__} watches {monitor}, which the model "
                f"does not measure; it has {', '.join(known)}"
            )
