"""The nearest of the known names for one that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LENIENT = 0.5
"""The likeness from which keys and words of a study file are taken for one another."""


def nearest(name: str, known: Iterable[str], *, most: int = 1, likeness: float = 0.6) -> list[str]:
    """Return the known names that are most like another one.

    Args:
        name: the unknown name.
        known: the known names.
        most: the number of names at most.
        likeness: how alike they must be, from 0 to 1.

    Returns:
        The names, the nearest first; none if none is like it.
    """
    return difflib.get_close_matches(name, list(known), most, likeness)


def did_you_mean(name: str, known: Iterable[str], otherwise: str, *, likeness: float = 0.6) -> str:
    """Ask whether the nearest name was meant; return something else where none is near."""
    near = nearest(name, known, likeness=likeness)
    return f"did you mean {near[0]}?" if near else otherwise
