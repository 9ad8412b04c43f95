"""One training of a trial in a fused program: its rows, its variables, its epochs so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from searchlab.core.trial import Report
from searchlab.data.preprocessing import Array
from searchlab.fused.program import Program
from searchlab.training.callbacks import early_stopping
from searchlab.training.checkpoint import Checkpoint
from searchlab.training.outcome import Fitted, diverged_error


class _Model:
    """What Keras' `EarlyStopping` needs of a model, made of the variables of a slot."""

    def __init__(self, fold: Fold, metrics: Any) -> None:
        self._fold, self.metrics, self.stop_training = fold, metrics, False

    def get_weights(self) -> Checkpoint:
        return self._fold.state

    def set_weights(self, weights: Checkpoint) -> None:
        # The optimiser's variables stay, and so do the states of seed generators, as in Keras.
        state = self._fold.state
        pairs = zip(weights.non_trainable, state.non_trainable, strict=True)
        kept = tuple(best if best.dtype.kind == "f" else now for best, now in pairs)
        self._fold.state = Checkpoint(weights.trainable, kept, state.optimizer)


@dataclass(eq=False)
class Fold:
    """A training.

    Attributes:
        number: which of its trial's.
        trial: the trial's number.
        program: where it runs.
        rows: the rows of an epoch, int32, in the order of training.
        score: the rows that it is scored on, int32.
        state: its variables, as wide as its program.
        narrow: its variables before, as wide as they are in its model.
        constants: of its optimiser.
        epoch: the epochs done, with those of an earlier trial that it continues.
        epochs: up to which epoch it goes.
        reports: of the epochs done.
        sent: how many of them have been said.
        fitted: what came of it, once it has ended.
        error: why it failed, if it did.
        running: whether a lane is at it.
    """

    number: int
    trial: int
    program: Program
    rows: Array
    score: Array
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

    def watch(self, settings: Any, metrics: Any) -> None:
        """Sets up the study's early stopping; `metrics` are those of the Keras model."""
        self._model = _Model(self, metrics)
        self._callbacks = early_stopping(settings)
        for callback in self._callbacks:
            callback.set_model(self._model)
            callback.on_train_begin()

    @property
    def trained(self) -> bool:
        """Whether it has had its last epoch."""
        return self.epoch >= self.epochs or self._model.stop_training

    @property
    def steps(self) -> int:
        """How many batches an epoch has; trainings side by side have as many."""
        return -(-len(self.rows) // self.program.batch)

    @property
    def over(self) -> bool:
        """Whether it has a score or has failed."""
        return self.fitted is not None or self.error is not None

    def take(self, state: Checkpoint, metrics: Mapping[str, float]) -> None:
        """Takes in an epoch, and stops early if it is time."""
        self.state = state
        self.epoch += 1
        self.reports.append(Report(self.trial, self.number, self.epoch, dict(metrics)))
        for callback in self._callbacks:
            callback.on_epoch_end(self.epoch - 1, dict(metrics))
        bad = self.reports[-1].diverged
        if bad is not None:
            self.error = diverged_error(bad, self.epoch, self.number)
        elif self.trained:
            for callback in self._callbacks:
                callback.on_train_end()

    def finish(self, metrics: Mapping[str, float]) -> None:
        """Takes in the score."""
        self.fitted = Fitted(dict(metrics), len(self.reports))
