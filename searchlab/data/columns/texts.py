"""Text that goes to a model as it is written, for a TextVectorization or the like of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.data.columns.kinds import Kind
from searchlab.data.columns.tidy import tidy
from searchlab.errors import DataError

_LARGEST = 4 * 2**30  # bytes of an array, in which each text takes the room of the longest


@dataclass(frozen=True)
class TextPreprocessing:
    """Preprocessing that leaves text alone.

    Attributes:
        names: the columns of text, in order.
    """

    names: tuple[str, ...]

    @property
    def width(self) -> int:
        """The number of values that a row becomes."""
        return len(self.names)

    @property
    def sources(self) -> tuple[str, ...]:
        """The raw column that each input is made of."""
        return self.names

    @classmethod
    def of(cls, kinds: Mapping[str, Kind]) -> TextPreprocessing:
        """Return the preprocessing of columns of text.

        Raises:
            DataError: if one holds something else.
        """
        for name, kind in kinds.items():
            if kind != "text":
                remedy = f"write kinds: {{{name}: text}} if it is text, or leave it out of features"
                raise DataError(
                    f"data.text: raw gives the model all features as text, and column {name!r} is "
                    f"a {kind}: {remedy}"
                )
        return cls(tuple(kinds))

    def transform(self, raw: pd.DataFrame | Array) -> Array:
        """Convert rows to UTF-8, bytes (n, columns); "" where a text is missing."""
        frame = raw if isinstance(raw, pd.DataFrame) else pd.DataFrame(raw, columns=[*self.names])
        tidied = tidy(frame, dict.fromkeys(self.names, "text"), {})
        cells = [
            [b"" if text is None else text.encode() for text in tidied[name]] for name in self.names
        ]
        longest = max((len(text) for column in cells for text in column), default=0)
        if longest * len(tidied) * self.width > _LARGEST:
            raise DataError(
                f"data.text: raw keeps each of {len(tidied):,} rows in the room of the longest "
                f"text, which has {longest:,} bytes: cut long texts, or leave such rows out"
            )
        return np.array(cells, dtype=f"S{max(1, longest)}").T

    def treatments(self) -> dict[str, str]:
        """Return what is done with each column; see `data.preprocessing.Preprocessing`."""
        return dict.fromkeys(self.names, "raw text for the model")
