"""The loss and metrics of one slot's outputs for all of its unseen rows at once, as in a `Meter`.

This is for metrics whose value is not a mean of rows' values: see `verify.apart`. It is no part of
the compiled program, which has a fixed number of rows, and takes what the program predicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from searchlab.core.arrays import Array
from searchlab.fused.steps import LOSS, Models
from searchlab.private.keras import compiled_loss, compiled_metrics


class Whole:
    """Measures the outputs of models of a program."""

    def __init__(self, models: Models, names: Sequence[str], fresh: Sequence[Array]) -> None:
        """Prepare to measure.

        Args:
            models: the models.
            names: the names of the metrics, the loss among them.
            fresh: the metrics' variables before any rows.
        """
        self._models, self._names, self._fresh = models, names, fresh
        self._functions: dict[int, Any] = {}  # by the number of rows

    def __call__(self, rows: Array, outputs: Any, added: Any, figures: Array) -> Array:
        """Return the metrics (len(names),), float32.

        Args:
            rows: the numbers of the rows, int32.
            outputs: their outputs (rows, ...).
            added: the penalties of the model.
            figures: the figures of the target's transformation.
        """
        count = len(rows)
        if count not in self._functions:
            # A partial, because TensorFlow warns of a method that is traced for many programs.
            self._functions[count] = tf.function(partial(self._measured), autograph=False)
        found = self._functions[count](tf.constant(rows), outputs, added, tf.constant(figures))
        return np.asarray(found)

    def _measured(self, rows: Any, outputs: Any, added: Any, figures: Any) -> Any:
        source, form, data = self._models.source, self._models.form, self._models.data
        _, t, y, *weights = (tf.gather(each, rows) for each in data.scored)
        own, undone = form.tensor(y), data.transform.tensor(outputs, figures)
        loss = compiled_loss(source, form.tensor(t), outputs, weights[0] if weights else None)
        variables = source.metrics_variables
        fresh = [tf.constant(each) for each in self._fresh]
        with keras.StatelessScope(list(zip(variables, fresh, strict=True))):
            for metric, _ in compiled_metrics(source):
                metric.update_state(own, undone, sample_weight=weights[0] if weights else None)
            values = {**source.get_metrics_result(), LOSS: loss + added}
        found = [tf.cast(values[name], tf.float32) for name in self._names]
        return tf.stack([tf.reshape(each, []) for each in found])
