"""One compiled program that trains and evaluates the models of several trainings, one slot each.

All variables are stacked along a leading slot dimension. `tf.vectorized_map` turns one model's step
into a step of all slots, so any Keras model that TensorFlow can vectorize is supported. A step
repeats Keras' own train step in the same order: forward pass, loss with added losses, metrics,
gradients, update, constraints.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from searchlab.fused.optimizers import Rule
from searchlab.fused.randomness import exact
from searchlab.fused.tensors import Tensors
from searchlab.fused.vectorize import vectorized
from searchlab.measure.form import Form
from searchlab.private.keras import compiled_loss, compiled_metrics, loss_tracker
from searchlab.training.checkpoint import Checkpoint

_CHUNK = 512
"""Rows per evaluation step: enough for fast multiplication, few enough for the cache."""


@dataclass(frozen=True)
class Method:
    """A way to turn a model into a program.

    Attributes:
        padded: whether hidden layers are padded to the widths in `Structure.padded`.
        masked: whether the last, smaller batch of an epoch is filled up with rows of weight 0;
            otherwise it is a separate step of exactly its size, the same for all trainings.
        compiled: whether XLA compiles it.
    """

    padded: bool
    masked: bool
    compiled: bool

    def __str__(self) -> str:
        words = [
            "padded widths" if self.padded else "exact widths",
            "masked rows" if self.masked else "exact rows",
            "XLA" if self.compiled else "no XLA",
        ]
        return ", ".join(words)


@dataclass(eq=False, repr=False)
class Program:
    """The program for models of one structure and one width.

    Attributes:
        source: a compiled Keras model of the structure, which provides losses and metrics.
        template: the same model in the program's widths; its weights are never used.
        rule: the optimizers' update rule.
        method: the way the program is built.
        batch: rows per step.
        tail: rows of an epoch's last step if it is a separate one, else 0.
        slots: number of trainings it holds.
        data: the study's rows.
        zero: an all-zero state in the program's widths.
        columns: row numbers per slot that `train` and `evaluate` take.
        names: names of the logs.
        paths: names of the model's variables, trainable ones first.
        form: the form of the model's target.
    """

    source: Any
    template: Any
    rule: Rule
    method: Method
    batch: int
    tail: int
    slots: int
    data: Tensors
    form: Form
    zero: Checkpoint = field(init=False)

    def __post_init__(self) -> None:
        optimizer = type(self.source.optimizer).from_config(self.source.optimizer.get_config())
        optimizer.build(self.template.trainable_variables)
        groups = (self.template.trainable_variables, self.template.non_trainable_variables)
        self.zero = Checkpoint(
            *(tuple(map(_zeros, group)) for group in (*groups, optimizer.variables))
        )
        longest = self.data.longest + self.batch
        self.columns = -(-longest // _CHUNK) * _CHUNK
        self.paths = [each.path for group in groups for each in group]
        self._constraints = [each.constraint for each in groups[0]]
        self._penalties = sum(each.regularizer is not None for each in groups[0])
        self.source.reset_metrics()
        self._fresh = tuple(np.asarray(each) for each in self.source.metrics_variables)
        self.names = tuple(sorted(self.source.get_metrics_result()))
        how = {"jit_compile": self.method.compiled, "autograph": False}
        self._train = tf.function(self._epoch, **how)
        self._evaluate = tf.function(self._evaluation, **how)

    def stacked(
        self, states: Sequence[Checkpoint], constants: Sequence[np.ndarray]
    ) -> tuple[Checkpoint, np.ndarray]:
        """Stack the states and optimizer constants of some trainings into the first slots.

        The remaining slots repeat the first training.
        """
        groups = zip(*(state.all for state in states), strict=True)
        state = self.zero.like([self.repeated(each) for each in groups])
        return state, self.repeated(constants)

    def repeated(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Stack the arrays of some trainings into the first slots; the others repeat the first."""
        return np.stack([*arrays, *[arrays[0]] * (self.slots - len(arrays))])

    def table(self, rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the row numbers and their counts for the first slots; the others get no rows."""
        table = np.zeros((self.slots, self.columns), np.int32)
        counts = np.zeros(self.slots, np.int32)
        for slot, each in enumerate(rows):
            table[slot, : len(each)] = each
            counts[slot] = len(each)
        return table, counts

    def train(
        self,
        state: Checkpoint,
        rows: np.ndarray,
        counts: np.ndarray,
        figures: np.ndarray,
        constants: np.ndarray,
    ) -> tuple[Checkpoint, np.ndarray]:
        """Train all slots for one epoch.

        Args:
            state: the stacked state.
            rows: int32 (slots, columns): row numbers of an epoch, in training order.
            counts: int32 (slots,): row counts; all used slots must have equally many batches.
            figures: float32 (slots, figures of the target's transformation).
            constants: float32 (slots, optimizer constants).

        Returns:
            The new stacked state, and the logs (slots, len(names)) in the order of `names`.
        """
        with exact():
            given = (state.all, rows, counts, figures, constants, self.data.fitted)
            values, logs = self._train(*given)
        return state.like([each.numpy() for each in values]), logs.numpy()

    def evaluate(
        self, state: Checkpoint, rows: np.ndarray, counts: np.ndarray, figures: np.ndarray
    ) -> np.ndarray:
        """Return the metrics (slots, len(names)) on any rows; for the arguments see `train`."""
        weights = (*state.trainable, *state.non_trainable)
        with exact():
            found = self._evaluate(weights, rows, counts, figures, self.data.scored)
        return found.numpy()  # type: ignore[no-any-return]

    # ---- inside the compiled program

    def _epoch(
        self, values: Any, rows: Any, counts: Any, figures: Any, constants: Any, data: Any
    ) -> Any:
        state, metrics = self.zero.like(values), self._start()

        def step(number: Any, state: Any, metrics: Any, size: int, masked: bool) -> Any:
            batch = tf.slice(rows, [0, number * self.batch], [self.slots, size])
            count = tf.clip_by_value(counts - number * self.batch, 0, size)
            chosen = (self._batch(batch, data), count, figures)
            return self._step(Checkpoint(*state), metrics, chosen, constants, masked)

        longest = tf.reduce_max(counts)  # the last masked step may be partly empty
        steps = (longest + (self.batch - 1 if self.method.masked else 0)) // self.batch

        def body(number: Any, state: Any, metrics: Any) -> Any:
            new, metrics = step(number, state, metrics, self.batch, self.method.masked)
            return number + 1, new, metrics

        start = (tf.constant(0), _parts(state), metrics)
        _, state, metrics = tf.while_loop(lambda number, *_: number < steps, body, start)
        if not self.method.masked and self.tail:
            state, metrics = step(steps, state, metrics, self.tail, False)
        return Checkpoint(*state).all, self._results(metrics)

    def _step(
        self,
        state: Checkpoint,
        metrics: Any,
        chosen: Any,
        constants: Any,
        masked: bool,
    ) -> Any:
        """Apply one step to all slots: their batches, row counts and figures."""
        outputs = self._map(
            lambda given: self._learn(given, masked),
            (state.trainable, state.non_trainable, metrics, *chosen),
        )
        gradients, non_trainable, measured = outputs
        optimizer, trainable = self.rule.apply(
            state.optimizer, gradients, state.trainable, constants
        )
        return (tuple(self._constrained(trainable)), non_trainable, tuple(optimizer)), measured

    def _learn(self, given: Any, masked: bool) -> Any:
        """Return one model's gradients, new non-trainable variables, and metrics."""
        trainable, non_trainable, metrics, batch, count, figures = given
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            loss, predicted, after = self._loss(
                trainable, non_trainable, batch, count, masked, True
            )
        gradients = tape.gradient(loss, trainable)
        if any(each is None for each in gradients):
            raise NotImplementedError("a variable does not affect the loss")
        return (
            tuple(gradients),
            tuple(after),
            self._measured(metrics, loss, predicted, (batch, count, figures), masked, False),
        )

    def _loss(
        self,
        trainable: Any,
        non_trainable: Any,
        batch: Any,
        count: Any,
        masked: bool,
        training: bool,
    ) -> Any:
        x, t, _, w = _unpacked(batch)
        takes = inspect.signature(self.template.call).parameters
        wanted = {"training": training} if "training" in takes else {}
        predicted, after, added = self.template.stateless_call(
            trainable, non_trainable, x, **wanted, return_losses=True
        )
        if masked:
            if len(added) > self._penalties:
                raise NotImplementedError("a layer adds its own loss over all rows of a batch")
            mask = _mask(x, count)
            w = mask if w is None else w * mask
        loss = compiled_loss(self.source, self.form.tensor(t), predicted, w)
        if masked:  # the mean over the unmasked rows, as in Keras
            loss *= x.shape[0] / tf.cast(tf.maximum(count, 1), loss.dtype)
        for each in added:
            loss += keras.ops.sum(keras.ops.cast(each, loss.dtype))
        return loss, predicted, after

    def _measured(
        self,
        metrics: Any,
        loss: Any,
        predicted: Any,
        chosen: Any,
        masked: bool,
        every: bool,
    ) -> Any:
        """Update one model's metrics with a batch, in the target's own units.

        In training, weights count as in Keras' train step; on unseen rows in every metric.
        """
        batch, count, figures = chosen
        x, _, y, w = _unpacked(batch)
        own, predicted = self.form.tensor(y), self.data.transform.tensor(predicted, figures)
        plain = _mask(x, count) if masked else None
        weighted = plain if w is None else (w if plain is None else w * plain)
        variables = self.source.metrics_variables
        with keras.StatelessScope(list(zip(variables, metrics, strict=True))) as scope:
            loss_tracker(self.source).update_state(loss, sample_weight=tf.cast(count, loss.dtype))
            for metric, counts in compiled_metrics(self.source):
                weights = weighted if counts or every else plain
                metric.update_state(own, predicted, sample_weight=weights)
        return tuple(tf.convert_to_tensor(scope.get_current_value(each)) for each in variables)

    def _evaluation(self, weights: Any, rows: Any, counts: Any, figures: Any, data: Any) -> Any:
        split = len(self.zero.trainable)
        trainable, non_trainable = tuple(weights[:split]), tuple(weights[split:])
        size = _CHUNK

        def one(given: Any) -> Any:
            trainable, non_trainable, metrics, batch, count, own = given
            loss, predicted, _ = self._loss(trainable, non_trainable, batch, count, True, False)
            return self._measured(metrics, loss, predicted, (batch, count, own), True, True)

        def body(number: Any, metrics: Any) -> Any:
            chunk = tf.slice(rows, [0, number * size], [self.slots, size])
            count = tf.clip_by_value(counts - number * size, 0, size)
            batch = self._batch(chunk, data)
            given = (trainable, non_trainable, metrics, batch, count, figures)
            return number + 1, self._map(one, given)

        steps = (tf.reduce_max(counts) + size - 1) // size
        start = (tf.constant(0), self._start())
        return self._results(tf.while_loop(lambda number, _: number < steps, body, start)[1])

    def _batch(self, rows: Any, data: Any) -> Any:
        """Gather the inputs, targets and weights (slots, rows, ...) of some rows."""
        return tuple(tf.gather(each, rows) for each in data)

    def _constrained(self, variables: Any) -> Iterator[Any]:
        for variable, constraint in zip(variables, self._constraints, strict=True):
            if constraint is None:
                yield variable
            else:
                yield self._map(constraint, variable)

    def _start(self) -> Any:
        return tuple(tf.stack([tf.constant(each)] * self.slots) for each in self._fresh)

    def _results(self, metrics: Any) -> Any:
        """Return the metrics' values (slots, len(names))."""

        def one(given: Any) -> Any:
            variables = self.source.metrics_variables
            with keras.StatelessScope(list(zip(variables, given, strict=True))):
                results = self.source.get_metrics_result()
            found = [tf.cast(results[name], tf.float32) for name in self.names]
            return tf.stack([tf.reshape(each, []) for each in found])  # some have one, in an array

        return self._map(one, metrics)

    def _map(self, function: Any, given: Any) -> Any:
        return vectorized(function, given, loops=not self.method.compiled)


def _parts(state: Checkpoint) -> Any:
    return state.trainable, state.non_trainable, state.optimizer


def _unpacked(batch: Any) -> tuple[Any, Any, Any, Any]:
    """Return inputs, targets as fitted, targets in their own units, and weights or None."""
    return batch if len(batch) == 4 else (*batch, None)  # noqa: PLR2004


def _zeros(variable: Any) -> np.ndarray:
    return np.zeros(variable.shape, np.asarray(variable).dtype)


def _mask(x: Any, count: Any) -> Any:
    """Return 1 for the first `count` rows of a batch and 0 for the others, float32 (rows,)."""
    return tf.cast(tf.range(x.shape[0]) < count, tf.float32)
