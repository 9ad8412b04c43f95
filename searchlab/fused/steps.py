"""A step of all slots of a program: what `Direct` and `Mapped` compute, each in its own way."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from searchlab.fused.tensors import Tensors
from searchlab.measure.form import Form
from searchlab.training.checkpoint import Checkpoint

LOSS = "loss"
"""The name of the loss among those of a model's metrics."""


@dataclass(frozen=True)
class Models:
    """The models of a program.

    Attributes:
        source: a compiled Keras model of the structure, which provides losses and metrics.
        template: the same model in the program's widths; its weights are never used.
        form: the form of the model's target.
        data: the study's rows.
        apart: the names of the metrics, the loss among them, whose value is not a mean of rows'
            values, see `verify.apart`: they are computed of one slot's rows at a time, and of all
            unseen rows at once.
    """

    source: Any
    template: Any
    form: Form
    data: Tensors
    apart: Collection[str] = ()


class Batch(NamedTuple):
    """Some rows of each slot, or of one, and what counts of them.

    Attributes:
        rows: inputs, targets as fitted, targets in their own units and, if there are any, weights:
            (slots, rows, ...).
        count: the numbers of rows that count, (slots,): the first ones.
        figures: the figures of the target's transformation, (slots, figures).
        numbers: the models' own numbers, see `plan.Plan`: float32 (slots, numbers).
    """

    rows: tuple[Any, ...]
    count: Any
    figures: Any
    numbers: Any

    @property
    def x(self) -> Any:
        """The inputs."""
        return self.rows[0]

    @property
    def fitted(self) -> Any:
        """The targets as models are fitted to them."""
        return self.rows[1]

    @property
    def own(self) -> Any:
        """The targets in their own units."""
        return self.rows[2]

    @property
    def weights(self) -> Any:
        """The rows' weights, or None."""
        return self.rows[3] if len(self.rows) > 3 else None  # noqa: PLR2004


class Steps(Protocol):
    """The steps of all slots at once, for tracing."""

    def learn(
        self, state: Checkpoint, metrics: Any, batch: Batch, *, masked: bool
    ) -> tuple[Any, Any, Any]:
        """Return the gradients, the new non-trainable variables and the metrics after a batch.

        Args:
            state: the stacked variables.
            metrics: the metrics' stacked variables.
            batch: the rows; they are all fitted, or those that count if `masked`.
            masked: whether there may be rows that do not count.
        """
        ...

    def measure(self, state: Checkpoint, metrics: Any, batch: Batch) -> Any:
        """Return the metrics' variables after some unseen rows of which the first ones count."""
        ...

    def predict(self, state: Checkpoint, batch: Batch) -> tuple[Any, Any]:
        """Return the outputs (slots, rows, ...) for unseen rows, and the penalties (slots,)."""
        ...

    def results(self, metrics: Any) -> Any:
        """Return the values (slots, metrics) of the metrics, in the order of their names."""
        ...


def mask(size: int, count: Any) -> Any:
    """Return 1 for the rows that count and 0 for the others, float32 (slots, size) or (size,)."""
    return tf.cast(tf.range(size) < count[..., None], tf.float32)


def weighed(weights: Any, mask: Any) -> Any:
    """Return the product of rows' weights and of a mask, each of which may be None."""
    if weights is None or mask is None:
        return mask if weights is None else weights
    return weights * mask
