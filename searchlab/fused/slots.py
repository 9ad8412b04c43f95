"""The values of all slots of a program in one step, and the stacked form of a kind of layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

Numbers = Mapping[str, tuple[float, ...]]
"""Parts of a layer's configuration, and for each the numbers with which a program computes."""


class Slots:
    """The variables and numbers of all slots in one step.

    Attributes:
        count: the number of slots.
        training: whether the layers are trained and not merely used.
        padded: whether slots may be narrower than the program.
        activations: the names of the activations that a layer's number chooses from.
    """

    def __init__(
        self,
        count: int,
        values: Mapping[int, Any],
        numbers: Mapping[str, Sequence[Any]],
        *,
        training: bool,
        padded: bool,
        activations: Sequence[str],
    ) -> None:
        """Begin a step.

        Args:
            count: the number of slots.
            values: the value (slots, *shape) of each variable, by the variable's `id`.
            numbers: the numbers (slots,) of each layer, by the layer's name.
            training: whether the layers are trained.
            padded: whether slots may be narrower than the program.
            activations: the names of the activations that a layer's number chooses from.
        """
        self.count, self.training, self.padded = count, training, padded
        self.activations = activations
        self._values, self._numbers = dict(values), numbers

    def value(self, variable: Any) -> Any:
        """Return a variable's present value (slots, *shape)."""
        return self._values[id(variable)]

    def update(self, variable: Any, value: Any) -> None:
        """Replace a variable's value."""
        self._values[id(variable)] = value

    def numbers(self, layer: Any) -> Sequence[Any]:
        """Return a layer's numbers, a tensor (slots,) for each, in the order of its form."""
        return self._numbers[layer.name]

    def activated(self, layer: Any, x: Any) -> Any:
        """Return what a layer's activation makes of values (slots * rows, ..., features)."""
        if layer.activation is None or not (numbers := self._numbers[layer.name]):
            return x if layer.activation is None else layer.activation(x)
        [chosen] = numbers
        given = self.apart(x)
        first, *others = (keras.activations.get(each)(given) for each in self.activations)
        for number, each in enumerate(others, start=1):
            first = tf.where(chosen[:, None, None] == number, each, first)
        return tf.reshape(first, x.shape)

    def per_feature(self, variable: Any) -> Any:
        """Return the value of a variable (features,), as (slots, 1, features)."""
        return self.value(variable)[:, None]

    def apart(self, x: Any) -> Any:
        """Return values (slots * rows, ..., features) as (slots, rows * ..., features)."""
        return tf.reshape(x, [self.count, -1, x.shape[-1]])


def _none(_layer: Any) -> Numbers:
    return {}


def _always(_layer: Any) -> bool:
    return True


@dataclass(frozen=True)
class Form:
    """The stacked form of one of Keras' layers.

    Attributes:
        call: returns a layer's outputs, given the layer, its inputs and the slots.
        fits: whether it computes the same as a layer.
        numbers: a layer's numbers in which slots may differ.
        chooses: whether its activation may be one of several.
        mixes: whether a row's outputs depend on the other rows of its batch.
        widens: whether it computes the same in a wider program, which fills it up with zeros.
    """

    call: Callable[[Any, Any, Slots], Any]
    fits: Callable[[Any], bool] = _always
    numbers: Callable[[Any], Numbers] = _none
    chooses: bool = False
    mixes: bool = False
    widens: bool = True
