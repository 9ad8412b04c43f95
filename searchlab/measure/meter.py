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
from searchlab.measure.form import Form
from searchlab.private.keras import compiled_loss, compiled_metrics

_OWN_WAYS = ("test_step", "evaluate", "compute_loss", "compute_metrics")
"""Methods whose override means that a model measures itself in its own way."""


class Meter:
    """Measures one compiled Keras model on any rows.

    Attributes:
        form: the form of the model's target.
        feed: the form in which the model takes rows.
    """

    def __init__(
        self, model: Any, form: Form, transform: TargetTransform, batch_size: int, feed: Feed
    ) -> None:
        """Measure a model.

        Args:
            model: a compiled Keras model.
            form: the form of its target.
            transform: the transformation of its target.
            batch_size: the rows that the model is given at a time, which changes no metric.
            feed: the form in which it takes rows.
        """
        self.form, self.feed = form, feed
        self._model, self._transform, self._batch = model, transform, batch_size
        self._functions: dict[str, Any] = {}

    def __call__(self, rows: Unseen) -> dict[str, float]:
        """Return the loss and the compiled metrics on at least one row, by their Keras names.

        The loss is that of the target as the model is fitted to it; the metrics are in the target's
        own units. Row weights count in all metrics, not only in `weighted_metrics`.

        Raises:
            ModelError: if weights cannot count in a metric.
        """
        model, form = self._model, self.form
        w = None if rows.w is None else np.asarray(rows.w)
        target = form.array(np.asarray(rows.t))
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
        own = form.array(np.asarray(rows.y)) if self._transform else target
        self._update(own, self._transform.undo(outputs), w)
        values = {name: _number(name, each) for name, each in model.get_metrics_result().items()}
        return {**values, "loss": loss}

    def outputs(self, x: Array) -> tuple[Array, float]:
        """Return the model's outputs (n, ...), and the mean over batches of the losses it adds."""
        size = self._batch
        step = max(1, VALUES // max(1, size * math.prod(x.shape[1:]))) * size
        found, added = [], 0.0
        whole = len(x) // size * size
        for start in range(0, whole, step):
            part = np.asarray(x[start : min(start + step, whole)])
            output, losses = self._run("batches", part.reshape(-1, size, *part.shape[1:]))
            found.append(output.reshape(-1, *output.shape[2:]))
            added += float(losses.sum()) * size
        if whole < len(x):
            output, losses = self._run("batch", np.asarray(x[whole:]))
            found.append(output)
            added += float(losses) * (len(x) - whole)
        return np.concatenate(found), added / len(x)

    def _update(self, y: Array, outputs: Array, w: Array | None) -> None:
        for metric, _ in compiled_metrics(self._model, y, outputs):
            try:
                metric.update_state(y, outputs, sample_weight=w)
            except Exception as error:
                if w is None:
                    raise
                names = ", ".join(each.name for each in metric.metrics)
                raise ModelError(
                    f"the rows' weights cannot count in one of the metrics {names} "
                    f"({' '.join(str(error).split())[:200]}): let its function return one value a "
                    "row, or use one of keras.metrics"
                ) from error

    def _run(self, name: str, x: Array) -> tuple[Array, Array]:
        """Run the model on a batch, or on several stacked ones."""
        import tensorflow as tf

        given = tf.constant(x)
        if self._model.run_eagerly:
            if name == "batch":
                return tuple(each.numpy() for each in self._one(given))
            pairs = [self._run("batch", each) for each in x]
            return np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])
        if name not in self._functions:
            # A partial, because TensorFlow warns of a method that is traced for many models.
            run = partial(self._one if name == "batch" else self._several)
            spec = tf.TensorSpec([None, *x.shape[1:]], given.dtype)
            self._functions[name] = tf.function(run, input_signature=[spec], autograph=False)
        outputs, losses = self._functions[name](given)
        return outputs.numpy(), losses.numpy()

    def _several(self, batches: Any) -> Any:
        import tensorflow as tf

        return tf.map_fn(self._one, batches, fn_output_signature=(tf.float32, tf.float32))

    def _one(self, x: Any) -> Any:
        import tensorflow as tf

        takes = inspect.signature(self._model.call).parameters
        outputs = self._model(
            self.feed.tensors(x), **({"training": False} if "training" in takes else {})
        )
        losses = [tf.reduce_sum(tf.cast(each, tf.float32)) for each in self._model.losses]
        return tf.cast(outputs, tf.float32), tf.add_n(losses) if losses else tf.constant(0.0)


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
        return self._compute(x, self._undo(y), self._undo(y_pred), sample_weight=sample_weight)


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
