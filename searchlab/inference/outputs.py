"""The meaning of a model's outputs: quantities or class probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from searchlab.core.arrays import Array
from searchlab.errors import PackageError


class Outputs:
    """Interpreter of a compiled model's outputs."""

    def __init__(self, loss: Any, classes: int) -> None:
        """Derive the kind of output from the loss.

        Args:
            loss: the loss that the model was compiled with: its name, a function, or an object.
            classes: number of classes; 0 for a regression.
        """
        self._classes = classes
        self._logits = bool(getattr(loss, "from_logits", False))
        name = loss if isinstance(loss, str) else getattr(loss, "name", None) or str(loss)
        self._margins = "hinge" in name

    @property
    def has_probabilities(self) -> bool:
        """Whether the outputs give the probability of each class."""
        return self._classes > 0 and not self._margins

    def quantities(self, outputs: Array) -> Array:
        """Return the predicted quantities, float32 (n,), for outputs (n,) or (n, 1)."""
        return np.asarray(outputs.reshape(len(outputs)), np.float32)

    def numbers(self, outputs: Array) -> Array:
        """Return the predicted class numbers, int64 (n,), for outputs (n, units)."""
        if self._margins and self._one(outputs):
            return np.asarray(outputs.reshape(len(outputs)) > 0, np.int64)
        scores = outputs if self._margins else self.probabilities(outputs)
        return np.asarray(scores[:, : self._classes].argmax(axis=1))

    def probabilities(self, outputs: Array) -> Array:
        """Return the probability of each class, float64 (n, classes), for outputs (n, units).

        A single unit is the probability of the second of two classes. Logits are converted to
        probabilities.

        Raises:
            PackageError: if there are no classes, or the loss (a hinge) does not yield
                probabilities.
        """
        if not self.has_probabilities:
            why = "its loss is a hinge" if self._margins else "it predicts a quantity"
            raise PackageError(f"the model has no probabilities because {why}: use predict")
        values = outputs.astype(np.float64)
        if self._one(outputs):
            second = values.reshape(len(values))
            if self._logits:
                second = 0.5 * (1 + np.tanh(second / 2))  # the sigmoid, without overflow
            return np.stack([1 - second, second], axis=1)
        if self._logits:
            values = np.exp(values - values.max(axis=1, keepdims=True))
            values /= values.sum(axis=1, keepdims=True)
        if values.shape[1] == self._classes:
            return values
        known = values[:, : self._classes]  # a model may have more units than there are classes
        return np.asarray(known / known.sum(axis=1, keepdims=True))

    @staticmethod
    def _one(outputs: Array) -> bool:
        return outputs.ndim == 1 or outputs.shape[1:] == (1,)
