"""The parts that a data set gives its own rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from searchlab.core.arrays import Array

Part = Literal["train", "validation", "test"]

PARTS: tuple[Part, ...] = ("train", "validation", "test")
"""The parts of a data set, by their numbers in an `Assignment`."""


@dataclass(frozen=True)
class Assignment:
    """The parts that a data set gives its rows, whether by a column, by arrays or by files.

    Attributes:
        numbers: the part of each row (n,), as its position in `PARTS`. Training rows may be
            divided further.
    """

    numbers: Array

    @classmethod
    def consecutive(cls, sizes: Mapping[Part, int]) -> Assignment:
        """Return the parts of rows that stand one part after the other.

        Args:
            sizes: the number of rows of each part, in the order of the rows.
        """
        numbers = [PARTS.index(part) for part in sizes]
        return cls(np.repeat(np.array(numbers, np.int8), list(sizes.values())))

    def rows(self, part: Part) -> Array:
        """Return the numbers of the rows of a part."""
        return np.flatnonzero(self.numbers == PARTS.index(part))
