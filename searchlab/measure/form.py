"""The form in which a target reaches a model, so that it fits the model's output."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from searchlab.core.arrays import Array
from searchlab.measure.feed import Feed

_OWN_CLASSES = ("sparse_", "binary_crossentropy", "binary_focal_crossentropy")
"""The beginnings of Keras' losses that take class numbers."""


@dataclass(frozen=True)
class Form:
    """The form of a target (n,) for one model.

    A function of the user's own would broadcast a target (n,) and an output (n, 1) to (n, n), so
    the target gets the shape of the output.

    Attributes:
        columns: 0 for the target as it is, (n,); 1 for a column, (n, 1); otherwise the number of
            columns of one-hot rows.
    """

    columns: int

    @classmethod
    def of(cls, loss: Any, shape: Sequence[int | None], classes: int) -> Form:
        """Return the form that fits a model.

        Args:
            loss: the loss that the model is compiled with.
            shape: the shape of its output, rows included.
            classes: the number of classes; 0 for a quantity.
        """
        units = shape[-1] if len(shape) == 2 else 0  # noqa: PLR2004 - rows and units
        if units == 1:
            return cls(1)
        name = loss_name(loss)
        if classes and name and units and not name.startswith(_OWN_CLASSES):
            return cls(units)
        return cls(0)

    def array(self, y: Array) -> Array:
        """Return a target (n,) in this form."""
        if self.columns <= 1:
            return y.reshape(-1, 1) if self.columns else y
        return np.asarray(np.eye(self.columns, dtype=np.float32)[y])

    def tensor(self, y: Any) -> Any:
        """Return a tensor (n,) in this form."""
        import tensorflow as tf

        if self.columns <= 1:
            return y[:, None] if self.columns else y
        return tf.one_hot(y, self.columns, dtype=tf.float32)


def output_shape(model: Any, feed: Feed) -> tuple[int | None, ...]:
    """Return the shape of a model's only output, rows included; the model has weights already."""
    try:
        return tuple(model.output_shape)
    except AttributeError:  # a subclass of the user's own
        return tuple(model(feed.symbolic()).shape)


def loss_name(loss: Any) -> str:
    """Return the name of a loss of Keras' own; "" for a user's, whatever that is called."""
    import keras

    if isinstance(loss, str):
        return loss
    own = loss if inspect.isfunction(loss) else type(loss)
    if getattr(keras.losses, own.__name__, None) is not own:
        return ""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", own.__name__).lower()


def from_logits(loss: Any) -> bool:
    """Return whether a loss passed to `compile` expects logits; losses given by name never do."""
    return hasattr(loss, "get_config") and bool(loss.get_config().get("from_logits"))
