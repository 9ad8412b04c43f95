"""Keras' optimizers over stacked variables, each slot with its own constants.

Keras' `optimizer.stateless_apply` refuses the TensorFlow backend, so this module repeats the update
rules of `keras.optimizers` 3.15 (SGD, RMSprop, Adam, AdamW), in the same order of operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from searchlab.private.keras import is_decayed, trained_variables

_GIVEN = (
    "momentum",
    "rho",
    "beta_1",
    "beta_2",
    "epsilon",
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
)
_RESTS = ("rho", "beta_1", "beta_2")
CONSTANTS = (*_GIVEN, *(f"1 - {name}" for name in _RESTS))
"""Constants besides the learning rate that may differ between slots, in column order.

Keras subtracts from 1 in Python: for a beta_2 of 0.9999, 1 - beta_2 in float32 is off by 2e-4.
"""

_CLASSES = {
    "SGD": keras.optimizers.SGD,
    "RMSprop": keras.optimizers.RMSprop,
    "Adam": keras.optimizers.Adam,
    "AdamW": keras.optimizers.AdamW,
}
_PAIRED = ("Adam", "AdamW")
_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
_UNKNOWN = {
    "use_ema": (False, "keeps a moving average of the weights (use_ema)"),
    "loss_scale_factor": (None, "scales the loss (loss_scale_factor)"),
    "gradient_accumulation_steps": (None, "accumulates gradients (gradient_accumulation_steps)"),
}
"""Options that no rule supports: the value that disables each, and its description for users."""


@dataclass(frozen=True)
class Rule:
    """The update rule that the optimizers of all slots of a program share.

    Attributes:
        kind: the name of the Keras class.
        flags: the enabled features: "momentum", "nesterov", "centered", "amsgrad", and the names of
            the optional constants that are set.
        decayed: for each trainable variable, whether weight decay applies to it.
    """

    kind: str
    flags: frozenset[str]
    decayed: tuple[bool, ...]

    def apply(
        self,
        state: Sequence[Any],
        gradients: Sequence[Any],
        variables: Sequence[Any],
        constants: Any,
    ) -> tuple[list[Any], list[Any]]:
        """Apply one step to all slots.

        Args:
            state: the stacked optimizer variables in the order of Keras' `optimizer.variables`:
                iterations (slots,), learning rate (slots,), then moments (slots, *shape).
            gradients: (slots, *shape) for each trainable variable.
            variables: (slots, *shape) for each trainable variable.
            constants: float32 (slots, len(CONSTANTS)).

        Returns:
            The new state and the new variables.
        """
        iterations, rate, *moments = state
        step = _Step(
            dict(zip(CONSTANTS, tf.unstack(constants, axis=1), strict=True)), rate, iterations
        )
        gradients = self._clipped(gradients, step)
        groups = self._groups(moments, len(variables))
        new: list[Any] = []
        new_moments: list[list[Any]] = []
        for index, (gradient, variable) in enumerate(zip(gradients, variables, strict=True)):
            before = variable
            if "weight_decay" in self.flags and self.decayed[index]:
                decay = step.constant("weight_decay", variable)
                before = variable - variable * decay * step.rate(variable)
            own = [group[index] for group in groups]
            slope = tf.cast(gradient, variable.dtype)
            after, own = _RULES[self.kind](self.flags, step, slope, before, own)
            new.append(after)
            new_moments.append(own)
        flat = [
            own[group] for group in range(len(moments) // len(variables)) for own in new_moments
        ]
        return [iterations + 1, rate, *self._interleaved(flat, len(variables))], new

    def _groups(self, moments: Sequence[Any], count: int) -> list[list[Any]]:
        """Group the moments by kind; see `_interleaved` for Keras' order."""
        if self.kind in _PAIRED:
            pairs, others = moments[: 2 * count], moments[2 * count :]
            return [list(pairs[0::2]), list(pairs[1::2]), list(others)][: len(moments) // count]
        return [list(moments[first : first + count]) for first in range(0, len(moments), count)]

    def _interleaved(self, flat: list[Any], count: int) -> list[Any]:
        """Return the moments in Keras' order: for the Adams, both of each variable in turn."""
        if self.kind not in _PAIRED:
            return flat
        pairs = zip(flat[:count], flat[count : 2 * count], strict=True)
        return [*(each for pair in pairs for each in pair), *flat[2 * count :]]

    def _clipped(self, gradients: Sequence[Any], step: _Step) -> list[Any]:
        gradients = list(gradients)
        if "clipnorm" in self.flags:
            return [
                _to_norm(each, _norm([each]), step.constant("clipnorm", each)) for each in gradients
            ]
        if "global_clipnorm" in self.flags:
            norm = _norm(gradients)
            return [
                _to_global(each, norm, step.constant("global_clipnorm", each)) for each in gradients
            ]
        if "clipvalue" in self.flags:
            bounds = [step.constant("clipvalue", each) for each in gradients]
            return [
                tf.clip_by_value(each, -most, most)
                for each, most in zip(gradients, bounds, strict=True)
            ]
        return gradients


def rule_of(optimizer: Any) -> Rule | str:
    """Return a built Keras optimizer's rule, or a reason for the user why it cannot be stacked."""
    for reason in _refusals(optimizer):
        return reason
    flags = {
        name for name in ("nesterov", "centered", "amsgrad") if getattr(optimizer, name, False)
    }
    # Keras ignores values that are not above 0
    flags |= {name for name in ("momentum", *_CLIPS) if (getattr(optimizer, name, None) or 0) > 0}
    if optimizer.weight_decay is not None:
        flags.add("weight_decay")
    return Rule(type(optimizer).__name__, frozenset(flags), _decayed(optimizer))


def constants_of(optimizer: Any) -> np.ndarray[Any, Any]:
    """Return an optimizer's constants, float32 (len(CONSTANTS),); 0 for those it lacks."""
    given = [getattr(optimizer, name, None) or 0.0 for name in _GIVEN]
    rests = [1 - getattr(optimizer, name, 1.0) for name in _RESTS]
    return np.array([*given, *rests], np.float32)


def _refusals(optimizer: Any) -> Iterator[str]:
    """Yield the reasons why an optimizer cannot be stacked; going past the first may raise."""
    kind = type(optimizer)
    if kind not in _CLASSES.values():
        own = "a custom class, " if kind.__name__ in _CLASSES else ""
        yield f"its optimizer {kind.__name__} is {own}not one of {', '.join(_CLASSES)}"
    if not optimizer.built:
        yield "its optimizer is not built"
    # A schedule makes another tensor each time; a variable of a function is not the optimiser's.
    if not any(each is optimizer.learning_rate for each in optimizer.variables):
        yield "its learning rate follows a schedule"
    for name, (off, words) in _UNKNOWN.items():
        if getattr(optimizer, name) != off:
            yield f"its optimizer {words}"
    for name in vars(optimizer):
        if callable(getattr(kind, name, None)):
            yield f"its optimizer overrides {name}"
    for name in _GIVEN:
        if not isinstance(getattr(optimizer, name, None), int | float | np.number | None):
            yield f"its optimizer's {name} is not a number"
    if any(
        getattr(each, "overwrite_with_gradient", False) for each in trained_variables(optimizer)
    ):
        yield "it has variables that are overwritten with their gradients"


def _decayed(optimizer: Any) -> tuple[bool, ...]:
    """Return for each trainable variable whether weight decay applies to it."""
    return tuple(is_decayed(optimizer, each) for each in trained_variables(optimizer))


class _Step:
    """Values that the rules read in a step, shaped to fit a stacked variable."""

    def __init__(self, constants: dict[str, Any], rate: Any, iterations: Any) -> None:
        self._constants, self._rate, self._iterations = constants, rate, iterations

    def constant(self, name: str, like: Any) -> Any:
        return _shaped(self._constants[name], like)

    def rate(self, like: Any) -> Any:
        return _shaped(self._rate, like)

    def number(self, like: Any) -> Any:
        """Return the number of this step, from 1."""
        return _shaped(self._iterations + 1, like)


def _shaped(value: Any, like: Any) -> Any:
    """Reshape one value per slot (slots,) to broadcast over (slots, *shape), in its dtype."""
    return tf.cast(tf.reshape(value, [-1] + [1] * (len(like.shape) - 1)), like.dtype)


def _norm(tensors: Sequence[Any]) -> Any:
    """Return the Euclidean norm over several tensors (slots, *shape), as (slots,)."""
    squares = [tf.reduce_sum(tf.square(each), range(1, len(each.shape))) for each in tensors]
    return tf.sqrt(tf.add_n(squares))


def _to_norm(gradient: Any, norm: Any, most: Any) -> Any:
    norm = _shaped(norm, gradient)
    return gradient * most / tf.maximum(norm, most)


def _to_global(gradient: Any, norm: Any, most: Any) -> Any:
    """Clip as Keras' `clip_by_global_norm`: everything is NaN if the norm is not finite."""
    norm = _shaped(norm, gradient)
    return gradient * (most * tf.minimum(1 / norm, 1 / most) + (norm - norm))


def _sgd(flags: frozenset[str], step: _Step, gradient: Any, variable: Any, moments: Any) -> Any:
    move = gradient * step.rate(variable)
    if "momentum" not in flags:
        return variable - move, []
    momentum = step.constant("momentum", variable)
    velocity = moments[0] * momentum - move
    return variable + (velocity * momentum - move if "nesterov" in flags else velocity), [velocity]


def _rmsprop(flags: frozenset[str], step: _Step, gradient: Any, variable: Any, moments: Any) -> Any:
    rho, rest = step.constant("rho", variable), step.constant("1 - rho", variable)
    squares = rho * moments[0] + rest * tf.square(gradient)
    after, spread = [squares], squares
    if "centered" in flags:
        average = rho * moments[-1] + rest * gradient
        spread = squares - tf.square(average)
    move = step.rate(variable) * gradient / tf.sqrt(spread + step.constant("epsilon", variable))
    if "momentum" in flags:
        move += step.constant("momentum", variable) * moments[1]
        after.append(move)
    if "centered" in flags:
        after.append(average)
    return variable - move, after


def _adam(flags: frozenset[str], step: _Step, gradient: Any, variable: Any, moments: Any) -> Any:
    first, second = step.constant("beta_1", variable), step.constant("beta_2", variable)
    number = step.number(variable)
    alpha = step.rate(variable) * tf.sqrt(1 - tf.pow(second, number)) / (1 - tf.pow(first, number))
    momentum = moments[0] + (gradient - moments[0]) * step.constant("1 - beta_1", variable)
    spread = tf.square(gradient) - moments[1]
    velocity = moments[1] + spread * step.constant("1 - beta_2", variable)
    after, spread = [momentum, velocity], velocity
    if "amsgrad" in flags:
        spread = tf.maximum(moments[2], velocity)
        after.append(spread)
    move = momentum * alpha / (tf.sqrt(spread) + step.constant("epsilon", variable))
    return variable - move, after


_RULES = {"SGD": _sgd, "RMSprop": _rmsprop, "Adam": _adam, "AdamW": _adam}
