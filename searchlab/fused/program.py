"""One compiled program that trains and evaluates the models of several trainings, one slot each.

All variables are stacked along a leading slot dimension. A step repeats Keras' own train step in
the same order: forward pass, loss with added losses, metrics, gradients, update, constraints.
`direct` computes it for models of Keras' own layers, `mapped` for any that TensorFlow can
vectorize.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from searchlab.fused.direct import Direct
from searchlab.fused.mapped import Mapped
from searchlab.fused.names import first_number, numbered
from searchlab.fused.optimizers import CONSTANTS, Rule
from searchlab.fused.plan import Plan
from searchlab.fused.randomness import exact
from searchlab.fused.steps import Batch, Models, Steps
from searchlab.fused.vectorize import vectorized
from searchlab.fused.whole import Whole
from searchlab.measure.feed import Feed
from searchlab.measure.form import output_shape
from searchlab.training.checkpoint import Checkpoint

_PARTS = ("train", "evaluate", "predict")
"""The parts of a program, of which each is compiled when it is needed first."""

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
        direct: whether Keras' layers are computed as `layers` has them.
    """

    padded: bool
    masked: bool
    compiled: bool
    direct: bool

    def __str__(self) -> str:
        words = [
            "padded widths" if self.padded else "exact widths",
            "masked rows" if self.masked else "exact rows",
            "XLA" if self.compiled else "no XLA",
            "direct" if self.direct else "mapped",
        ]
        return ", ".join(words)


@dataclass(eq=False, repr=False)
class Program:
    """The program for models of one structure and one width.

    Attributes:
        models: the models of the structure, and the study's rows.
        plan: the way to compute the models directly, if there is one.
        rule: the optimizers' update rule.
        method: the way the program is built.
        batch: rows per step.
        tail: rows of an epoch's last step if it is a separate one, else 0.
        slots: number of trainings it holds.
        text: the models' configuration, with the numbers that are part of the program.
        zero: an all-zero state in the program's widths.
        columns: row numbers per slot that `train` and `evaluate` take.
        names: names of the logs.
        paths: names of the model's variables, trainable ones first.
    """

    models: Models
    plan: Plan | None
    rule: Rule
    method: Method
    batch: int
    tail: int
    slots: int
    text: str
    zero: Checkpoint = field(init=False)

    def __post_init__(self) -> None:
        source, template, data = self.models.source, self.models.template, self.models.data
        optimizer = type(source.optimizer).from_config(source.optimizer.get_config())
        optimizer.build(template.trainable_variables)
        groups = (template.trainable_variables, template.non_trainable_variables)
        self.zero = Checkpoint(
            *(tuple(map(_zeros, group)) for group in (*groups, optimizer.variables))
        )
        longest = data.longest + self.batch
        self.columns = -(-longest // _CHUNK) * _CHUNK
        self.paths = [each.path for group in groups for each in group]
        self._constraints = [each.constraint for each in groups[0]]
        source.reset_metrics()
        self._fresh = tuple(np.asarray(each) for each in source.metrics_variables)
        self.names = tuple(sorted(source.get_metrics_result()))
        self._steps = self._chosen()
        text = self._text()
        self._first = {
            name: first_number(f"{name} {text}") for name in ("train", "evaluate", "predict")
        }
        how = {"jit_compile": self.method.compiled, "autograph": False}
        self._train = tf.function(self._epoch, **how)
        self._evaluate = tf.function(self._evaluation, **how)
        self._predict = tf.function(self._prediction, **how)
        self._whole = Whole(self.models, self.names, self._fresh)

    def _text(self) -> str:
        """Return everything in which programs may differ, the same in each process."""
        rule = self.rule.kind, sorted(self.rule.flags), self.rule.decayed
        shapes = [each.shape for each in self.zero.all]
        data = self.models.data
        rows = [(each.shape.as_list(), each.dtype.name) for each in (*data.fitted, *data.scored)]
        sizes = self.method, self.batch, self.tail, self.slots, self.columns
        return repr((self.text, rule, shapes, rows, sizes))

    def _chosen(self) -> Steps:
        if self.method.direct and self.plan is not None:
            return Direct(self.models, self.names, self.plan, padded=self.method.padded)
        return Mapped(self.models, self.names, loops=not self.method.compiled)

    def stacked(
        self, states: Sequence[Checkpoint], constants: Sequence[np.ndarray]
    ) -> tuple[Checkpoint, np.ndarray]:
        """Stack the states and constants of some trainings into the first slots.

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
            constants: float32 (slots, constants): see `Structure.constants`.

        Returns:
            The new stacked state, and the logs (slots, len(names)) in the order of `names`.
        """
        with exact(), numbered(self._first["train"]):
            given = (state.all, rows, counts, figures, constants, self.models.data.fitted)
            values, logs = self._train(*given)
        return state.like([each.numpy() for each in values]), logs.numpy()

    def evaluate(
        self,
        state: Checkpoint,
        rows: np.ndarray,
        counts: np.ndarray,
        figures: np.ndarray,
        constants: np.ndarray,
    ) -> np.ndarray:
        """Return the metrics (slots, len(names)) on any rows; for the arguments see `train`."""
        weights = (*state.trainable, *state.non_trainable)
        given = (weights, rows, counts, figures, constants, self.models.data.scored)
        if self.models.apart:
            return self._evaluate_apart(rows, counts, figures, given)
        with exact(), numbered(self._first["evaluate"]):
            found = self._evaluate(*given)
        return found.numpy()  # type: ignore[no-any-return]

    def _evaluate_apart(
        self, rows: np.ndarray, counts: np.ndarray, figures: np.ndarray, given: Any
    ) -> np.ndarray:
        with exact(), numbered(self._first["predict"]):
            outputs, added = self._predict(*given)
        found = np.zeros((self.slots, len(self.names)), np.float32)
        for slot, count in enumerate(counts):
            if count:
                some = rows[slot, :count], outputs[slot, :count], added[slot], figures[slot]
                found[slot] = self._whole(*some)
        return found

    # ---- inside the compiled program

    def _epoch(
        self, values: Any, rows: Any, counts: Any, figures: Any, constants: Any, data: Any
    ) -> Any:
        state, metrics = self.zero.like(values), self._start()
        own, numbers = self._split(constants)

        def step(number: Any, state: Any, metrics: Any, size: int, masked: bool) -> Any:
            chosen = tf.slice(rows, [0, number * self.batch], [self.slots, size])
            count = tf.clip_by_value(counts - number * self.batch, 0, size)
            batch = Batch(_gathered(data, chosen), count, figures, numbers)
            before = Checkpoint(*state)
            gradients, other, metrics = self._steps.learn(before, metrics, batch, masked=masked)
            optimizer, trainable = self.rule.apply(
                before.optimizer, gradients, before.trainable, own
            )
            state = (tuple(self._constrained(trainable)), tuple(other), tuple(optimizer))
            return state, metrics

        longest = tf.reduce_max(counts)  # the last masked step may be partly empty
        steps = (longest + (self.batch - 1 if self.method.masked else 0)) // self.batch

        def body(number: Any, state: Any, metrics: Any) -> Any:
            new, metrics = step(number, state, metrics, self.batch, self.method.masked)
            return number + 1, new, metrics

        start = (tf.constant(0), _parts(state), metrics)
        _, state, metrics = tf.while_loop(lambda number, *_: number < steps, body, start)
        if not self.method.masked and self.tail:
            state, metrics = step(steps, state, metrics, self.tail, False)
        return Checkpoint(*state).all, self._steps.results(metrics)

    def _evaluation(
        self, weights: Any, rows: Any, counts: Any, figures: Any, constants: Any, data: Any
    ) -> Any:
        split = len(self.zero.trainable)
        state = Checkpoint(tuple(weights[:split]), tuple(weights[split:]), ())
        _, numbers = self._split(constants)
        size = _CHUNK

        def body(number: Any, metrics: Any) -> Any:
            chunk = tf.slice(rows, [0, number * size], [self.slots, size])
            count = tf.clip_by_value(counts - number * size, 0, size)
            batch = Batch(_gathered(data, chunk), count, figures, numbers)
            return number + 1, self._steps.measure(state, metrics, batch)

        steps = (tf.reduce_max(counts) + size - 1) // size
        start = (tf.constant(0), self._start())
        _, metrics = tf.while_loop(lambda number, _: number < steps, body, start)
        return self._steps.results(metrics)

    def _prediction(
        self, weights: Any, rows: Any, counts: Any, figures: Any, constants: Any, data: Any
    ) -> Any:
        """Return the outputs (slots, columns, ...) and the penalties (slots,)."""
        split = len(self.zero.trainable)
        state = Checkpoint(tuple(weights[:split]), tuple(weights[split:]), ())
        _, numbers = self._split(constants)
        one, size = output_shape(self.models.source, Feed(tuple(data[0].shape[1:])))[1:], _CHUNK

        def body(number: Any, found: Any, _: Any) -> Any:
            chunk = tf.slice(rows, [0, number * size], [self.slots, size])
            batch = Batch(_gathered(data, chunk), counts, figures, numbers)
            outputs, added = self._steps.predict(state, batch)
            return number + 1, found.write(number, tf.cast(outputs, tf.float32)), added

        chunks = self.columns // size
        found = tf.TensorArray(tf.float32, chunks, element_shape=[self.slots, size, *one])
        steps = (tf.reduce_max(counts) + size - 1) // size
        start = (tf.constant(0), found, tf.zeros([self.slots]))
        _, found, added = tf.while_loop(lambda number, *_: number < steps, body, start)
        outputs = tf.reshape(tf.einsum("cs...->sc...", found.stack()), [self.slots, -1, *one])
        return outputs, added

    def _split(self, constants: Any) -> tuple[Any, Any]:
        """Return the optimizers' constants and the models' numbers."""
        first = len(CONSTANTS)
        return constants[:, :first], constants[:, first:]

    def _constrained(self, variables: Any) -> Iterator[Any]:
        for variable, constraint in zip(variables, self._constraints, strict=True):
            if constraint is None:
                yield variable
            else:
                yield vectorized(constraint, variable, loops=not self.method.compiled)

    def _start(self) -> Any:
        return tuple(tf.stack([tf.constant(each)] * self.slots) for each in self._fresh)


def _gathered(data: Any, rows: Any) -> tuple[Any, ...]:
    """Gather the inputs, targets and weights (slots, rows, ...) of some rows."""
    return tuple(tf.gather(each, rows) for each in data)


def _parts(state: Checkpoint) -> Any:
    return state.trainable, state.non_trainable, state.optimizer


def _zeros(variable: Any) -> np.ndarray:
    return np.zeros(variable.shape, np.asarray(variable).dtype)
