"""The loss and metrics of a Keras model on unseen rows, computed of all rows at once.

Keras' `evaluate` hands each batch to the metrics. For Keras' own the result is the same; the value
of a function that looks at several rows, such as an R2, would be a mean of the batches' values,
which is another number for every batch size.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from searchlab.core.arrays import VALUES, Array
from searchlab.data.target import TargetTransform, Unseen
from searchlab.errors import ModelError
from searchlab.measure.feed import Feed
from searchlab.measure.goal import Goal
from searchlab.private.keras import compared_outputs, compiled_loss

_OWN_WAYS = ("test_step", "evaluate", "compute_loss", "compute_metrics")
"""Methods whose override means that a model measures itself in its own way."""


class Meter:
    """Measures one compiled Keras model on any rows.

    Attributes:
        goal: the target in the form in which the model learns it.
        feed: the form in which the model takes rows.
    """

    def __init__(
        self, model: Any, goal: Goal, transform: TargetTransform, batch_size: int, feed: Feed
    ) -> None:
        """Measure a model.

        Args:
            model: a compiled Keras model.
            goal: the target in the form in which it learns it.
            transform: the transformation of its target.
            batch_size: the rows that the model is given at a time, which changes no metric.
            feed: the form in which it takes rows.
        """
        self.goal, self.feed = goal, feed
        self._model, self._transform, self._batch = model, transform, batch_size
        self._functions: dict[str, Any] = {}

    def __call__(self, rows: Unseen) -> dict[str, float]:
        """Return the loss and the compiled metrics on at least one row, by their Keras names.

        The loss is that of the target as the model is fitted to it; the metrics are in the target's
        own units. Row weights count in all metrics, not only in `weighted_metrics`.

        Raises:
            ModelError: if weights cannot count in a metric.
        """
        model, goal = self._model, self.goal
        w = None if rows.w is None else np.asarray(rows.w)
        target = goal.array(np.asarray(rows.t))
        if measures_itself(model):
            with own_units(model, self._transform):
                values = model.evaluate(
                    self.feed(rows.x), target, batch_size=self._batch, verbose=0, sample_weight=w,
                    return_dict=True,
                )  # fmt: skip
            return {name: _number(name, value) for name, value in values.items()}
        model.reset_metrics()
        outputs, added = self.outputs(rows.x)
        loss = float(compiled_loss(model, target, outputs, w)) + added
        own = goal.array(np.asarray(rows.y)) if self._transform else target
        self._update(own, _mapped(self._transform.undo, outputs), w)
        values = {name: _number(name, each) for name, each in model.get_metrics_result().items()}
        return {**values, "loss": loss}

    def outputs(self, x: Array) -> tuple[Any, float]:
        """Return the model's outputs (n, ...), and the mean over batches of the losses it adds."""
        size = self._batch
        step = max(1, VALUES // max(1, size * math.prod(x.shape[1:]))) * size
        found: list[list[Array]] = []
        added = 0.0
        whole = len(x) // size * size
        for start in range(0, whole, step):
            part = np.asarray(x[start : min(start + step, whole)])
            *each, losses = self._run("batches", part.reshape(-1, size, *part.shape[1:]))
            found.append([output.reshape(-1, *output.shape[2:]) for output in each])
            added += float(losses.sum()) * size
        if whole < len(x):
            *each, losses = self._run("batch", np.asarray(x[whole:]))
            found.append(each)
            added += float(losses) * (len(x) - whole)
        joined = [np.concatenate(parts) for parts in zip(*found, strict=True)]
        return self.goal.packed(joined), added / len(x)

    def _update(self, y: Any, outputs: Any, w: Array | None) -> None:
        for metric, target, output in compared_outputs(self._model, y, outputs):
            try:
                metric.update_state(target, output, sample_weight=w)
            except Exception as error:
                if w is None:
                    raise
                names = ", ".join(each.name for each in metric.metrics)
                raise ModelError(
                    f"the rows' weights cannot count in one of the metrics {names} "
                    f"({' '.join(str(error).split())[:200]}): let its function return one value a "
                    "row, or use one of keras.metrics"
                ) from error

    def _run(self, name: str, x: Array) -> tuple[Array, ...]:
        """Run the model on a batch, or several stacked ones; return outputs and added losses."""
        import tensorflow as tf

        given = tf.constant(x)
        if self._model.run_eagerly:
            if name == "batch":
                return tuple(each.numpy() for each in self._one(given))
            parts = [self._run("batch", each) for each in x]
            return tuple(np.stack(each) for each in zip(*parts, strict=True))
        if name not in self._functions:
            # A partial, because TensorFlow warns of a method that is traced for many models.
            run = partial(self._one if name == "batch" else self._several)
            spec = tf.TensorSpec([None, *x.shape[1:]], given.dtype)
            self._functions[name] = tf.function(run, input_signature=[spec], autograph=False)
        return tuple(each.numpy() for each in self._functions[name](given))

    def _several(self, batches: Any) -> Any:
        import tensorflow as tf

        signature = (tf.float32,) * (len(self.goal.forms) + 1)
        return tf.map_fn(self._one, batches, fn_output_signature=signature)

    def _one(self, x: Any) -> Any:
        import tensorflow as tf

        takes = inspect.signature(self._model.call).parameters
        outputs = self._model(
            self.feed.tensors(x), **({"training": False} if "training" in takes else {})
        )
        losses = [tf.reduce_sum(tf.cast(each, tf.float32)) for each in self._model.losses]
        added = tf.add_n(losses) if losses else tf.constant(0.0)
        return *(tf.cast(each, tf.float32) for each in tf.nest.flatten(outputs)), added


def _mapped(change: Callable[[Any], Any], values: Any) -> Any:
    """Return values in a structure of outputs with each replaced."""
    import keras

    return keras.tree.map_structure(change, values)


def _number(name: str, value: Any) -> float:
    """Return the value of a metric, which may be an array of one number."""
    values = np.asarray(value)
    if values.size != 1:
        raise ModelError(
            f"the metric {name} has {values.size} values where it needs one: give it an average, "
            "such as average='macro'"
        )
    return float(values.reshape(()))


def measures_itself(model: Any) -> bool:
    """Return whether a model overrides how Keras measures it, so that only Keras can."""
    return overrides(model, *_OWN_WAYS)


def overrides(model: Any, *names: str) -> bool:
    """Return whether a model has one of some methods of Keras' models in its own way."""
    import keras

    return any(
        getattr(type(model), name) is not getattr(keras.Model, name)
        or not isinstance(vars(model).get(name), _Undone | None)
        for name in names
    )


class _Undone:
    """A model's `compute_metrics` in the target's own units."""

    def __init__(self, model: Any, transform: TargetTransform) -> None:
        self._compute, self._undo = model.compute_metrics, transform.tensor

    def __call__(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return self._compute(
            x, _mapped(self._undo, y), _mapped(self._undo, y_pred), sample_weight=sample_weight
        )


@contextmanager
def own_units(model: Any, transform: TargetTransform) -> Iterator[None]:
    """Let Keras compute a model's compiled metrics in the target's own units."""
    if not transform or "compute_metrics" in vars(model):
        yield
        return
    model.compute_metrics = _Undone(model, transform)
    try:
        yield
    finally:
        del model.compute_metrics


@contextmanager
def evaluated(model: Any, measure: Callable[[], Mapping[str, float]]) -> Iterator[None]:
    """Let Keras' `fit` take the values of unseen rows from a function in place of `evaluate`."""
    own = vars(model).get("evaluate")

    def restore() -> None:
        if own is None:
            del model.evaluate
        else:
            model.evaluate = own

    def evaluate(*_args: Any, **_options: Any) -> dict[str, float]:
        restore()  # the function may call the model's own
        try:
            return dict(measure())
        finally:
            model.evaluate = evaluate

    model.evaluate = evaluate
    try:
        yield
    finally:
        restore()
