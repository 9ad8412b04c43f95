"""The steps of any Keras model: one model's step, turned into all slots' by TensorFlow.

`tf.vectorized_map` converts it operation by operation, so any Keras model that TensorFlow can
vectorize is supported, in a second or more of tracing.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from searchlab.fused.steps import Batch, Models, mask, weighed
from searchlab.fused.vectorize import vectorized
from searchlab.private.keras import compiled_loss, compiled_metrics, loss_tracker
from searchlab.training.checkpoint import Checkpoint


class Mapped:
    """The steps of a model of any kind; see `steps.Steps`. The models' numbers are part of it."""

    def __init__(self, models: Models, names: Sequence[str], *, loops: bool) -> None:
        """Prepare the steps.

        Args:
            models: the models.
            names: the names of the metrics.
            loops: whether to run unconvertible operations in a slow loop.
        """
        self._models, self._names, self._loops = models, names, loops
        variables = models.template.trainable_variables
        self._penalties = sum(each.regularizer is not None for each in variables)

    def learn(
        self, state: Checkpoint, metrics: Any, batch: Batch, *, masked: bool
    ) -> tuple[Any, Any, Any]:
        """Return the gradients, the new non-trainable variables and the metrics after a batch."""

        def one(given: Any) -> Any:
            trainable, non_trainable, metrics, *some = given
            return self._learn(trainable, non_trainable, metrics, Batch(*some), masked)

        given = (state.trainable, state.non_trainable, metrics, *batch)
        return vectorized(one, given, loops=self._loops)  # type: ignore[no-any-return]

    def measure(self, state: Checkpoint, metrics: Any, batch: Batch) -> Any:
        """Return the metrics' variables after some unseen rows of which the first ones count."""

        def one(given: Any) -> Any:
            trainable, non_trainable, metrics, *some = given
            few = Batch(*some)
            loss, predicted, _ = self._loss(trainable, non_trainable, few, True, False)
            return self._measured(metrics, loss, predicted, few, True, True)

        given = (state.trainable, state.non_trainable, metrics, *batch)
        return vectorized(one, given, loops=self._loops)

    def predict(self, state: Checkpoint, batch: Batch) -> tuple[Any, Any]:
        """Return the outputs (slots, rows, ...) for unseen rows, and the penalties (slots,)."""

        def one(given: Any) -> Any:
            trainable, non_trainable, x = given
            predicted, _, added = self._called(trainable, non_trainable, x, False)
            self._refuse_added(added)
            return predicted, sum(map(_total, added), tf.constant(0.0))

        given = (state.trainable, state.non_trainable, batch.x)
        return vectorized(one, given, loops=self._loops)  # type: ignore[no-any-return]

    def results(self, metrics: Any) -> Any:
        """Return the values (slots, metrics) of the metrics, in the order of their names."""
        source = self._models.source

        def one(given: Any) -> Any:
            variables = source.metrics_variables
            with keras.StatelessScope(list(zip(variables, given, strict=True))):
                results = source.get_metrics_result()
            found = [tf.cast(results[name], tf.float32) for name in self._names]
            return tf.stack([tf.reshape(each, []) for each in found])  # some have one, in an array

        return vectorized(one, metrics, loops=self._loops)

    # ---- one slot

    def _learn(
        self, trainable: Any, non_trainable: Any, metrics: Any, batch: Batch, masked: bool
    ) -> Any:
        """Return one model's gradients, new non-trainable variables, and metrics."""
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            loss, predicted, after = self._loss(trainable, non_trainable, batch, masked, True)
        gradients = tape.gradient(loss, trainable)
        if any(each is None for each in gradients):
            raise NotImplementedError("a variable does not affect the loss")
        return (
            tuple(gradients),
            tuple(after),
            self._measured(metrics, loss, predicted, batch, masked, False),
        )

    def _loss(
        self, trainable: Any, non_trainable: Any, batch: Batch, masked: bool, training: bool
    ) -> Any:
        x, w = batch.x, batch.weights
        predicted, after, added = self._called(trainable, non_trainable, x, training)
        if masked:
            self._refuse_added(added)
            w = weighed(w, mask(x.shape[0], batch.count))
        target = self._models.form.tensor(batch.fitted)
        loss = compiled_loss(self._models.source, target, predicted, w)
        if masked:  # the mean over the unmasked rows, as in Keras
            loss *= x.shape[0] / tf.cast(tf.maximum(batch.count, 1), loss.dtype)
        for each in added:
            loss += _total(each)
        return loss, predicted, after

    def _called(self, trainable: Any, non_trainable: Any, x: Any, training: bool) -> Any:
        """Call the model; return its outputs, its other variables and the losses it adds."""
        template = self._models.template
        takes = inspect.signature(template.call).parameters
        wanted = {"training": training} if "training" in takes else {}
        return template.stateless_call(trainable, non_trainable, x, **wanted, return_losses=True)

    def _refuse_added(self, added: Sequence[Any]) -> None:
        if len(added) > self._penalties:
            raise NotImplementedError("a layer adds its own loss over all rows of a batch")

    def _measured(
        self, metrics: Any, loss: Any, predicted: Any, batch: Batch, masked: bool, every: bool
    ) -> Any:
        """Update one model's metrics with a batch, in the target's own units.

        In training, weights count as in Keras' train step; on unseen rows in every metric.
        """
        source, count = self._models.source, batch.count
        own = self._models.form.tensor(batch.own)
        predicted = self._models.data.transform.tensor(predicted, batch.figures)
        plain = mask(batch.x.shape[0], count) if masked else None
        weighted = weighed(batch.weights, plain)
        variables = source.metrics_variables
        with keras.StatelessScope(list(zip(variables, metrics, strict=True))) as scope:
            loss_tracker(source).update_state(loss, sample_weight=tf.cast(count, loss.dtype))
            for metric, counts in compiled_metrics(source):
                weights = weighted if counts or every else plain
                metric.update_state(own, predicted, sample_weight=weights)
        return tuple(tf.convert_to_tensor(scope.get_current_value(each)) for each in variables)


def _total(added: Any) -> Any:
    return tf.reduce_sum(tf.cast(added, tf.float32))
