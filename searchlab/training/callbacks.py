"""Keras callbacks between a training and the search loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from searchlab.core.trial import Decision, Report

Emit = Callable[[Report], Decision]
"""Hands a report on and brings back what to do."""


class Reporter(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports each epoch and does what the answer says.

    Attributes:
        decision: the last answer; a training that ran to its end has CONTINUE.
        diverged: the name of the first metric that was not finite, or None.
        last: the last report, or None before the first epoch's end.
        epochs: the epochs reported.
    """

    def __init__(self, number: int, fold: int, emit: Emit) -> None:
        super().__init__()
        self._number, self._fold, self._emit = number, fold, emit
        self.decision = Decision.CONTINUE
        self.diverged: str | None = None
        self.last: Report | None = None
        self.epochs = 0

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Reports the epoch; stops the training if told to, or if a metric is not finite."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        self.last = Report(self._number, self._fold, epoch + 1, metrics)
        self.epochs += 1
        self.decision = self._emit(self.last)
        self.diverged = self.last.diverged
        if self.over:
            self.model.stop_training = True

    @property
    def over(self) -> bool:
        """Whether the last report has ended the training."""
        return self.decision is not Decision.CONTINUE or self.diverged is not None


def early_stopping(settings: Any) -> list[keras.callbacks.Callback]:
    """The study's `EarlyStopping`, as a list of none or one.

    Args:
        settings: an `EarlyStoppingSpec`, or None.
    """
    if settings is None:
        return []
    return [
        keras.callbacks.EarlyStopping(
            monitor=settings.monitor,
            patience=settings.patience,
            min_delta=settings.min_delta,
            restore_best_weights=settings.restore_best_weights,
        )
    ]
