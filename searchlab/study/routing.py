"""The names of params that are no arguments of the model's factory, as scikeras routes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from searchlab.study.callbacks import PREFIX
from searchlab.study.training import OF_TRAINING

MODEL, OPTIMIZER = "model__", "optimizer__"
"""Beginnings of names: of an argument of the factory, and of one of its optimizer."""


def is_of_factory(name: str) -> bool:
    """Return whether a param goes to the factory, and not to the data or to the training alone."""
    return "." not in name and name not in OF_TRAINING and not name.startswith(PREFIX)


def argument(name: str) -> str:
    """Return the name of the factory's argument that a param of it is given as."""
    if name.startswith(OPTIMIZER):
        return "optimizer"
    return name.removeprefix(MODEL)


def arguments(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the params that go to the factory, by its arguments' names.

    Those of the optimizer keep the name that says so.
    """
    return {
        name.removeprefix(MODEL): value for name, value in chosen.items() if is_of_factory(name)
    }
