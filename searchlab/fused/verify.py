"""Whether a stacked program does what the real Keras model does.

The real model is trained for a batch and a part of one, without being compiled, and evaluated on
some rows; the program does the same in one of its slots. Losses, metrics and all variables must
agree within the rounding of floats.
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
"""Learning rates between which the real model is tried, whatever its own: at a tiny one nothing
moves that could differ, and at a huge one rounding becomes visible."""
_UPDATE = 0.05
"""Of the largest update: where a gradient is nothing but rounding (a bias before a batch
normalisation), Adam makes a step of a visible part of the learning rate of it."""


class Reference:
    """What a real model does with a few rows."""

    def __init__(self, model: Any, data: Tensors, batch: int, tail: int | None) -> None:
        """Trains and evaluates a model, which changes it.

        Args:
            model: built and compiled, its optimiser built.
            data: the study's rows.
            batch: rows of a step.
            tail: rows of the last step, or None for about half a batch.
        """
        rows = data.train
        part = min(rows, batch // 2 + 1) if tail is None else tail
        full = batch if rows >= batch + part else 0
        rate = float(np.clip(np.asarray(model.optimizer.learning_rate), _SLOWEST, _FASTEST))
        model.optimizer.learning_rate = rate  # a variable: every training brings its own
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
    """What a program does otherwise than the real model, or None.

    Raises:
        Exception: whatever TensorFlow raises of what it cannot stack or compile.
    """
    start = pad(reference.before, program.zero)
    state, constants = program.stacked([start], [constants_of(optimizer)])
    state, logs = program.train(state, *program.table([reference.rows]), constants)
    scores = program.evaluate(state, *program.table([reference.scored]))
    for wanted, found in ((reference.logs, logs[0]), (reference.score, scores[0])):
        for name, value in zip(program.names, found, strict=True):
            if not np.isclose(value, wanted[name], rtol=_LOSS, atol=_LOSS / 10, equal_nan=True):
                return f"{name} is {value:.6g} in place of {wanted[name]:.6g}"
    wide = state.like([each[0] for each in state.all])
    after = unpad(wide, reference.after)
    return _other_update(reference, after) or _filled_up(wide, pad(after, program.zero))


def _other_update(reference: Reference, after: Checkpoint) -> str | None:
    pairs = list(zip(reference.before.trainable, reference.after.trainable, strict=True))
    moved = max((float(np.nanmax(np.abs(b - a), initial=0)) for a, b in pairs), default=0.0)
    for index, (wanted, found) in enumerate(zip(reference.after.all, after.all, strict=True)):
        if wanted.dtype.kind != "f":
            if not np.array_equal(wanted, found):
                return f"variable {index} is another"
            continue
        allowed = _UPDATE * moved + _LOSS * np.abs(wanted) + _LOSS / 100
        with np.errstate(invalid="ignore"):
            bad = ~(np.abs(found - wanted) <= allowed) & ~(np.isnan(found) & np.isnan(wanted))
        if bad.any():
            return f"variable {index} is updated otherwise"
    return None


def _filled_up(wide: Checkpoint, padded: Checkpoint) -> str | None:
    """Whether a step has changed what `widths.pad` filled up with zeros."""
    for index, (found, wanted) in enumerate(zip(wide.all, padded.all, strict=True)):
        if not np.array_equal(found, wanted, equal_nan=found.dtype.kind == "f"):
            return f"variable {index} grows beyond its width"
    return None


def _taken(data: Any, rows: np.ndarray) -> Any:
    return tuple(tf.gather(each, rows) for each in data)
