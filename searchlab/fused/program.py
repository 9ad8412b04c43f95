"""One compiled program that trains and evaluates the models of several trainings, a slot each.

All variables are stacked: a slot dimension comes first. `tf.vectorized_map` turns one model's step
into that of all slots, so any Keras model that TensorFlow can vectorise will do. What a step
computes is Keras' own train step, in the same order: forward pass, loss with its additions,
metrics, gradients, update, constraints.
"""

from __future__ import annotations

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
from searchlab.training.checkpoint import Checkpoint

_CHUNK = 512
"""Rows that one step of an evaluation takes: enough to multiply fast, few enough for a cache."""


@dataclass(frozen=True)
class Method:
    """How a model is made into a program.

    Attributes:
        padded: whether hidden layers are as wide as `Structure.padded` says.
        masked: whether the last, smaller batch of an epoch is a full one with rows of weight 0;
            else it is a step of its own, of just so many rows, and all trainings have as many.
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
    """What trains the models of one structure and of one width.

    Attributes:
        source: a compiled Keras model of the structure, whose losses and metrics are used.
        template: an equal model as wide as the program; its own weights are never used.
        rule: how the optimiser updates.
        method: how the program is made.
        batch: rows of a step.
        tail: rows of the last step of an epoch if that is one of its own, else 0.
        slots: how many trainings it takes.
        data: the rows of the study.
        zero: a state of the program's widths, all 0.
        columns: how many row numbers `train` and `evaluate` take for each slot.
        names: those of the logs.
        paths: the names of the model's variables, the trainable ones first.
    """

    source: Any
    template: Any
    rule: Rule
    method: Method
    batch: int
    tail: int
    slots: int
    data: Tensors
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
        """The states and the optimisers' constants of some trainings in the first slots.

        The other slots are filled with those of the first training.
        """
        places = [*range(len(states)), *[0] * (self.slots - len(states))]
        groups = zip(*(state.all for state in states), strict=True)
        state = self.zero.like([np.stack([each[place] for place in places]) for each in groups])
        return state, np.stack([constants[place] for place in places])

    def table(self, rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The row numbers for the first slots, and how many; the others have none."""
        table = np.zeros((self.slots, self.columns), np.int32)
        counts = np.zeros(self.slots, np.int32)
        for slot, each in enumerate(rows):
            table[slot, : len(each)] = each
            counts[slot] = len(each)
        return table, counts

    def train(
        self, state: Checkpoint, rows: np.ndarray, counts: np.ndarray, constants: np.ndarray
    ) -> tuple[Checkpoint, np.ndarray]:
        """One epoch for all slots.

        Args:
            state: stacked.
            rows: int32 (slots, columns): the rows of an epoch, in the order of training.
            counts: int32 (slots,): how many of them; as many batches in all slots that are used.
            constants: float32 (slots, constants of the optimiser).

        Returns:
            The new stacked state, and the logs (slots, len(names)) in the order of `names`.
        """
        with exact():
            values, logs = self._train(state.all, rows, counts, constants, self.data.fitted)
        return state.like([each.numpy() for each in values]), logs.numpy()

    def evaluate(self, state: Checkpoint, rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """The metrics (slots, len(names)) on any rows; arguments as for `train`."""
        weights = (*state.trainable, *state.non_trainable)
        with exact():
            return self._evaluate(weights, rows, counts, self.data.scored).numpy()  # type: ignore[no-any-return]

    # ---- inside of the compiled program

    def _epoch(self, values: Any, rows: Any, counts: Any, constants: Any, data: Any) -> Any:
        state, metrics = self.zero.like(values), self._start()

        def step(number: Any, state: Any, metrics: Any, size: int, masked: bool) -> Any:
            batch = tf.slice(rows, [0, number * self.batch], [self.slots, size])
            count = tf.clip_by_value(counts - number * self.batch, 0, size)
            return self._step(Checkpoint(*state), metrics, batch, count, constants, data, masked)

        longest = tf.reduce_max(counts)  # of masked steps the last may be partly empty
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
        rows: Any,
        count: Any,
        constants: Any,
        data: Any,
        masked: bool,
    ) -> Any:
        """One step of all slots."""
        outputs = self._map(
            lambda given: self._learn(given, masked),
            (state.trainable, state.non_trainable, metrics, self._batch(rows, data), count),
        )
        gradients, non_trainable, measured = outputs
        optimizer, trainable = self.rule.apply(
            state.optimizer, gradients, state.trainable, constants
        )
        return (tuple(self._constrained(trainable)), non_trainable, tuple(optimizer)), measured

    def _learn(self, given: Any, masked: bool) -> Any:
        """One model's gradients, new variables that are not trained, and metrics."""
        trainable, non_trainable, metrics, batch, count = given
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            loss, predicted, after = self._loss(
                trainable, non_trainable, batch, count, masked, True
            )
        gradients = tape.gradient(loss, trainable)
        if any(each is None for each in gradients):
            raise NotImplementedError("a variable has no part in the loss")
        return (
            tuple(gradients),
            tuple(after),
            self._measured(metrics, loss, predicted, batch, count, masked),
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
        x, y, w = _unpacked(batch)
        wanted = {"training": training} if self.template._call_has_training_arg else {}
        predicted, after, added = self.template.stateless_call(
            trainable, non_trainable, x, **wanted, return_losses=True
        )
        if masked:
            if len(added) > self._penalties:
                raise NotImplementedError("a layer adds a loss of its own, of all rows of a batch")
            mask = _mask(x, count)
            w = mask if w is None else w * mask
        loss = self.source._compile_loss(y, predicted, w)
        if masked:  # Keras' mean over the rows that count
            loss *= x.shape[0] / tf.cast(tf.maximum(count, 1), loss.dtype)
        for each in added:
            loss += self.source._aggregate_additional_loss(each)
        return loss, predicted, after

    def _measured(
        self, metrics: Any, loss: Any, predicted: Any, batch: Any, count: Any, masked: bool
    ) -> Any:
        """One model's metrics after one more batch, as Keras' train and test steps have them."""
        x, y, w = _unpacked(batch)
        plain = _mask(x, count) if masked else None
        weighted = plain if w is None else (w if plain is None else w * plain)
        variables = self.source.metrics_variables
        with keras.StatelessScope(list(zip(variables, metrics, strict=True))) as scope:
            self.source._loss_tracker.update_state(loss, sample_weight=tf.cast(count, loss.dtype))
            for metric, counts in self._metrics():
                metric.update_state(y, predicted, sample_weight=weighted if counts else plain)
        return tuple(tf.convert_to_tensor(scope.get_current_value(each)) for each in variables)

    def _metrics(self) -> Iterator[tuple[Any, bool]]:
        """The model's metrics, and whether each takes the rows' weights (`weighted_metrics`)."""
        compiled = self.source._compile_metrics
        if compiled is not None:  # Keras 3.15 has no public list of the two kinds
            yield from ((each, False) for each in compiled._flat_metrics if each is not None)
            yield from (
                (each, True) for each in compiled._flat_weighted_metrics if each is not None
            )

    def _evaluation(self, weights: Any, rows: Any, counts: Any, data: Any) -> Any:
        split = len(self.zero.trainable)
        trainable, non_trainable = tuple(weights[:split]), tuple(weights[split:])
        size = _CHUNK

        def one(given: Any) -> Any:
            trainable, non_trainable, metrics, batch, count = given
            loss, predicted, _ = self._loss(trainable, non_trainable, batch, count, True, False)
            return self._measured(metrics, loss, predicted, batch, count, True)

        def body(number: Any, metrics: Any) -> Any:
            chunk = tf.slice(rows, [0, number * size], [self.slots, size])
            count = tf.clip_by_value(counts - number * size, 0, size)
            given = (trainable, non_trainable, metrics, self._batch(chunk, data), count)
            return number + 1, self._map(one, given)

        steps = (tf.reduce_max(counts) + size - 1) // size
        start = (tf.constant(0), self._start())
        return self._results(tf.while_loop(lambda number, _: number < steps, body, start)[1])

    def _batch(self, rows: Any, data: Any) -> Any:
        """The inputs, targets and weights (slots, rows, ...) of some rows."""
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
        """The metrics' values (slots, len(names))."""

        def one(given: Any) -> Any:
            variables = self.source.metrics_variables
            with keras.StatelessScope(list(zip(variables, given, strict=True))):
                results = self.source.get_metrics_result()
            return tf.stack([tf.cast(results[name], tf.float32) for name in self.names])

        return self._map(one, metrics)

    def _map(self, function: Any, given: Any) -> Any:
        return vectorized(function, given, loops=not self.method.compiled)


def _parts(state: Checkpoint) -> Any:
    return state.trainable, state.non_trainable, state.optimizer


def _unpacked(batch: Any) -> tuple[Any, Any, Any]:
    """Inputs, targets, and weights or None."""
    return batch if len(batch) == 3 else (*batch, None)  # noqa: PLR2004


def _zeros(variable: Any) -> np.ndarray:
    return np.zeros(variable.shape, np.asarray(variable).dtype)


def _mask(x: Any, count: Any) -> Any:
    """1 for each of the first `count` rows of a batch, 0 for the others: float32 (rows,)."""
    return tf.cast(tf.range(x.shape[0]) < count, tf.float32)
