"""Facts about the data that note whether a model factory looks at those of a fold's rows alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_OF_ROWS = ("mean", "variance")
"""The facts that differ between folds: see `data.inputs.figures`."""


class Watched(dict[str, Any]):
    """A dictionary that notes whether the figures of the rows are read.

    Attributes:
        read: whether they were, alone or with all others.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Copy the facts."""
        super().__init__(values)
        self.read = False

    def __getitem__(self, key: str) -> Any:
        """Return a fact."""
        self.read = self.read or key in _OF_ROWS
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a fact, or something else without it."""
        self.read = self.read or key in _OF_ROWS
        return super().get(key, default)

    def __iter__(self) -> Iterator[str]:
        """Go through the keys, as `dict(meta)` and `**meta` do."""
        self.read = True
        return super().__iter__()

    def values(self) -> Any:
        """Return all facts."""
        self.read = True
        return super().values()

    def items(self) -> Any:
        """Return all facts with their keys."""
        self.read = True
        return super().items()

    def __or__(self, other: Any) -> Any:
        """Return a plain copy with other facts."""
        return self.copy() | other

    def copy(self) -> dict[str, Any]:
        """Return a plain copy."""
        self.read = True
        return super().copy()
