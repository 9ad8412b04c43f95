"""A model embedded in a wider one.

A chain of Dense layers computes the same in the top left corner of a wider chain whose other
weights are 0, wherever activation(0) is 0: the other units and their gradients stay 0.
"""

from __future__ import annotations

import numpy as np

from searchlab.training.checkpoint import Checkpoint


def pad(state: Checkpoint, wide: Checkpoint) -> Checkpoint:
    """Pad a training's variables with zeros to the shapes of a wider state."""
    return state.like([_filled(each, into) for each, into in zip(state.all, wide.all, strict=True)])


def unpad(state: Checkpoint, narrow: Checkpoint) -> Checkpoint:
    """Cut the variables of a wider state to the shapes of a narrower one."""
    pairs = zip(state.all, narrow.all, strict=True)
    return state.like([np.array(each[_corner(like)]) for each, like in pairs])


def _filled(value: np.ndarray, into: np.ndarray) -> np.ndarray:
    if value.shape == into.shape:
        return value
    filled = np.zeros_like(into)
    filled[_corner(value)] = value
    return filled


def _corner(value: np.ndarray) -> tuple[slice, ...]:
    return tuple(slice(0, size) for size in value.shape)
