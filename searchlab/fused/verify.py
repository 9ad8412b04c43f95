"""Verification that a stacked program computes the same as the real Keras model.

The real model is trained uncompiled on one batch and a part of another, then evaluated on some
rows; the program does the same in one of its slots. Losses, metrics and all variables must agree
within floating-point rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from searchlab.core.arrays import Array
from searchlab.fused.program import Program
from searchlab.fused.steps import LOSS
from searchlab.fused.tensors import Tensors
from searchlab.fused.widths import pad, unpad
from searchlab.measure.feed import Feed
from searchlab.measure.form import Form, output_shape
from searchlab.measure.goal import Goal
from searchlab.measure.meter import Meter, own_units
from searchlab.private.keras import averaged, compiled_loss, compiled_losses, compiled_metrics
from searchlab.training.checkpoint import Checkpoint, checkpoint_of

_LOSS = 1e-3  # relative; float32 sums over a batch agree to 1e-6
_SLOWEST, _FASTEST = 1e-3, 1e-2
"""Bounds of the learning rate used to verify: with a tiny one no difference would show, and with
a huge one rounding becomes visible."""
_SCORED = 700
"""Rows to score: more than a program takes at a time, and no multiple of it, so that both a whole
step and one that is filled up are compared."""
_MIXED = 64
"""Rows by which a metric is tried for looking at several rows."""
_MEANS = ("sum_over_batch_size", "mean")
"""The names of a loss' reduction that takes the mean over rows."""
_UPDATE = 0.05
"""Tolerance as a share of the largest update: where a gradient is pure rounding (a bias before a
batch normalization), Adam turns it into a step of a visible part of the learning rate."""


class Reference:
    """The real model's results on a few rows."""

    def __init__(self, model: Any, form: Form, data: Tensors, batch: int, tail: int | None) -> None:
        """Train and evaluate a model, which changes it.

        Args:
            model: built and compiled, with a built optimizer.
            form: the form of its target.
            data: the study's rows.
            batch: rows per step.
            tail: rows of the last step, or None for about half a batch.
        """
        rows = data.train
        part = min(rows, batch // 2 + 1) if tail is None else tail
        full = batch if rows >= batch + part else 0
        rate = float(np.clip(np.asarray(model.optimizer.learning_rate), _SLOWEST, _FASTEST))
        model.optimizer.learning_rate = rate  # every training sets its own
        self.before = checkpoint_of(model)
        self.rows = np.arange(full + part, dtype=np.int32)
        self.scored = data.validation[:_SCORED]
        model.reset_metrics()
        logs: Mapping[str, Any] = {}
        with own_units(model, data.transform):
            for few in (self.rows[:full], self.rows[full:]):
                if len(few):
                    x, t, _, *w = (tf.gather(each, few) for each in data.fitted)
                    logs = model.train_step((x, form.tensor(t), *w))
        self.logs = {name: float(np.squeeze(value)) for name, value in logs.items()}
        self.after = checkpoint_of(model)
        model.reset_metrics()
        eager, model.run_eagerly = model.run_eagerly, True  # compiling does not pay off
        goal = Goal.one(form, model.loss)
        feed = Feed(tuple(data.scored[0].shape[1:]))
        self.score = Meter(model, goal, data.transform, max(batch, _MIXED), feed)(
            data.unseen(self.scored)
        )
        model.run_eagerly = eager
        model.reset_metrics()


def problem(program: Program, reference: Reference, own: Array) -> str | None:
    """Return the first difference between a program and the real model, or None.

    Args:
        program: the program.
        reference: the real model's results.
        own: the training's constants, see `Structure.constants`.

    Raises:
        Exception: any error of TensorFlow's if it cannot stack or compile the model.
    """
    start = pad(reference.before, program.zero)
    state, constants = program.stacked([start], [own])
    figures = program.repeated([program.models.data.figures])
    state, logs = program.train(state, *program.table([reference.rows]), figures, constants)
    scores = program.evaluate(state, *program.table([reference.scored]), figures, constants)
    for wanted, found in ((reference.logs, logs[0]), (reference.score, scores[0])):
        for name, value in zip(program.names, found, strict=True):
            if not np.isclose(value, wanted[name], rtol=_LOSS, atol=_LOSS / 10, equal_nan=True):
                return f"{name} is {value:.6g} instead of {wanted[name]:.6g}"
    wide = state.like([each[0] for each in state.all])
    after = unpad(wide, reference.after)
    return _other_update(reference, after) or _filled_up(wide, pad(after, program.zero))


def _other_update(reference: Reference, after: Checkpoint) -> str | None:
    pairs = list(zip(reference.before.trainable, reference.after.trainable, strict=True))
    moved = max((float(np.nanmax(np.abs(b - a), initial=0)) for a, b in pairs), default=0.0)
    for index, (wanted, found) in enumerate(zip(reference.after.all, after.all, strict=True)):
        if wanted.dtype.kind != "f":
            if not np.array_equal(wanted, found):
                return f"variable {index} differs"
            continue
        allowed = _UPDATE * moved + _LOSS * np.abs(wanted) + _LOSS / 100
        with np.errstate(invalid="ignore"):
            bad = ~(np.abs(found - wanted) <= allowed) & ~(np.isnan(found) & np.isnan(wanted))
        if bad.any():
            return f"variable {index} is updated differently"
    return None


def _filled_up(wide: Checkpoint, padded: Checkpoint) -> str | None:
    """Return a problem if a step changed what `widths.pad` filled with zeros, else None."""
    for index, (found, wanted) in enumerate(zip(wide.all, padded.all, strict=True)):
        if not np.array_equal(found, wanted, equal_nan=found.dtype.kind == "f"):
            return f"variable {index} grows beyond its width"
    return None


def form_of(model: Any, data: Tensors) -> Form:
    """Return the form of the target for a built and compiled model."""
    shape = output_shape(model, Feed(tuple(data.scored[0].shape[1:])))
    return Form.of(model.loss, shape, data.classes)


def apart(model: Any, form: Form, data: Tensors) -> frozenset[str]:
    """Return the names of a model's metrics, the loss among them, that are no mean of rows' values.

    Their value is that of all rows at once, or is one number that a function of the user's has made
    of them.

    Args:
        model: built and compiled; its metrics are reset.
        form: the form of its target.
        data: the study's rows.
    """
    x, t, y, *_ = (tf.gather(each, data.validation[:_MIXED]) for each in data.scored)
    target, own = form.tensor(t), form.tensor(y)
    outputs = tf.cast(model(x), tf.float32)
    shuffled = np.random.default_rng(0).permutation(len(x))
    spread = tf.random.Generator.from_seed(1).uniform(outputs.shape, dtype=tf.float32)
    found = set(_of_several(model, target, own, outputs))
    for predicted in (outputs, tf.gather(outputs, shuffled), spread):
        whole = _values(model, (target, own), predicted, data, [len(x)])
        parts = _values(model, (target, own), predicted, data, [len(x) // 3, len(x)])
        for name, value in whole.items():
            near = np.isclose(value, parts[name], rtol=_LOSS, atol=_LOSS / 10, equal_nan=True)
            if not near.all():
                found.add(name)
    return frozenset(found)


def _of_several(model: Any, target: Any, own: Any, predicted: Any) -> Iterator[str]:
    """Yield the names of the metrics, the loss among them, that have no value for each row."""
    compiled_loss(model, target, predicted, None)
    first, *others = [loss for loss, _ in compiled_losses(model)]
    usual = not others and type(first).__call__ is keras.losses.Loss.__call__
    target = tf.cast(target, first.dtype)
    if not usual or first.reduction not in _MEANS or not _for_each(first.call, target, predicted):
        yield LOSS
    for metric, _ in compiled_metrics(model, own, predicted):
        function = averaged(metric)
        if function is not None and not _for_each(function, own, predicted):
            yield metric.name


def _for_each(function: Callable[[Any, Any], Any], target: Any, predicted: Any) -> bool:
    """Return whether a function has a value for each row."""
    shape = tf.convert_to_tensor(function(target, predicted)).shape
    return bool(shape.rank) and shape[0] == len(predicted)


def _values(
    model: Any, targets: tuple[Any, Any], predicted: Any, data: Tensors, ends: list[int]
) -> dict[str, Any]:
    """Return a model's loss and metrics of predictions, given in parts that end at some rows."""
    model.reset_metrics()
    loss, start = 0.0, 0
    undone = data.transform.tensor(predicted)
    for end in ends:
        part = slice(start, end)
        loss += float(compiled_loss(model, targets[0][part], predicted[part], None)) * (end - start)
        given = targets[1][part], undone[part]
        for metric, _ in compiled_metrics(model, *given):
            metric.update_state(*given)
        start = end
    values = {name: np.asarray(each) for name, each in model.get_metrics_result().items()}
    model.reset_metrics()
    return {**values, LOSS: loss / start}
