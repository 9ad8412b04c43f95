"""Raw rows in every form that callers may pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.data.reading.missing import unmarked
from searchlab.data.reading.raw import named
from searchlab.data.schema import RowSchema
from searchlab.errors import DataError

Rows = pd.DataFrame | Array | Sequence[Any]
"""A frame, a list of dicts, an array (rows, columns), or images (rows, height, width, ...)."""


def as_rows(rows: Rows, schema: RowSchema) -> pd.DataFrame | Array:
    """Convert raw rows to the form that preprocessing expects.

    Args:
        rows: see `Rows`. Frames and dicts may have additional columns, in any order; an array's
            columns are those of the data set, in their order.
        schema: the schema of the rows.

    Returns:
        A frame with at least the feature columns (from an array: exactly those), or an array of
        images.

    Raises:
        DataError: if the rows have the wrong shape; preprocessing checks the columns.
    """
    if isinstance(rows, pd.DataFrame):
        if not schema.kinds:
            raise DataError(
                f"the model takes images: give an array of shape (rows, {_shape(schema)}), not "
                "a frame"
            )
        return _unmarked(_unique(named(rows), schema), schema)
    if isinstance(rows, Mapping | str | bytes) or not _sized(rows):
        raise DataError(
            f"rows are of type {type(rows).__name__}: give a list with one entry per row"
        )
    if schema.kinds and len(rows) and all(isinstance(row, Mapping) for row in rows):
        return _unmarked(named(pd.DataFrame(list(rows))), schema)
    try:
        text = any(kind not in {"number", "boolean"} for kind in schema.kinds.values())
        array = np.asarray(rows, dtype=object if text else None)
    except ValueError:
        raise DataError("the rows have different lengths: give every row all its values") from None
    if array.size == 0 and len(array) == 0:
        array = array.reshape(0, *schema.shape)
    if array.shape[1:] != schema.shape or array.ndim != len(schema.shape) + 1:
        raise DataError(
            f"the rows have shape {array.shape}: give an array of shape "
            f"(rows, {_shape(schema)}){_listed(schema)}"
        )
    if not schema.kinds:
        return array
    return _unmarked(pd.DataFrame(array, columns=list(schema.kinds)), schema)


def _unmarked(rows: pd.DataFrame, schema: RowSchema) -> pd.DataFrame:
    """Return rows without the values that the study says are missing."""
    known = {name: unmarked(rows[name], schema.missing) for name in schema.kinds if name in rows}
    return rows.assign(**known) if schema.missing else rows


def _unique(rows: pd.DataFrame, schema: RowSchema) -> pd.DataFrame:
    for name in rows.columns[rows.columns.duplicated()]:
        if name in schema.kinds:
            raise DataError(f"column {name!r} appears twice: keep one of them")
    return rows


def _sized(rows: object) -> bool:
    try:
        return len(rows) >= 0  # type: ignore[arg-type]
    except TypeError:  # None, a number, an iterator, an array of no dimension
        return False


def _shape(schema: RowSchema) -> str:
    return ", ".join(map(str, schema.shape))


def _listed(schema: RowSchema) -> str:
    names = list(schema.kinds)
    more = ", ..." if len(names) > 10 else ""  # noqa: PLR2004
    return f" with the columns {', '.join(names[:10])}{more}" if names else ""
