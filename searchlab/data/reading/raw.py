"""Raw data sets: the one type that all sources become."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.nearest import nearest
from searchlab.data.parts import Assignment
from searchlab.data.reading.dialect import Dialect
from searchlab.errors import DataError


@dataclass(frozen=True)
class Raw:
    """A data set as read; `data.load` checks its columns and its target.

    Attributes:
        name: the name of the data set, or of the file without its ending.
        source: "sklearn:digits", or the path as in the study file.
        X: the features: a frame with a column each, or an array (n, height, width, ...).
        y: the target (n,); its index has the row numbers that users know.
        target: the name of the target.
        weight: the weights of the rows (n,) with their name; None if there are none.
        aside: the columns that are left out, which only the findings look at; None for arrays.
        dialect: how the file writes a table; None if it is no text file.
        split: the column that `data.split` names (n,); None if it names none.
        assigned: the part of each row, or None if the data set says none.
        texts: why all features are text, such as "files of text"; "" if their values tell.
    """

    name: str
    source: str
    X: pd.DataFrame | np.ndarray[Any, Any]
    y: pd.Series[Any]
    target: str
    weight: pd.Series[Any] | None = None
    aside: pd.DataFrame | None = None
    dialect: Dialect | None = None
    split: pd.Series[Any] | None = None
    assigned: Assignment | None = None
    texts: str = ""

    @property
    def columns(self) -> Iterator[tuple[str, str]]:
        """The names of all columns that are used, each with the kind of its NumPy type."""
        for column in (self.y, self.weight, self.split):
            if column is not None:
                yield str(column.name), kind_of(column)
        if isinstance(self.X, pd.DataFrame):
            yield from ((str(name), kind_of(column)) for name, column in self.X.items())

    def only(self, chosen: np.ndarray[Any, Any]) -> Raw:
        """Return some of the rows; `chosen` (n,) is true for these."""
        columns: dict[str, Any] = {
            name: None if values is None else values[chosen]
            for name in ("X", "y", "weight", "aside", "split")
            for values in [getattr(self, name)]
        }
        assigned = None if self.assigned is None else Assignment(self.assigned.numbers[chosen])
        return replace(self, **columns, assigned=assigned)

    def error(self, message: str, position: int | None = None) -> DataError:
        """Make an error about a row, or about the whole data set."""
        row = "" if position is None else f"row {self.y.index[position]}: "
        return DataError(f"{self.source}: {row}{message}")


def kind_of(column: pd.Series[Any]) -> str:
    """Return the kind of a column's NumPy type, "b" also for true and false with missing ones."""
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) == "boolean":
        return "b"
    return column.dtype.kind


def did_you_mean(name: str, names: list[str]) -> str:
    """Suggest the nearest of `names`; "" if none is near."""
    close = nearest(name, names)
    return f"; did you mean {close[0]!r}?" if close else ""


def listed(names: list[str]) -> str:
    """Return the first names, for a message."""
    shown = ", ".join(repr(str(name)) for name in names[:10])
    return f"{shown}, ..." if len(names) > 10 else shown or "none"  # noqa: PLR2004


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose columns have text as names, without the spaces around it."""
    return frame.rename(columns=lambda name: str(name).strip())


def check_names(names: list[str], source: str) -> None:
    """Refuse a name that two columns have.

    Raises:
        DataError: with the name.
    """
    if len(set(names)) < len(names):
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise DataError(f"{source}: column {twice!r} appears twice: rename one")
