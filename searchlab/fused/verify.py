"""Verification that a stacked program computes the same as the real Keras model.

The real model is trained uncompiled on one batch and a part of another, then evaluated on some
rows; the program does the same in one of its slots. Losses, metrics and all variables must agree
within floating-point rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from searchlab.fused.optimizers import constants_of
from searchlab.fused.program import Program
from searchlab.fused.tensors import Tensors
from searchlab.fused.widths import pad, unpad
from searchlab.training.checkpoint import Checkpoint, checkpoint_of

_LOSS = 1e-3  # relative; float32 sums over a batch agree to 1e-6
_SLOWEST, _FASTEST = 1e-3, 1e-2
"""Bounds of the learning rate used to verify: with a tiny one no difference would show, and with
a huge one rounding becomes visible."""
_UPDATE = 0.05
"""Tolerance as a share of the largest update: where a gradient is pure rounding (a bias before a
batch normalization), Adam turns it into a step of a visible part of the learning rate."""


class Reference:
    """The real model's results on a few rows."""

    def __init__(self, model: Any, data: Tensors, batch: int, tail: int | None) -> None:
        """Train and evaluate a model, which changes it.

        Args:
            model: built and compiled, with a built optimizer.
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
        self.scored = data.validation[: batch + 7]
        model.reset_metrics()
        logs: Mapping[str, Any] = {}
        for few in (self.rows[:full], self.rows[full:]):
            if len(few):
                logs = model.train_step(_taken(data.fitted, few))
        self.logs = {name: float(value) for name, value in logs.items()}
        self.after = checkpoint_of(model)
        model.reset_metrics()
        logs = model.test_step(_taken(data.scored, self.scored))
        self.score = {name: float(value) for name, value in logs.items()}
        model.reset_metrics()


def problem(program: Program, reference: Reference, optimizer: Any) -> str | None:
    """Return the first difference between a program and the real model, or None.

    Raises:
        Exception: any error of TensorFlow's if it cannot stack or compile the model.
    """
    start = pad(reference.before, program.zero)
    state, constants = program.stacked([start], [constants_of(optimizer)])
    state, logs = program.train(state, *program.table([reference.rows]), constants)
    scores = program.evaluate(state, *program.table([reference.scored]))
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


def _taken(data: Any, rows: np.ndarray) -> Any:
    return tuple(tf.gather(each, rows) for each in data)
