"""The transformation of a quantity for the model that learns it, and its inverse.

It is fitted on the training rows and kept with the model: the model sees the transformed target,
people see predictions and metrics in the target's own units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal, NamedTuple

import numpy as np

from searchlab.core.arrays import Array
from searchlab.core.wording import number_text
from searchlab.data.own_target import table_of
from searchlab.errors import DataError

Kind = Literal["none", "standard", "log1p", "quantile", "own"]

_FAR = 5.0
"""A mean above this, or a deviation above it or below its inverse, needs to be standardised."""

_DECADES = 30.0
"""The ratio of high to low values (99 % and 1 %) from which on their logarithm is taken."""

_KNOTS = 256
"""The most points of a quantile transformation, so that its inverse is small in a program."""

_LARGEST_LOG = 40.0
"""The largest logarithm that is undone: the square of a wild prediction stays finite in float32."""


class Unseen(NamedTuple):
    """Rows that a model is measured on.

    Attributes:
        x: the model's input (n, ...).
        t: the target (n,) as models are fitted to it.
        y: the target (n,) in its own units.
        w: the rows' weights (n,), or None.
    """

    x: Array
    t: Array
    y: Array
    w: Array | None


@dataclass(frozen=True)
class TargetTransform:
    """A fitted transformation of a target; `none` changes nothing.

    Attributes:
        kind: `none`; `standard`, to mean 0 and deviation 1; `log1p`, the same after the logarithm
            of 1 + y; `quantile`, piecewise linear to a normal distribution; `own`, a transformer of
            the user's, as a table of points.
        mean: the mean that is subtracted.
        deviation: the standard deviation that is divided by.
        knots: the target's values between which `quantile` and `own` are linear.
        places: the transformed values of the knots, rising.
        own: the user's transformer, as the study file names it.
        why: why it was chosen; "" if the study names it.
    """

    kind: Kind = "none"
    mean: float = 0.0
    deviation: float = 1.0
    knots: tuple[float, ...] = ()
    places: tuple[float, ...] = ()
    own: str = ""
    why: str = ""

    def __bool__(self) -> bool:
        """Return whether it changes anything."""
        return self.kind != "none"

    def __str__(self) -> str:
        """Describe it in a few words."""
        moments = f"mean {number_text(self.mean)}, deviation {number_text(self.deviation)}"
        return {
            "none": "none",
            "standard": f"standardised ({moments})",
            "log1p": f"log1p, then standardised ({moments})",
            "quantile": f"quantiles to a normal distribution ({len(self.knots)} points)",
            "own": f"transformed by {self.own}",
        }[self.kind]

    def apply(self, y: Array) -> Array:
        """Transform a target (n,) for a model, float32."""
        if not self:
            return np.asarray(y, np.float32)
        values = np.asarray(y, np.float64)
        if self.knots:
            way = 1 if self.knots[0] < self.knots[-1] else -1
            found = np.interp(values, self.knots[::way], self.places[::way])
            return np.asarray(found, np.float32)
        if self.kind == "log1p":
            values = np.log1p(values)
        return np.asarray((values - self.mean) / self.deviation, np.float32)

    def undo(self, outputs: Array) -> Array:
        """Return a model's outputs (n, ...), or a transformed target, in own units, float32."""
        if not self:
            return np.asarray(outputs, np.float32)
        values = np.asarray(outputs, np.float64)
        if self.knots:
            return np.asarray(np.interp(values, self.places, self.knots), np.float32)
        values = values * self.deviation + self.mean
        if self.kind == "log1p":
            values = np.expm1(np.minimum(values, _LARGEST_LOG))
        return np.asarray(values, np.float32)

    def tensor(self, outputs: Any, figures: Any = None) -> Any:
        """Do as `undo` to a tensor, in TensorFlow's operations.

        Args:
            outputs: a model's outputs (n, ...).
            figures: those of another transformation of this kind, from `figures_of`; by default
                its own.
        """
        import tensorflow as tf

        if not self:
            return outputs
        given = tf.constant(figures_of([self])[0]) if figures is None else figures
        values = tf.cast(outputs, tf.float32)
        if self.knots:
            # A sum over the pieces: every compiler and vectorizer can do that.
            starts, widths, slopes = tf.unstack(tf.reshape(given[1:], (3, -1)))
            inside = tf.clip_by_value(values[..., None] - starts, 0.0, widths)
            return given[0] + tf.reduce_sum(inside * slopes, axis=-1)
        values = values * given[1] + given[0]
        return tf.math.expm1(tf.minimum(values, _LARGEST_LOG)) if self.kind == "log1p" else values

    @property
    def pieces(self) -> Array:
        """The pieces of an inverse with points, float64 (3, n): start, width and slope of each."""
        places, knots = np.array(self.places), np.array(self.knots)
        widths = np.diff(places)
        return np.stack([places[:-1], widths, np.diff(knots) / widths])


def figures_of(transforms: Sequence[TargetTransform]) -> Array:
    """Return the numbers that undo transformations of one kind, float32 (transformations, m)."""
    if not transforms[0].knots:
        return np.array([(each.mean, each.deviation) for each in transforms], np.float32)
    most = max(len(each.knots) for each in transforms) - 1
    filled = [
        np.pad(each.pieces, [(0, 0), (0, most - each.pieces.shape[1])]) for each in transforms
    ]  # a piece of width 0 adds nothing
    return np.array(
        [(each.knots[0], *pieces.ravel()) for each, pieces in zip(transforms, filled, strict=True)],
        np.float32,
    )


def fit_target(wanted: str, y: Array, base: Path, *, classes: bool, free: bool) -> TargetTransform:
    """Fit the transformation that a study asks for.

    Args:
        wanted: `auto`, a kind or the name of the user's transformer, as the study file has it.
        y: the target of the training rows (n,).
        base: the directory of the study file.
        classes: whether it is of classes, which are never transformed.
        free: whether `auto` may choose any; a model of the user's own may count on the units.

    Raises:
        DataError: if the target cannot be transformed like this.
    """
    if classes:
        if wanted not in ("auto", "none"):
            raise DataError(
                f"data.target_transform is {wanted}, and the target has classes: leave it out, or "
                "add task: regression to data"
            )
        return TargetTransform()
    values = np.asarray(y, np.float64)
    why = ""
    if wanted == "auto":
        wanted, why = needed(values) if free else ("none", "")
    match wanted:
        case "standard":
            why = "it is far from 0 and 1" if why else ""
            return TargetTransform("standard", *_moments(values), why=why)
        case "log1p":
            low = float(values.min())
            if low <= -1:
                raise DataError(
                    f"data.target_transform is log1p, and the target has the value "
                    f"{number_text(low)}: use standard or quantile"
                )
            return TargetTransform("log1p", *_moments(np.log1p(values)), why=why)
        case "quantile":
            return _quantiles(values)
        case "none":
            return TargetTransform()
    places, knots = table_of(wanted, values, base)
    return TargetTransform("own", knots=knots, places=places, own=wanted)


def needed(y: Array) -> tuple[str, str]:
    """Return the kind of transformation that a target (n,) needs, and why; ("none", "") if none."""
    y = np.asarray(y, np.float64)
    low, high = np.quantile(y, [0.01, 0.99])
    if y.min() > 0 and high >= _DECADES * low:
        return "log1p", f"it is positive and spans {number_text(low)} to {number_text(high)}"
    mean, deviation = _moments(y)
    if abs(mean) > _FAR or not 1 / _FAR <= deviation <= _FAR:
        return "standard", "it is far from mean 0 and deviation 1"
    return "none", ""


def _moments(y: Array) -> tuple[float, float]:
    return float(y.mean()), float(y.std()) or 1.0


def _quantiles(y: Array) -> TargetTransform:
    """Fit the points: evenly spaced quantiles, of which equal ones become one."""
    count = min(_KNOTS, len(y))
    levels = (np.arange(count) + 0.5) / count
    found = np.quantile(y, np.linspace(0, 1, count))
    knots, where = np.unique(found, return_inverse=True)
    places = [
        NormalDist().inv_cdf(float(levels[where == each].mean())) for each in range(len(knots))
    ]
    if len(knots) == 1:
        raise DataError(
            "data.target_transform is quantile, and the training rows have one value: use none"
        )
    return TargetTransform("quantile", knots=tuple(knots.tolist()), places=tuple(places))
