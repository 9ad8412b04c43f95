"""One training of a trial in a fused program: its rows, variables and finished epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from searchlab.core.arrays import Array
from searchlab.core.trial import Report
from searchlab.fused.program import Program
from searchlab.training.checkpoint import Checkpoint
from searchlab.training.outcome import Fitted, diverged_error


class _Optimizer:
    """The part of a Keras optimizer that callbacks use, backed by a slot's variables."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold

    @property
    def learning_rate(self) -> Any:
        """The rate of the next steps, the second of an optimizer's variables in Keras."""
        return self._fold.state.optimizer[1]

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        iterations, rate, *moments = self._fold.state.optimizer
        changed = (iterations, np.asarray(value, np.asarray(rate).dtype), *moments)
        self._fold.state = replace(self._fold.state, optimizer=changed)


class _Model:
    """The part of a Keras model that callbacks use, backed by a slot's variables."""

    def __init__(self, fold: Fold) -> None:
        self._fold, self.stop_training = fold, False
        self.optimizer = _Optimizer(fold)

    def get_weights(self) -> Checkpoint:
        return self._fold.state

    def set_weights(self, weights: Checkpoint) -> None:
        # As in Keras, the optimizer's variables and the seed generators' states stay unchanged.
        state = self._fold.state
        pairs = zip(weights.non_trainable, state.non_trainable, strict=True)
        kept = tuple(best if best.dtype.kind == "f" else now for best, now in pairs)
        self._fold.state = Checkpoint(weights.trainable, kept, state.optimizer)


@dataclass(eq=False)
class Fold:
    """One training.

    Attributes:
        number: the fold's number within its trial.
        job: number of the job.
        program: the program that runs it.
        rows: row numbers of an epoch, int32, in training order.
        score: row numbers to score on, int32.
        validation: row numbers to measure each epoch on, int32.
        figures: the figures of its target's transformation.
        state: its variables, padded to the program's widths.
        narrow: its initial variables, in the model's own widths.
        constants: its constants, see `Structure.constants`.
        epoch: epochs done, including those of an earlier trial that it continues.
        epochs: the last epoch to train.
        reports: one report per epoch done here.
        sent: number of reports already sent.
        fitted: its result once it has ended, else None.
        error: the reason for its failure, if it failed.
        running: whether a lane is training it.
        weights: the digest of its saved weights, once there are any.
    """

    number: int
    job: int
    program: Program
    rows: Array
    score: Array
    validation: Array
    figures: Array
    state: Checkpoint
    narrow: Checkpoint
    constants: Array
    epoch: int
    epochs: int
    reports: list[Report] = field(default_factory=list)
    sent: int = 0
    fitted: Fitted | None = None
    error: BaseException | None = None
    running: bool = False
    weights: str = ""

    def watch(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        """Set up what may end the training before its last epoch, or change its learning rate."""
        self._model, self._callbacks = _Model(self), callbacks
        for callback in self._callbacks:
            callback.set_model(self._model)
            callback.on_train_begin()

    def begin(self) -> None:
        """Tell the callbacks of the next epoch."""
        try:
            for callback in self._callbacks:
                callback.on_epoch_begin(self.epoch, {})
        except Exception as error:  # a function of the user's may raise anything
            self.error = error

    @property
    def trained(self) -> bool:
        """Whether the last epoch is done."""
        return self.epoch >= self.epochs or self._model.stop_training

    @property
    def steps(self) -> int:
        """Batches per epoch; trainings side by side have equally many."""
        return -(-len(self.rows) // self.program.batch)

    @property
    def over(self) -> bool:
        """Whether it has a score or has failed."""
        return self.fitted is not None or self.error is not None

    def take(self, state: Checkpoint, metrics: Mapping[str, float]) -> None:
        """Record a finished epoch and apply early stopping."""
        self.state = state
        self.epoch += 1
        logs = dict(metrics)
        try:
            for callback in self._callbacks:
                if isinstance(callback, keras.callbacks.TerminateOnNaN):  # as of whole epochs
                    callback.on_batch_end(self.steps - 1, logs)
            for callback in self._callbacks:
                callback.on_epoch_end(self.epoch - 1, logs)
        except Exception as error:  # told as that of this training alone
            self.error = error
            return
        self.reports.append(Report(self.job, self.number, self.epoch, logs))
        bad = self.reports[-1].diverged
        if bad is not None:
            self.error = diverged_error(bad, self.epoch, self.number)
        elif self.trained:
            for callback in self._callbacks:
                callback.on_train_end()

    def finish(self, metrics: Mapping[str, float]) -> None:
        """Record the final score."""
        self.fitted = Fitted(dict(metrics), len(self.reports))
