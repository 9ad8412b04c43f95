"""The target in the form in which each output of a model learns it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from searchlab.core.arrays import Array
from searchlab.core.nearest import nearest
from searchlab.errors import ModelError
from searchlab.measure.feed import Feed
from searchlab.measure.form import Form, output_shape


@dataclass(frozen=True)
class Goal:
    """The target in the form in which a model learns it, with one output or several.

    Attributes:
        forms: the form of the target for each output, in the order in which Keras flattens them.
        losses: the loss of each output, likewise.
        main: the place among them of the output that predicts.
        like: the model's outputs in their structure; None if there is one.
    """

    forms: tuple[Form, ...]
    losses: tuple[Any, ...]
    main: int = 0
    like: Any = None

    @classmethod
    def of(cls, model: Any, feed: Feed, classes: int, outputs: Sequence[str]) -> Goal:
        """Return the form in which a compiled model learns a target.

        Args:
            model: the model, which has weights.
            feed: the form in which it takes rows.
            classes: the number of classes; 0 for a quantity.
            outputs: the outputs that the study names; () if it names none.

        Raises:
            ModelError: if the model's outputs are not those of the study.
        """
        import keras

        given = None if _has_one(model) else model(feed.symbolic())
        if not keras.tree.is_nested(given):
            if outputs:
                raise ModelError(
                    f"the model has one output, and data.target names {', '.join(outputs)}: write "
                    "the column alone"
                )
            return cls.one(Form.of(model.loss, output_shape(model, feed), classes), model.loss)
        names = _names(model, given)
        _check(names, outputs)
        losses = _flat(model.loss, names)
        shapes = [tuple(each.shape) for each in keras.tree.flatten(given)]
        forms = (Form.of(*each, classes) for each in zip(losses, shapes, strict=True))
        return cls(tuple(forms), losses, names.index(outputs[0]), given)

    @classmethod
    def one(cls, form: Form, loss: Any) -> Goal:
        """Return that of a model with one output, of a known form."""
        return cls((form,), (loss,))

    def array(self, y: Array) -> Any:
        """Return a target (n,) as the model is fitted to it, in the structure of its outputs."""
        return self.packed([form.array(y) for form in self.forms])

    def packed(self, values: Sequence[Any]) -> Any:
        """Return values, one for each output, in the structure of the model's outputs."""
        import keras

        return values[0] if self.like is None else keras.tree.pack_sequence_as(self.like, values)

    def predicting(self, outputs: Any) -> Array:
        """Return the output that predicts among a model's outputs."""
        import keras

        found: Array = keras.tree.flatten(outputs)[self.main]
        return found


def _has_one(model: Any) -> bool:
    """Return whether a model is known to have one output; one of a class may have any number."""
    return len(getattr(model, "outputs", None) or ()) == 1


def _names(model: Any, given: Any) -> list[str]:
    """Return the names of a model's outputs as Keras flattens them: a dict's keys, or layers'."""
    if isinstance(given, dict):
        return sorted(given)
    return list(getattr(model, "output_names", None) or (f"output_{n}" for n in range(len(given))))


def main_loss(model: Any, outputs: Sequence[str]) -> Any:
    """Return the loss of the output that predicts.

    Args:
        model: a compiled model.
        outputs: the outputs that the study names; () if it has one.
    """
    names = list(getattr(model, "output_names", None) or outputs)
    return _flat(model.loss, names)[names.index(outputs[0])] if outputs else model.loss


def _flat(loss: Any, names: Sequence[str]) -> tuple[Any, ...]:
    """Return the loss of each output of those that `compile` was given."""
    if isinstance(loss, dict):
        return tuple(loss.get(name) for name in names)
    return tuple(loss) if isinstance(loss, list | tuple) else (loss,) * len(names)


def _check(names: Sequence[str], outputs: Sequence[str]) -> None:
    """Refuse outputs that the model does not have, and those that the study does not name."""
    if not outputs:
        shown = ", ".join(f"{name}: COLUMN" for name in names)
        raise ModelError(
            f"the model has {len(names)} outputs, and data.target names one column: write it for "
            f"each of them, the one that predicts first, as target: {{{shown}}}"
        )
    for name in outputs:
        if name not in names:
            close = nearest(name, list(names))
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ModelError(
                f"the model has no output {name!r}{hint}; it has {', '.join(names)}: correct "
                f"data.target, or name the layer, as keras.layers.Dense(1, name={name!r})"
            )
    left = [name for name in names if name not in outputs]
    if left:
        raise ModelError(
            f"the model has an output {left[0]!r}, and data.target names {', '.join(outputs)}: add "
            "it, or leave it out of the model"
        )
