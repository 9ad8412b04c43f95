"""The way to compute a model of Keras' own layers directly: a form for each of its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from searchlab.fused.layers import FORMS
from searchlab.fused.slots import Numbers, Slots
from searchlab.private.keras import is_functional, run_graph

PENALTIES = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
"""The penalties whose factors are numbers."""

_CHOSEN = "activation"
"""The part of a layer's configuration that is the number of one of the activations."""


@dataclass(frozen=True)
class Plan:
    """The way to compute a model directly.

    Attributes:
        layers: each layer's numbers, by the layer's name.
        penalties: for each trainable variable, the factors of its penalties.
        activations: the names of the activations that a layer's number chooses from.
        mixes: whether a row's outputs depend on the other rows of its batch.
        widens: whether wider layers can compute the same.
    """

    layers: Mapping[str, Numbers]
    penalties: Sequence[Numbers]
    activations: Sequence[str]
    mixes: bool
    widens: bool

    @property
    def numbers(self) -> tuple[float, ...]:
        """All numbers in which slots may differ, in column order."""
        parts = (*self.layers.values(), *self.penalties)
        return tuple(number for part in parts for each in part.values() for number in each)

    @property
    def variant(self) -> tuple[float, ...]:
        """The numbers that choose what is computed, and which of the others are 0."""
        parts = (*self.layers.values(), *self.penalties)
        return tuple(
            number if name == _CHOSEN else float(bool(number))
            for part in parts
            for name, each in part.items()
            for number in each
        )

    def spread(self, columns: Sequence[Any]) -> tuple[dict[str, list[Any]], list[list[Any]]]:
        """Return the columns of each layer, and those of each variable's penalties."""
        given = iter(columns)

        def take(part: Numbers) -> list[Any]:
            return [next(given) for each in part.values() for _ in each]

        by_layer = {name: take(part) for name, part in self.layers.items()}
        return by_layer, [take(part) for part in self.penalties]


def plan_of(model: Any, activations: Sequence[str] = ()) -> Plan | None:
    """Return the way to compute a built model directly, or None if a part of it has no form.

    Args:
        model: the model.
        activations: the names of the activations that are a layer's number.
    """
    if type(model) is keras.Sequential:
        operations = model.layers
    elif is_functional(model):
        operations = model.operations
    else:
        return None
    if not all(map(_has_form, operations)):
        return None
    penalties = list(_penalties(model))
    if None in penalties:
        return None
    forms = [FORMS[type(each)] for each in operations]
    return Plan(
        {each.name: _numbers(each, activations) for each in operations},
        [each for each in penalties if each is not None],
        activations,
        any(form.mixes for form in forms),
        all(form.widens for form in forms),
    )


def _numbers(layer: Any, activations: Sequence[str]) -> Numbers:
    form = FORMS[type(layer)]
    name = getattr(layer.activation, "__name__", "") if form.chooses else ""
    chosen = {_CHOSEN: (activations.index(name),)} if name in activations else {}
    return {**form.numbers(layer), **chosen}


def outputs_of(model: Any, x: Any, slots: Slots) -> Any:
    """Return a model's outputs (slots * rows, ...) for inputs (slots * rows, ...).

    Raises:
        NotImplementedError: if it calls a layer with more than its inputs.
    """

    def call(layer: Any, *given: Any, training: bool | None = None, **options: Any) -> Any:
        del training  # that of the model, as in Keras
        if len(given) != 1 or any(each is not None for each in options.values()):
            raise NotImplementedError(f"the layer {layer.name} is called with arguments")
        return FORMS[type(layer)].call(layer, given[0], slots)

    return run_graph(model, x, call)


def penalty(variable: Any, value: Any, factors: Sequence[Any]) -> Any:
    """Return the penalty (slots,) of a variable's value (slots, *shape)."""
    axes = range(1, len(value.shape))
    powers = [tf.abs if name == "l1" else tf.square for name in factors_of(variable.regularizer)]
    return sum(
        factor * tf.reduce_sum(power(value), axes)
        for power, factor in zip(powers, factors, strict=True)
    )


def _penalties(model: Any) -> Iterator[Numbers | None]:
    """Yield the factors of each trainable variable's penalties, or None for another penalty."""
    for variable in model.trainable_variables:
        given = variable.regularizer
        if given is None:
            yield {}
        else:
            yield factors_of(given) if type(given) in PENALTIES else None


def factors_of(regularizer: Any) -> Numbers:
    """Return the factors of one of `PENALTIES` that are not 0."""
    found = {name: float(getattr(regularizer, name, 0.0)) for name in ("l1", "l2")}
    return {name: (factor,) for name, factor in found.items() if factor}


def _has_form(layer: Any) -> bool:
    form = FORMS.get(type(layer))
    if form is None or not form.fits(layer):
        return False
    return layer.compute_dtype == "float32" and layer.quantization_mode is None
