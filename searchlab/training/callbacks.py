"""Keras callbacks between a training and the search loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from searchlab.core.trial import Decision, Report
from searchlab.data.target import Unseen
from searchlab.errors import ModelError
from searchlab.measure.meter import Meter
from searchlab.study.spec import StudySpec

Emit = Callable[[Report], Decision]
"""A function that passes on a report and returns the decision."""


class EpochMeter(keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that adds the metrics of unseen rows to an epoch's logs.

    It comes before all callbacks that read them. Keras' `validation_data` would give each metric
    one batch after another.
    """

    def __init__(self, meter: Meter, rows: Unseen) -> None:
        super().__init__()
        self._meter, self._rows = meter, rows

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Measure the model."""
        if logs is not None:
            logs.update(as_unseen(self._meter(self._rows)))


def as_unseen(metrics: Mapping[str, float]) -> dict[str, float]:
    """Name metrics of unseen rows as Keras' logs do: `val_loss`."""
    return {f"val_{name}": value for name, value in metrics.items()}


class Reporter(keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that reports each epoch and obeys the decision.

    Attributes:
        decision: the last decision; CONTINUE if the training ran to its end.
        diverged: the name of the first metric that was not finite, or None.
        last: the last report, or None before the end of the first epoch.
        epochs: number of reported epochs.
    """

    def __init__(self, number: int, fold: int, emit: Emit) -> None:
        super().__init__()
        self._number, self._fold, self._emit = number, fold, emit
        self.decision = Decision.CONTINUE
        self.diverged: str | None = None
        self.last: Report | None = None
        self.epochs = 0

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Report the epoch; stop the training if told to or if a metric is not finite."""
        metrics = {name: _number(name, value) for name, value in (logs or {}).items()}
        self.last = Report(self._number, self._fold, epoch + 1, metrics)
        self.epochs += 1
        self.decision = self._emit(self.last)
        self.diverged = self.last.diverged
        if self.over:
            self.model.stop_training = True

    @property
    def over(self) -> bool:
        """Whether the last report ended the training."""
        return self.decision is not Decision.CONTINUE or self.diverged is not None


def _number(name: str, value: Any) -> float:
    try:
        return float(np.squeeze(value))
    except (TypeError, ValueError):
        raise ModelError(
            f"a callback has set the epoch's metric {name} to {value!r:.60}: set it to a number"
        ) from None


def early_stopping(spec: StudySpec) -> list[keras.callbacks.Callback]:
    """Return the study's `EarlyStopping`, as a list of at most one callback.

    It is told the direction: Keras knows that of its own metrics only.
    """
    settings = spec.training.early_stopping
    if settings is None:
        return []
    return [
        keras.callbacks.EarlyStopping(
            monitor=settings.monitor,
            mode="max" if spec.stopping_way == "maximize" else "min",
            patience=settings.patience,
            min_delta=settings.min_delta,
            restore_best_weights=settings.restore_best_weights,
        )
    ]
