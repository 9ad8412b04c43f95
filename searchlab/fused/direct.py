"""The steps of models of Keras' own layers, written for all slots at once: see `layers`.

The rows of all slots go through losses, metrics and layers without variables together. This needs
losses and metrics that have a value for each row; the others, `Models.apart`, take one slot's rows
at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from searchlab.fused.mapped import Mapped
from searchlab.fused.plan import Plan, outputs_of, penalty
from searchlab.fused.slots import Slots
from searchlab.fused.steps import LOSS, Batch, Models, mask, weighed
from searchlab.fused.vectorize import each_slot, vectorized
from searchlab.private.keras import (
    averaged,
    compiled_loss,
    compiled_losses,
    compiled_metrics,
    logits_of,
    loss_tracker,
    with_logits,
)
from searchlab.training.checkpoint import Checkpoint


class Direct:
    """The steps of models that have a plan; see `steps.Steps`."""

    def __init__(self, models: Models, names: Sequence[str], plan: Plan, *, padded: bool) -> None:
        """Prepare the steps.

        Args:
            models: the models.
            names: the names of the metrics.
            plan: the way to compute them.
            padded: whether slots may be narrower than the program.
        """
        self._models, self._names, self._plan, self._padded = models, names, plan, padded
        self._mapped = Mapped(models, names, loops=False)

    def learn(
        self, state: Checkpoint, metrics: Any, batch: Batch, *, masked: bool
    ) -> tuple[Any, Any, Any]:
        """Return the gradients, the new non-trainable variables and the metrics after a batch."""
        with tf.GradientTape() as tape:
            tape.watch(state.trainable)
            predicted, added, after = self._outputs(state, batch, True)
            losses = self._fit(batch, predicted, masked) + added
        gradients = tape.gradient(losses, state.trainable)
        if any(each is None for each in gradients):
            raise NotImplementedError("a variable does not affect the loss")
        measured = self._measured(metrics, losses, predicted, batch, masked, False)
        return tuple(gradients), after, measured

    def measure(self, state: Checkpoint, metrics: Any, batch: Batch) -> Any:
        """Return the metrics' variables after some unseen rows of which the first ones count."""
        predicted, added, _ = self._outputs(state, batch, False)
        losses = self._fit(batch, predicted, True) + added
        return self._measured(metrics, losses, predicted, batch, True, True)

    def predict(self, state: Checkpoint, batch: Batch) -> tuple[Any, Any]:
        """Return the outputs (slots, rows, ...) for unseen rows, and the penalties (slots,)."""
        predicted, added, _ = self._outputs(state, batch, False)
        return _apart(predicted, batch), added

    def results(self, metrics: Any) -> Any:
        """Return the values (slots, metrics) of the metrics, in the order of their names."""
        source = self._models.source
        compiled = [metric for metric, _ in compiled_metrics(source)]
        means = {each.name: each for each in (loss_tracker(source), *compiled)}
        whole = len(means) == len(compiled) + 1 and sorted(means) == list(self._names)
        if not whole or not all(map(averaged, compiled)):
            return self._mapped.results(metrics)
        values = self._by_variable(metrics)
        pairs = [[values[id(each)] for each in means[name].variables] for name in self._names]
        return tf.stack([tf.math.divide_no_nan(*pair) for pair in pairs], axis=1)

    # ---- parts of a step

    def _outputs(self, state: Checkpoint, batch: Batch, training: bool) -> tuple[Any, Any, Any]:
        """Return outputs (slots * rows, ...), penalties (slots,) and the other variables."""
        template, x = self._models.template, batch.x
        [wanted] = template.inputs
        if len(x.shape) != len(wanted.shape) + 1:
            raise NotImplementedError("its inputs have another shape")
        variables = (*template.trainable_variables, *template.non_trainable_variables)
        values = (*state.trainable, *state.non_trainable)
        layers, factors = self._plan.spread(tf.unstack(batch.numbers, axis=1))
        slots = Slots(
            x.shape[0],
            {id(each): value for each, value in zip(variables, values, strict=True)},
            layers,
            training=training,
            padded=self._padded,
            activations=self._plan.activations,
        )
        predicted = outputs_of(template, tf.cast(_together(x), wanted.dtype), slots)
        after = tuple(map(slots.value, template.non_trainable_variables))
        added = tf.zeros([x.shape[0]])
        for variable, value, given in zip(
            template.trainable_variables, state.trainable, factors, strict=True
        ):
            if given:
                added += penalty(variable, value, given)
        return predicted, added, after

    def _fit(self, batch: Batch, predicted: Any, masked: bool) -> Any:
        """Return the mean losses (slots,) of outputs."""
        if LOSS in self._models.apart:
            return self._fit_apart(batch, predicted)
        [(loss, factor)] = compiled_losses(self._models.source)
        convert, kind = keras.ops.convert_to_tensor, loss.dtype
        target = convert(self._models.form.tensor(_together(batch.fitted)), dtype=kind)
        values = _rows(loss.call(target, convert(predicted, dtype=kind)), batch)
        size = batch.x.shape[1]
        weights = weighed(batch.weights, mask(size, batch.count) if masked else None)
        if weights is not None:
            values *= weights
        rows = tf.cast(tf.maximum(batch.count, 1), values.dtype) if masked else size
        return tf.reduce_sum(values, axis=1) / rows * (1.0 if factor is None else factor)

    def _fit_apart(self, batch: Batch, predicted: Any) -> Any:
        """Return the losses (slots,) of outputs, each of all rows of its slot.

        The slopes are computed along with the losses, because XLA cannot run a loop backwards
        without keeping all that it has computed.
        """
        models = self._models
        logits = logits_of(predicted)
        given = [_apart(each, batch) for each in (predicted, logits) if each is not None]

        def one(part: Any) -> Any:
            fitted, outputs, *weights = part
            with tf.GradientTape() as tape:
                tape.watch(outputs)
                found = with_logits(*outputs)
                target, w = models.form.tensor(fitted), weights[0] if weights else None
                loss = compiled_loss(models.source, target, found, w)
            slopes = tape.gradient(loss, outputs, unconnected_gradients="zero")
            return tf.cast(loss, tf.float32), tuple(slopes)

        def losses(*outputs: Any) -> Any:
            weights = () if batch.weights is None else (batch.weights,)
            kinds = tf.float32, tuple(each.dtype for each in outputs)
            found, slopes = each_slot(one, (batch.fitted, outputs, *weights), kinds)

            def backward(given: Any) -> Any:
                return [tf.einsum("s,s...->s...", given, each) for each in slopes]

            return found, backward

        return tf.custom_gradient(losses)(*given)

    def _measured(
        self, metrics: Any, losses: Any, predicted: Any, batch: Batch, masked: bool, every: bool
    ) -> Any:
        """Update the metrics with a batch, in the target's own units.

        In training, weights count as in Keras' train step; on unseen rows in every metric.
        """
        source, values = self._models.source, self._by_variable(metrics)
        own = self._models.form.tensor(_together(batch.own))
        predicted = self._undone(predicted, batch)
        plain = mask(batch.x.shape[1], batch.count) if masked else None
        weighted = weighed(batch.weights, plain)
        count = tf.cast(batch.count, losses.dtype)
        _add(values, loss_tracker(source), losses * count, count)
        for metric, counts in compiled_metrics(source):
            weights = weighted if counts or every else plain
            function = None if metric.name in self._models.apart else averaged(metric)
            if function is not None:
                _average(values, metric, _rows(function(own, predicted), batch), weights)
            else:
                self._update(values, metric, own, predicted, weights)
        return tuple(values[id(each)] for each in source.metrics_variables)

    def _undone(self, predicted: Any, batch: Batch) -> Any:
        """Return outputs in the target's own units."""
        transform = self._models.data.transform
        if not transform:
            return predicted
        given = _apart(predicted, batch), batch.figures
        return _together(vectorized(lambda each: transform.tensor(*each), given, loops=False))

    def _update(
        self, values: dict[int, Any], metric: Any, own: Any, predicted: Any, weights: Any
    ) -> None:
        """Update a metric that does more than to average."""
        variables = metric.variables

        def one(given: Any) -> Any:
            before, own, predicted, *weights = given
            with keras.StatelessScope(list(zip(variables, before, strict=True))) as scope:
                metric.update_state(own, predicted, sample_weight=weights[0] if weights else None)
            return tuple(tf.convert_to_tensor(scope.get_current_value(each)) for each in variables)

        before = tuple(values[id(each)] for each in variables)
        slots = before[0].shape[0]
        parts = [tf.reshape(each, [slots, -1, *each.shape[1:]]) for each in (own, predicted)]
        given = (before, *parts, *([] if weights is None else [weights]))
        after = each_slot(one, given, tuple(each.dtype for each in before))
        values.update({id(each): value for each, value in zip(variables, after, strict=True)})

    def _by_variable(self, metrics: Any) -> dict[int, Any]:
        variables = self._models.source.metrics_variables
        return {id(each): value for each, value in zip(variables, metrics, strict=True)}


def _together(x: Any) -> Any:
    """Return values (slots, rows, ...) as (slots * rows, ...)."""
    return tf.reshape(x, [-1, *x.shape[2:]])


def _apart(x: Any, batch: Batch) -> Any:
    """Return values (slots * rows, ...) as (slots, rows, ...)."""
    return tf.reshape(x, [*batch.x.shape[:2], *x.shape[1:]])


def _rows(values: Any, batch: Batch) -> Any:
    """Return the means (slots, rows) of each row's values (slots * rows, ...).

    Raises:
        NotImplementedError: if there are not as many.
    """
    slots, rows = batch.x.shape[:2]
    if not values.shape or values.shape[0] != slots * rows:
        raise NotImplementedError("its loss or a metric has no value for each row")
    means = tf.reduce_mean(values, range(1, len(values.shape)))
    return tf.reshape(tf.cast(means, tf.float32), [slots, rows])


def _average(values: dict[int, Any], metric: Any, rows: Any, weights: Any) -> None:
    """Let a metric average more rows (slots, rows), weighted or all alike."""
    if weights is None:
        _add(values, metric, tf.reduce_sum(rows, axis=1), float(rows.shape[1]))
    else:
        _add(values, metric, tf.reduce_sum(rows * weights, axis=1), tf.reduce_sum(weights, axis=1))


def _add(values: dict[int, Any], metric: Any, total: Any, count: Any) -> None:
    for variable, more in zip(metric.variables, (total, count), strict=True):
        values[id(variable)] += more
