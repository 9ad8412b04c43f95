"""The row of a text file or a sheet that names the columns: whether there is one, and where."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from searchlab.data.reading.detection import SIMPLE_NUMBER, column_names, first_rows
from searchlab.data.reading.numbers import MARKERS, MISSING
from searchlab.errors import DataError

_TWO = 2


def header_of(rows: Sequence[Sequence[str]], names: Collection[str], source: str) -> bool:
    """Tell whether the first row names the columns.

    Args:
        rows: the first rows.
        names: columns that the file has.
        source: the file's name in messages.

    Raises:
        DataError: if the first row has only numbers, and may be data.
    """
    if not rows or set(names) & set(rows[0]):
        return True
    numbers = [cell for cell in rows[0] if SIMPLE_NUMBER.fullmatch(cell)]
    unnamed = [name for name in names if name in set(column_names(len(rows[0])))]
    if unnamed and numbers:
        return False
    if len(numbers) == len(rows[0]) and len(rows) > 1:
        raise DataError(
            f"{source}: row 1 holds numbers, not names: say data.header: false (the columns are "
            f"then column_1 to column_{len(rows[0])}), or true"
        )
    return True


@contextmanager
def one_header(
    rows: Sequence[Sequence[str]], missing: Collection[str | float], source: str
) -> Iterator[None]:
    """Say of a table that is refused that it has a second row of names or of units, if it has.

    Args:
        rows: the first rows, the header included.
        missing: the cells without a value.
        source: the file's name in messages.

    Raises:
        DataError: that of the block, or one that names the row.
    """
    try:
        yield
    except DataError:
        second = _second_header(rows, {*map(str, missing), *MISSING, *MARKERS})
        if second:
            raise DataError(f"{source}: {second}") from None
        raise


def _second_header(rows: Sequence[Sequence[str]], missing: Collection[str]) -> str:
    """Describe a second row of names or of units below the header; "" if there is none."""
    if len(rows) <= _TWO:
        return ""
    columns = zip(rows[1], zip(*rows[2:], strict=False), strict=False)
    tops = [top for top, cells in columns if _numeric(cells, missing)]
    words = [top for top in tops if top not in missing and not SIMPLE_NUMBER.fullmatch(top)]
    if len(words) < _TWO or any(map(SIMPLE_NUMBER.fullmatch, tops)):
        return ""
    return (
        f"the row below the names has words ({', '.join(map(repr, words[:3]))}) above numbers, so "
        "it looks like a second row of names, or of units: leave one row, with a name for each "
        "column"
    )


def _numeric(cells: Sequence[str], missing: Collection[str]) -> bool:
    """Return whether most cells are numbers, the first rows of more levels of names aside."""
    found = [cell for cell in cells if cell not in missing]
    return _TWO * sum(SIMPLE_NUMBER.fullmatch(cell) is not None for cell in found) > len(found)


def is_below(text: bytes, first: Sequence[str], names: Collection[str]) -> bool:
    """Tell whether a later row than the first one names the columns, whatever separates them.

    Args:
        text: the content, in UTF-8.
        first: the first row.
        names: columns that the file has.
    """
    if not names or set(names) & {*first, *column_names(len(first))}:
        return False
    return any(_titled(first_rows(text, mark), set(names)) for mark in ",;\t|")


def _titled(rows: list[list[str]], names: set[str]) -> bool:
    """Tell whether the first row is a title, and a later one has names."""
    for row in rows[1:]:
        if len(row) >= _TWO and names <= set(row):
            title = len(rows[0]) != len(row) or not all(map(_named, rows[0]))
            return title and all(map(_named, row))
    return False


def _named(cell: str) -> bool:
    return bool(cell) and not SIMPLE_NUMBER.fullmatch(cell)
