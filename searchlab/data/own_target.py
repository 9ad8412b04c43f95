"""A transformer of the user's for the target, as a table of points.

A table is what a compiled program, a served model and an exported one can use without the user's
code. It has as many points as it takes for its inverse to be the transformer's, and beyond the
training rows it goes on for a while.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from searchlab.core.arrays import Array
from searchlab.errors import DataError, ModelError
from searchlab.factories.find import load_factory

Points = tuple[tuple[float, ...], tuple[float, ...]]
"""Transformed values, rising, and the target's values that they stand for."""

_FIRST, _MOST = 33, 1025
_CLOSE = 1e-4
"""The largest error of the table, as a share of the target's deviation."""
_BEYOND = 0.25
"""How far the table goes beyond the training rows, as a share of their range."""


def table_of(reference: str, y: Array, base: Path) -> Points:
    """Fit the user's transformer to the target of the training rows, and tabulate its inverse.

    Args:
        reference: the transformer, `my.py:Transformer` or `my.module:Transformer`.
        y: the target (n,), float64.
        base: the directory of the study file.

    Raises:
        DataError: if it cannot be used.
    """
    with_name = f"data.target_transform: {reference}"
    try:
        own = load_factory(reference, base, "transformer")()
        own.fit(y[:, None])
        transformed = np.asarray(own.transform(y[:, None]), np.float64)
        points = _points(lambda z: own.inverse_transform(z[:, None]), transformed, len(y), y.std())
    except DataError as error:
        raise DataError(f"{with_name} {error}") from None
    except ModelError as error:
        raise DataError(f"data.target_transform: {error}") from None
    except Exception as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise DataError(
            f"{with_name} cannot be fitted to the target ({why}): it needs fit, transform and "
            "inverse_transform of a column (n, 1), as scikit-learn's transformers have"
        ) from error
    return points


def _points(
    inverse: Callable[[Array], Any], transformed: Array, rows: int, deviation: float
) -> Points:
    if transformed.shape != (rows, 1) or not np.isfinite(transformed).all():
        raise DataError(
            f"makes {transformed.shape} of ({rows}, 1), or values that are not finite: let it "
            "return a finite column"
        )

    def undo(places: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(inverse(places), np.float64).reshape(len(places))

    places = _reach(undo, float(transformed.min()), float(transformed.max()))
    while True:
        knots, middles = undo(places), (places[1:] + places[:-1]) / 2
        steps = np.diff(knots)
        if not (np.isfinite(knots).all() and ((steps > 0).all() or (steps < 0).all())):
            raise DataError("has an inverse that does not always rise, or always fall: correct it")
        wrong = np.abs(undo(middles) - (knots[1:] + knots[:-1]) / 2) > _CLOSE * deviation
        if not wrong.any():
            return tuple(places.tolist()), tuple(knots.tolist())
        places = np.union1d(places, middles[wrong])
        if len(places) > _MOST:
            raise DataError(f"has an inverse that {_MOST} points do not describe: smooth it")


def _reach(undo: Callable[[Array], Array], low: float, high: float) -> Array:
    """Return places from `low` to `high` and beyond, as far as the inverse goes on the same way."""
    beyond = np.linspace(0, _BEYOND * (high - low), _FIRST)[1:]
    way = np.sign(np.diff(undo(np.array([low, high])))[0])
    parts = [np.linspace(low, high, _FIRST)]
    for end, side in ((low, -1), (high, 1)):
        steps = side * way * np.diff(undo(end + side * np.array([0.0, *beyond])))
        stops = np.flatnonzero(~(steps > 0))
        parts.append(end + side * beyond[: stops[0] if len(stops) else None])
    places: Array = np.unique(np.concatenate(parts))
    return places
