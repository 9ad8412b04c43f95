"""Preprocessing of arrays: pictures and sequences, scaled by channel."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.errors import DataError

CHUNK = 1024
"""The number of rows to transform at a time, so that images are never in memory twice."""

_COLOURS = 4  # at most, so that a picture's last axis is its channels
_BYTE = 255


@dataclass(frozen=True)
class ArrayPreprocessing:
    """Preprocessing of arrays: `(value - offset) / scale`.

    Attributes:
        shape: the shape of a row.
        offset: one number for each channel, the last axis, or one for all values.
        scale: likewise.
    """

    shape: tuple[int, ...]
    offset: tuple[float, ...]
    scale: tuple[float, ...]

    @property
    def channels(self) -> int:
        """The number of channels that have a scale of their own."""
        return len(self.offset)

    @property
    def width(self) -> int:
        """The number of values that a row becomes."""
        return math.prod(self.shape)

    @classmethod
    def fit(cls, X: Array, rows: Array, scale: str) -> ArrayPreprocessing:
        """Fit on the training rows.

        Raises:
            DataError: if arrays cannot be scaled so.
        """
        channels = channels_of(X, rows)
        if scale == "standard":
            offset, variance = moments(X, rows, channels)
            width = np.sqrt(variance)
        elif scale == "minmax":
            offset, high = _bounds(X, rows, channels)
            width = high - offset
        elif scale == "robust":
            offset, width = _quartiles(X, rows, channels)
        elif scale == "none":
            offset, width = np.zeros(channels), np.ones(channels)
        else:
            raise DataError(
                f"data.scale: {scale} is for columns, and these are arrays of shape "
                f"{X.shape[1:]}: use standard, minmax, robust or none"
            )
        width[width <= 100 * np.spacing(np.abs(offset))] = 1.0  # constant, but for rounding
        return cls(X.shape[1:], tuple(offset.tolist()), tuple(width.tolist()))

    def transform(self, raw: pd.DataFrame | Array) -> Array:
        """Transform rows; see `data.preprocessing.Preprocessing`."""
        values = np.asarray(raw)
        if values.shape[1:] != self.shape:
            raise DataError(f"the rows have shape {values.shape[1:]} instead of {self.shape}")
        # A large offset would swallow small differences in float32.
        exact = np.float32 if values.dtype in (np.uint8, np.float32) else np.float64
        x: Array = values.astype(exact)
        np.subtract(x, np.asarray(self.offset, exact), out=x)
        np.divide(x, np.asarray(self.scale, exact), out=x)
        if not np.isfinite(x).all():
            raise DataError("an array has values that are not finite: fill or leave out such rows")
        return x.astype(np.float32, copy=False)

    def treatments(self) -> dict[str, str]:
        """Return what is done with the array; see `data.preprocessing.Preprocessing`."""
        if set(self.offset) == {0.0} and set(self.scale) == {1.0}:
            return {"": "as it is"}
        if len(self.offset) > 1:
            return {"": f"each of {len(self.offset)} channels scaled by itself"}
        return {"": f"minus {self.offset[0]:.4g}, divided by {self.scale[0]:.4g}"}


def channels_of(X: Array, rows: Array) -> int:
    """Return the number of channels that are scaled each by itself; 1 if all values are alike.

    The last axis has the channels of a sequence or a picture. All values are alike in pictures
    without channels: bytes, or squares of fractions or of whole numbers below 256.

    Args:
        X: an array (n, ..., last).
        rows: the numbers of the training rows, the only ones looked at.
    """
    last = int(X.shape[-1])
    if last <= _COLOURS:
        return last
    if X.dtype in (np.uint8, np.bool_):
        return 1
    if X.shape[-2] != last:
        return last
    parts = list(_ranges(X, rows))
    low, high = min(part[0] for part in parts), max(part[1] for part in parts)
    whole = all(part[2] for part in parts)
    return 1 if low >= 0 and (high <= 1 or (whole and high <= _BYTE)) else last


def _ranges(X: Array, rows: Array) -> Iterable[tuple[float, float, bool]]:
    for part in _chunks(X, rows):
        yield float(part.min()), float(part.max()), bool((part == np.round(part)).all())


def _chunks(X: Array, rows: Array) -> Iterable[Array]:
    return (X[rows[start : start + CHUNK]] for start in range(0, len(rows), CHUNK))


def moments(X: Array, rows: Array, channels: int) -> tuple[Array, Array]:
    """Compute mean and variance of each channel without a float64 copy of all values.

    Args:
        X: an array (n, ...) of numbers.
        rows: the numbers of the rows (m,), at least one.
        channels: the size of the last axis, or 1 for all values together.

    Returns:
        Both as float64 (channels,).
    """
    size = len(rows) * math.prod(X.shape[1:]) / channels
    mean = sum(
        part.reshape(-1, channels).sum(axis=0, dtype=np.float64) for part in _chunks(X, rows)
    ) / size  # fmt: skip
    squares = sum(
        np.square(part.reshape(-1, channels).astype(np.float64) - mean).sum(axis=0)
        for part in _chunks(X, rows)
    )
    return np.asarray(mean), np.asarray(squares / size)


def _bounds(X: Array, rows: Array, channels: int) -> tuple[Array, Array]:
    flat = [part.reshape(-1, channels) for part in _chunks(X, rows)]
    low = np.min([part.min(axis=0) for part in flat], axis=0)
    high = np.max([part.max(axis=0) for part in flat], axis=0)
    return low.astype(np.float64), high.astype(np.float64)


def _quartiles(X: Array, rows: Array, channels: int) -> tuple[Array, Array]:
    """Return the median of each channel, and the distance between its quartiles."""
    one = channels == 1
    found = [
        np.percentile((X if one else X[..., channel])[rows], [25, 50, 75])
        for channel in range(channels)
    ]
    low, middle, high = np.transpose(found)
    return middle, high - low
