"""The form in which a model takes rows: whole, or in a part for each of its inputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from searchlab.core.arrays import Array, Inputs
from searchlab.core.nearest import nearest
from searchlab.errors import ModelError
from searchlab.measure.inputs import model_input, symbolic_input
from searchlab.private.keras import input_structure


@dataclass(frozen=True)
class Feed:
    """The form in which one model takes rows.

    Attributes:
        shape: the shape of a whole row.
        text: whether rows are raw text.
        inputs: the places in a row of the values of each input; {} if the model takes rows whole.
        structure: the names of the inputs in a list, tuple or dict as the model takes them.
    """

    shape: tuple[int, ...]
    text: bool = False
    inputs: Inputs = field(default_factory=dict)
    structure: Any = None

    @classmethod
    def of(cls, model: Any, shape: Sequence[int], inputs: Inputs, *, text: bool = False) -> Feed:
        """Return the form in which a model takes rows; create its weights if it has none.

        A functional model takes its inputs as its function gave them. One of a class of the user's
        takes a tuple in the order of the study, or a dict if it fails with a tuple.

        Raises:
            ModelError: if the model's inputs are not those of the study.
        """
        own = input_structure(model)
        if inputs and own is not None:
            _check_inputs(model, inputs)
            named = _mapped(own, lambda tensor: str(tensor.name))
            return cls(tuple(shape), text, inputs, named)
        if not inputs:
            _check_one(model)
            feed = cls(tuple(shape), text)
            if not model.built:
                model(feed.symbolic())
            return feed
        if getattr(model, "layers", None) and hasattr(model, "add"):
            raise ModelError(
                f"data.inputs names {', '.join(inputs)}, and a Sequential model has one input: "
                "make it of keras.Input layers with these names"
            )
        return _of_class(model, cls(tuple(shape), text, inputs, tuple(inputs)))

    def __call__(self, x: Array) -> Any:
        """Return rows (n, ...) as `fit` and `predict` take them."""
        if not self.inputs:
            return model_input(x)
        return _mapped(self.structure, lambda name: model_input(self._part(np.asarray(x), name)))

    def tensors(self, x: Any) -> Any:
        """Return a tensor of rows as the model is called with it."""
        import tensorflow as tf

        if not self.inputs:
            return x
        return _mapped(self.structure, lambda name: tf.gather(x, self.inputs[name], axis=1))

    def symbolic(self) -> Any:
        """Return Keras inputs of any number of rows."""
        if not self.inputs:
            return symbolic_input(self.shape, text=self.text)
        return _mapped(
            self.structure, lambda name: symbolic_input((len(self.inputs[name]),), text=self.text)
        )

    def _part(self, x: Array, name: str) -> Array:
        return x[:, list(self.inputs[name])]


def _mapped(structure: Any, change: Callable[[Any], Any]) -> Any:
    """Return a list, tuple or dict of inputs with each replaced; or the only one, replaced."""
    if isinstance(structure, dict):
        return {key: _mapped(each, change) for key, each in structure.items()}
    if isinstance(structure, list | tuple):
        return type(structure)(_mapped(each, change) for each in structure)
    return change(structure)


def _of_class(model: Any, feed: Feed) -> Feed:
    """Return the form in which a model of the user's own class takes its inputs."""
    other = Feed(feed.shape, feed.text, feed.inputs, {name: name for name in feed.inputs})
    try:
        with warnings.catch_warnings():  # Keras warns before it lets the error through
            warnings.simplefilter("ignore")
            model(feed.symbolic())
    except Exception as first:
        try:
            model(other.symbolic())
        except Exception:  # the first error is told
            raise first from None
        return other
    return feed


def _check_one(model: Any) -> None:
    names = [str(each.name) for each in getattr(model, "inputs", None) or ()]
    if len(names) > 1:
        shown = ", ".join(f"{name}: [...]" for name in names)
        raise ModelError(
            f"the model has {len(names)} inputs, and the study names none: say in data which "
            f"columns each one gets, as inputs: {{{shown}}}"
        )


def _check_inputs(model: Any, inputs: Inputs) -> None:
    """Refuse inputs that the model does not have, does not get, or gets with another width."""
    shapes = {str(each.name): tuple(each.shape[1:]) for each in model.inputs}
    for name in inputs:
        if name not in shapes:
            close = nearest(name, list(shapes))
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ModelError(
                f"the model has no input {name!r}{hint}; it has {', '.join(shapes)}: correct "
                f"data.inputs, or name the layer, as keras.Input(..., name={name!r})"
            )
    for name, shape in shapes.items():
        if name not in inputs:
            raise ModelError(
                f"the model has an input {name!r}, and the study names {', '.join(inputs)}: add "
                f"its columns to data.inputs"
            )
        width = len(inputs[name])
        if None not in shape and shape != (width,) and (shape, width) != ((), 1):
            raise ModelError(
                f"the model's input {name!r} takes rows of shape {shape}, and its columns make "
                f"{width} values: take the shape that the factory is given, input_shape[{name!r}], "
                "or correct data.inputs"
            )
