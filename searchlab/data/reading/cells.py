"""Cells of text as Arrow keeps them: looked at and converted a column at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from searchlab.core.progress import counted

GROUPED = r"^[+-]?[1-9]\d{0,2}([.]\d{3})+$"
"""Numbers whose dots could be between thousands."""

CODE = 3
"""The digits at least of a feature's codes with leading zeros, such as 021."""

EXACT = 2**53
"""The largest of the whole numbers that float64 tells apart."""

LONG = 16
"""The digits at least of whole numbers that it does not."""

_POWER = r"^[+-]?\d+[eE]\+?\d+$"


def masked(cells: pa.ChunkedArray, marks: Collection[str]) -> pa.ChunkedArray:
    """Return cells with null for those without a value."""
    missing = pc.is_in(cells, value_set=pa.array(sorted(marks), pa.string()))
    return pc.if_else(missing, None, cells) if any_of(missing) else cells


def any_of(found: pa.ChunkedArray) -> bool:
    """Return whether any value is true."""
    return bool(pc.any(found).as_py())


def text_of(cells: pa.ChunkedArray) -> Any:
    """Return cells as pandas' text."""
    return pd.array(cells, dtype=pd.StringDtype(na_value=np.nan))


def numbers_of(numbers: pa.ChunkedArray) -> Any:
    """Return numbers, as Int64 where NaN for missing ones would cost whole numbers digits."""
    if numbers.null_count > 0 and pa.types.is_integer(numbers.type) and _beyond(numbers):
        return numbers.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get).array
    return numbers.to_numpy()


def hexadecimal(cells: pa.ChunkedArray) -> bool:
    """Tell whether cells that Arrow reads as whole numbers have some such as 0x1a."""
    return any_of(pc.match_substring(cells, "x", ignore_case=True))


def coded(cells: pa.ChunkedArray, least: int) -> bool:
    """Tell whether numbers are codes of one length, such as 02134, and no quantities.

    Args:
        cells: the numbers as text.
        least: the digits of the shortest code.
    """
    if not any_of(pc.match_substring_regex(cells, r"^0[\deE]")):
        return False
    if any_of(pc.match_substring_regex(cells, r"[^\deE]")):
        return False
    lengths = pc.min_max(pc.utf8_length(cells))
    return bool(lengths["min"].as_py() == lengths["max"].as_py() >= least)


def merged(cells: pa.ChunkedArray) -> bool:
    """Tell whether whole numbers are so long that float64 makes different ones equal.

    Args:
        cells: the numbers, as text or as integers.
    """
    if pa.types.is_integer(cells.type):
        return _beyond(cells) and _fewer(pc.unique(cells))
    if pc.max(pc.utf8_length(cells)).as_py() < LONG:
        return False
    if not pc.all(pc.match_substring_regex(cells, r"^[+-]?\d+$")).as_py():
        return False
    return _fewer(pc.unique(cells))


def _fewer(different: pa.Array) -> bool:
    """Tell whether fewer values are left as float64."""
    return len(pc.unique(pc.cast(different, pa.float64(), safe=False))) < len(different)


def _beyond(numbers: pa.ChunkedArray) -> bool:
    """Tell whether any of some whole numbers is beyond those that float64 tells apart."""
    ends = pc.min_max(numbers)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    return low is not None and not -EXACT <= low <= high <= EXACT


def power_among(cells: pa.ChunkedArray) -> str | None:
    """Return a cell such as 1e5 where all others are whole numbers, so that it may be a code."""
    powers = pc.match_substring_regex(cells, _POWER)
    if not any_of(powers) or any_of(pc.match_substring_regex(cells, r"\.|[eE]-")):
        return None
    return str(pc.filter(cells, powers)[0].as_py())


def grouped(cells: pa.ChunkedArray) -> bool:
    """Tell whether the marks of all numbers with decimals could be between thousands."""
    for part in (cells.slice(0, 200), cells):
        dotted = pc.filter(part, pc.match_substring(part, "."))
        if len(dotted) == 0 and part is not cells:
            continue
        if not pc.all(pc.match_substring_regex(dotted, GROUPED)).as_py():
            return False
    return len(dotted) > 0


def booleans(cells: pa.ChunkedArray) -> Any:
    """Return true and false, with None where missing; None if there is anything else."""
    few = pc.unique(cells.slice(0, 100))
    if not {str(each).lower() for each in few.to_pylist() if each is not None} <= {"true", "false"}:
        return None
    lower = pc.utf8_lower(cells)
    if not pc.all(pc.is_in(lower, value_set=pa.array(["true", "false", None]))).as_py():
        return None
    values = pc.equal(lower, "true").to_numpy()
    return values.astype(bool) if cells.null_count == 0 else values.astype(object)


def strings(column: pd.Series[Any]) -> pa.ChunkedArray:
    """Return values as text."""
    texts = [None if pd.isna(value) else str(value).strip() for value in column]
    return pa.chunked_array([pa.array(texts, pa.string())])


def framed(
    columns: dict[str, Any], finish: Callable[[Any], Any], index: pd.Index[Any]
) -> pd.DataFrame:
    """Make a frame of columns, whose floats are one array from the start.

    Args:
        columns: converted columns (n,), and numbers of Arrow's.
        finish: called with the values of the latter.
        index: the numbers of the rows.
    """
    whole = [name for name, each in columns.items() if _is_arrow(each, "int64")]
    columns |= {name: finish(numbers_of(columns[name])) for name in whole}
    floats = [name for name, each in columns.items() if _is_arrow(each, "double")]
    block = np.empty((len(floats), len(index)))
    for place, name in enumerate(counted(floats, "reading the columns:")):
        block[place] = finish(numbers_of(columns[name]))
    numbers = pd.DataFrame(block.T, index=index, columns=floats, copy=False)
    if len(floats) == len(columns):
        return numbers
    others = {name: each for name, each in columns.items() if not _is_arrow(each, "double")}
    return pd.concat([numbers, pd.DataFrame(others, index=index)], axis=1)[list(columns)]


def _is_arrow(column: Any, kind: str) -> bool:
    return isinstance(column, pa.ChunkedArray) and str(column.type) == kind
