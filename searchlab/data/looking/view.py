"""A data set as findings look at it: its table, its parts, and a sample of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.data.columns.dates import is_clock
from searchlab.data.load import Table
from searchlab.data.target import TargetTransform
from searchlab.study.data import DataSpec
from searchlab.study.splitting import SplitSpec

_ROWS = 20_000  # the most rows of a sample
_CELLS = 20_000_000  # the most cells of a sample, if that leaves enough rows
_FEWEST = 1_000
_SHOWN = 3  # columns named in a message
_SEED = 0


@dataclass(frozen=True)
class View:
    """A table with the parts that a study divides it into.

    Attributes:
        table: the data set.
        y: the target (rows,): class numbers if there are classes.
        classes: the classes as text; empty for a regression.
        parts: the rows of each part: "train", "validation" and "test".
        spec: the study's keys that say how to use the data.
        inputs: the number of inputs that the columns become; None for images.
        transform: the transformation of the target for models; None if none was fitted.
        own: whether the model is the user's own, which gets its target as it is.
    """

    table: Table
    y: Array
    classes: tuple[str, ...]
    parts: Mapping[str, Array]
    spec: DataSpec
    inputs: int | None
    transform: TargetTransform | None = None
    own: bool = False

    @property
    def split(self) -> SplitSpec | None:
        """The scheme by which the rows are divided; None for chance alone."""
        return self.spec.split

    @cached_property
    def sample(self) -> Array:
        """The rows to look at, in order."""
        columns = len(self.table.kinds) or 1
        most = max(_FEWEST, min(_ROWS, _CELLS // columns))
        if len(self.y) <= most:
            return np.arange(len(self.y))
        chosen: Array = np.random.default_rng(_SEED).choice(len(self.y), most, replace=False)
        return np.sort(chosen)

    @cached_property
    def part(self) -> Array:
        """The part of each row; "" for a row without one (rows,)."""
        part = np.full(len(self.y), "", dtype="<U10")
        for name, rows in self.parts.items():
            part[rows] = name
        return part

    @cached_property
    def target(self) -> Array:
        """The sample's targets, for comparisons (n,): class numbers, or ranks from 0 to 1."""
        y = self.y[self.sample]
        if self.classes:
            return y
        ranks: Array = pd.Series(y).rank(pct=True).to_numpy()
        return ranks

    @cached_property
    def numbers(self) -> pd.DataFrame:
        """The sample of the features that are numbers, booleans or dates, NaN where missing."""
        X = self.table.X
        if not isinstance(X, pd.DataFrame):
            return pd.DataFrame(index=range(len(self.sample)))
        sampled = X if len(self.sample) == len(X) else X.iloc[self.sample]
        numbers = sampled.select_dtypes(["number", "bool"])
        times = sampled.select_dtypes("datetime")
        if times.shape[1] == 0:
            return numbers
        return numbers.join(times.apply(_seconds))

    @cached_property
    def columns(self) -> list[tuple[str, pd.Series[Any]]]:
        """All features, with all of their rows; none for images."""
        X = self.table.X
        if not isinstance(X, pd.DataFrame):
            return []
        return [(str(name), column) for name, column in X.items()]

    @property
    def words(self) -> Iterator[tuple[str, pd.Series[Any]]]:
        """The features that are text, with all of their rows; None where missing."""
        yield from ((name, column) for name, column in self.columns if column.dtype == object)

    @property
    def dates(self) -> Iterator[tuple[str, pd.Series[Any]]]:
        """The features that are dates, with all of their rows; no times of day."""
        for name, column in self.columns:
            if column.dtype.kind == "M" and not is_clock(self.table.forms.get(name, "")):
                yield name, column

    @property
    def whole(self) -> Iterator[tuple[str, pd.Series[Any]]]:
        """The features that are whole numbers, with all of their rows."""
        yield from ((name, column) for name, column in self.columns if name in self.table.whole)

    @property
    def aside(self) -> Iterator[tuple[str, pd.Series[Any]]]:
        """The columns that the study leaves out, with all of their rows."""
        if self.table.aside is not None:
            yield from ((str(name), column) for name, column in self.table.aside.items())


def _seconds(times: pd.Series[Any]) -> pd.Series[Any]:
    return (times - pd.Timestamp(0)).dt.total_seconds()


def listed(names: Iterable[str]) -> str:
    """Return names of columns as the subject of a sentence: "column 'a'", "columns 'a', 'b'"."""
    quoted = [repr(name) for name in names]
    shown = ", ".join(quoted[:_SHOWN])
    more = f" and {len(quoted) - _SHOWN} more" if len(quoted) > _SHOWN else ""
    return f"column{'s' if len(quoted) > 1 else ''} {shown}{more}"


def share_text(share: float) -> str:
    """Return a share of rows as a percentage, never rounded to all or none."""
    percent = 100 * share
    if 0 < percent < 1:
        return "under 1 %"
    return f"{min(percent, 99):.0f} %" if share < 1 else "100 %"
