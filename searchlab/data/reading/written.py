"""Cells with words, marks or units in them, as numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from searchlab.core.arrays import Array
from searchlab.data.reading.cells import EXACT, LONG
from searchlab.data.reading.dialect import Notation
from searchlab.data.reading.numbers import Cells, value_of


class Written:
    """The cells of a column that are more than simple numbers."""

    def __init__(self, array: pa.ChunkedArray) -> None:
        self.array = array
        encoded = array.combine_chunks().dictionary_encode()
        self._different: list[str] = encoded.dictionary.to_pylist()
        self._codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        self.cells = Cells.of(self._different)

    def rows_of(self, words: Iterable[str]) -> Array:
        """Return the positions of the rows that have one of some words."""
        numbers = {cell: number for number, cell in enumerate(self._different)}
        return np.flatnonzero(np.isin(self._codes, [numbers[word] for word in words]))

    def shown(self, row: int) -> str:
        """Return the cell of a row."""
        return str(self._different[self._codes[row]])

    def values(self, notation: Notation) -> Array:
        """Return the numbers (n,), int64 if all are whole and there, else float64."""
        numbers = self.cells.numbers
        each = [value_of(numbers[c], notation) if c in numbers else None for c in self._different]
        values = np.array([*each, None], np.float64)[self._codes]  # the last for a missing cell
        whole = all(notation.decimal not in number.digits for number in numbers.values())
        fits = whole and not np.isnan(values).any() and np.abs(values).max(initial=0) < EXACT
        return np.asarray(values.astype(np.int64) if fits else values)

    def merged(self, values: Array) -> bool:
        """Tell whether different whole numbers became equal, as float64 has 16 digits."""
        digits = [number.digits for number in self.cells.numbers.values()]
        if not any(sum(map(str.isdigit, each)) >= LONG for each in digits):
            return False
        return len(np.unique(values[~np.isnan(values)])) < len(set(digits))


def unclear(cells: Cells) -> str:
    """Tell why nobody can say how the numbers of a column are written."""
    marked = [cell for cell in cells.numbers if not cell.isdigit()]
    if cells.sign is None:
        return "has numbers with different signs, or some with % and some without: write all alike"
    if not cells.ways:
        return f"writes numbers in more than one way, such as {marked[0]!r}: write all alike"
    return (
        f"has numbers such as {marked[0]!r}, whose mark may be a decimal comma or one between "
        "thousands: say data.decimal, or data.thousands"
    )
