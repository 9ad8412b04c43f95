"""Metrics that a study names and the model of the user's factory is not compiled with."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from searchlab.core.metrics import addable
from searchlab.measure.form import from_logits
from searchlab.measure.meter import measures_itself
from searchlab.private.keras import compiled_arguments

_KERAS = {
    "mse": "MeanSquaredError",
    "rmse": "RootMeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "log_cosh": "LogCoshError",
    "r2": "R2Score",
}
"""Metrics of quantities, by the names of Keras' classes."""

_BY_NAME = ("accuracy", "crossentropy")
"""Metrics of classes whose kind Keras finds out by the shapes of target and output."""


def add_metrics(model: Any, names: Collection[str], classes: int) -> None:
    """Compile a model again with the metrics that it lacks, as far as they can be added.

    Args:
        model: a compiled model without training.
        names: the names of the metrics that are needed.
        classes: the number of classes of its target; 0 for a quantity.
    """
    from searchlab.measure.of_classes import compile_again

    if not takes_more(model):
        return
    given = compiled_arguments(model)
    known = {"loss", *_names(given["metrics"]), *_names(given["weighted_metrics"])}
    wanted = [each for each in names if each in addable(classes) and each not in known]
    if wanted and not isinstance(given["weighted_metrics"], Mapping):
        logits = from_logits(given["loss"])
        new = [_metric(each, classes, logits=logits) for each in wanted]
        compile_again(model, [*(given["weighted_metrics"] or ()), *new])


def takes_more(model: Any) -> bool:
    """Return whether metrics can be added to a compiled model."""
    import keras

    own_ways = measures_itself(model) or type(model).compile is not keras.Model.compile
    return not own_ways and len(getattr(model, "outputs", None) or [0]) == 1


def _metric(name: str, classes: int, *, logits: bool) -> Any:
    import keras

    from searchlab.measure.of_classes import metric_of_classes

    if name in _BY_NAME:
        return name
    if classes:
        return metric_of_classes(name, classes, logits=logits)
    return getattr(keras.metrics, _KERAS[name])(name=name)


def _names(metrics: Any) -> Iterator[str]:
    """Yield the names of the metrics that were passed to `compile`."""
    if isinstance(metrics, list | tuple | Mapping):
        for each in metrics.values() if isinstance(metrics, Mapping) else metrics:
            yield from _names(each)
    elif isinstance(metrics, str):
        yield metrics
    elif metrics is not None:
        yield metrics.__name__ if inspect.isfunction(metrics) else metrics.name
