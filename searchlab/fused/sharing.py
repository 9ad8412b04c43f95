"""How far trials of small models share programs.

A program takes seconds to make, whatever it computes. So small models compute more than they need,
in layers much wider than their own and with every activation among which trials choose, where that
takes less than a program of their own would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import keras

from searchlab.core.domains import Choice
from searchlab.core.space import SearchSpace

STILL = frozenset(
    {"celu", "elu", "gelu", "hard_tanh", "leaky_relu", "linear", "mish", "relu", "relu6"}
    | {"selu", "silu", "soft_shrink", "softsign", "swish", "tanh", "tanh_shrink"}
)
"""Keras' activations that are 0 at 0, so that the units which fill up a layer stay without effect,
and whose gradients are finite everywhere."""

_WIDTHS = (32, 128, 512)
"""The widths that small models share."""

_UNIT = 20
"""The arithmetic of a unit's activation, bias and dropout for a row, in that of as many weights."""

_LITTLE = 1.5e9
"""Weights times rows of a training that take about a second: forward, backward, and at the speed
that a core reaches with small matrices. The time to make a program is one to four seconds."""


@dataclass(frozen=True)
class Sharing:
    """Facts about a study's trials that are known when one of its models is looked at.

    Attributes:
        activations: the names of the activations among which trials may choose.
        rows: the most rows that a training of it is fitted to, over all epochs.
    """

    activations: tuple[str, ...] = ()
    rows: float = float("inf")

    @classmethod
    def of(cls, space: SearchSpace, rows: int) -> Sharing:
        """Return what is known from a study's space and the rows of a training, over all epochs."""
        names = {
            keras.activations.get(value).__name__
            for _, domain in space
            if isinstance(domain, Choice)
            for value in domain.values
            if value in STILL
        }
        several = tuple(sorted(names)) if len(names) > 1 else ()
        return cls(several, rows)

    def little(self, shapes: Sequence[tuple[int, ...]], widths: Sequence[int]) -> bool:
        """Return whether it costs little to train a model in the widths of `coarse`.

        Args:
            shapes: the shapes of its trainable variables.
            widths: the widths of its hidden layers.
        """
        wide = {width: coarse(width) for width in widths}
        weights = sum(prod(wide.get(size, size) for size in shape) for shape in shapes)
        return (weights + _UNIT * sum(map(coarse, widths))) * self.rows <= _LITTLE


def coarse(width: int) -> int:
    """Return the width in which a small model's layer is computed."""
    return next((each for each in _WIDTHS if width <= each), width)
