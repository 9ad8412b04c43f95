"""The facts of a data set about the division of its rows: parts, times, groups, strata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.data.columns import dates
from searchlab.data.columns.kinds import wanted_kind
from searchlab.data.parts import PARTS, Assignment, Part
from searchlab.data.reading.raw import Raw
from searchlab.errors import DataError
from searchlab.study.data import DataSpec

_WORDS: Mapping[str, Part] = {
    **dict.fromkeys(("train", "training", "trn", "fit"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev", "early stopping"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "holdout"), "test"),
}
_FEW = 10  # distinct numbers that are strata of their own
_RANGES = 5  # strata of a column with more
_DECEMBER, _YEARS = 12, (1900, 2100)


@dataclass(frozen=True)
class Division:
    """The facts about rows that their division needs.

    Attributes:
        codes: for each row (n,) the number of its time (in order), its group or its stratum;
            None if the study's scheme needs none.
        labels: the times, groups or strata as text, by their numbers.
        assigned: the part of each row, or None if the data set says none.
    """

    codes: Array | None = None
    labels: tuple[str, ...] = ()
    assigned: Assignment | None = None

    def facts(self) -> list[tuple[str, Array]]:
        """Return what tells apart two data sets that are divided otherwise, with names."""
        facts = [] if self.codes is None else [("(split)", np.array(self.labels)[self.codes])]
        return facts if self.assigned is None else [*facts, ("(part)", self.assigned.numbers)]


NO_DIVISION = Division()
"""Nothing: rows are divided by chance."""


def division(raw: Raw, spec: DataSpec) -> Division:
    """Check and convert the facts that the scheme of a study needs.

    Args:
        raw: the data set as read; `raw.split` is the column of the scheme.
        spec: the study's data.

    Raises:
        DataError: if a row has no value, or one that the scheme cannot use.
    """
    column, split = raw.split, spec.split
    _check_own_parts(raw, spec)
    if split is None or (split.by is not None and split.column is None):
        return Division(assigned=raw.assigned)
    assert column is not None  # noqa: S101 - readers give it for each scheme that names one
    missing = np.flatnonzero(column.isna())
    if len(missing) and split.stratify is None:
        raise raw.error(
            f"{split.key}: the column {column.name!r} has no value ({len(missing)} rows in total): "
            f"fill it in, or leave the rows out",
            int(missing[0]),
        )
    if spec.parts_column is not None:
        return Division(assigned=_assigned(raw, column, spec))
    if split.by is not None:
        values = _times(raw, column, spec)
    else:
        values = column if split.groups is not None else _strata(column)
    codes, labels = pd.factorize(values, sort=True, use_na_sentinel=False)
    return Division(codes.astype(np.int64), tuple(map(str, labels)), raw.assigned)


def _check_own_parts(raw: Raw, spec: DataSpec) -> None:
    """Refuse keys that say otherwise than the arrays or files of parts."""
    if raw.assigned is None:
        return
    if len(raw.assigned.rows("test")) and not spec.tested:
        raise raw.error("there are test rows, and data.test is 0: leave out data.test, or the rows")
    if spec.parts_column is not None:
        raise raw.error("the parts have rows of their own: leave out data.split.column")


def _assigned(raw: Raw, column: pd.Series[Any], spec: DataSpec) -> Assignment:
    words = column.astype(str).str.strip().str.lower()
    parts = words.map(lambda word: _WORDS.get(word.replace("_", " ")))
    wrong = np.flatnonzero(parts.isna())
    if len(wrong):
        raise raw.error(
            f"data.split.column: {column.name!r} is {str(column.iloc[int(wrong[0])])!r}, which is "
            f"no part: write train, valid or test",
            int(wrong[0]),
        )
    found = set(parts)
    if "train" not in found:
        raise raw.error(f"data.split.column: {column.name!r} has no train rows: add some")
    if "test" not in found and spec.tested:
        raise raw.error(f"data.split.column: {column.name!r} has no test rows: add some, or write "
                        f"data.test: 0 to do without")  # fmt: skip
    if "test" in found and not spec.tested:
        raise raw.error(f"data.split.column: {column.name!r} has test rows, and data.test is 0: "
                        f"leave out data.test, or these rows")  # fmt: skip
    return Assignment(parts.map(PARTS.index).to_numpy(np.int8))


def _times(raw: Raw, column: pd.Series[Any], spec: DataSpec) -> pd.Series[Any]:
    """Return a column as numbers or times, which have an order."""
    name = str(column.name)
    wanted = wanted_kind(name, spec.kinds) or ""
    numbers = pd.api.types.is_numeric_dtype(column) and "%" not in wanted
    if numbers:
        _check_months(raw, column, spec)
        return column
    if pd.api.types.is_datetime64_any_dtype(column):
        return column
    try:
        form = wanted if "%" in wanted else dates.recognise(column.rename(name), name)
        if form is not None:
            return dates.instants(column.rename(name), form)
    except DataError as error:
        raise raw.error(f"{_key(spec)}: {error}") from None
    whole = _whole(column)
    if whole is not None:
        return whole
    raise raw.error(
        f"{_key(spec)}: {name!r} has no order in time, as in {str(column.iloc[0])!r}: give numbers "
        "or dates, such as 2026-01-31"
    )


def _whole(column: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return whole numbers that were kept as text, such as nanoseconds, for all their digits."""
    cells = column.astype(str).str.strip()
    return cells.map(int) if cells.str.fullmatch(r"0|-?[1-9]\d*").all() else None


def _check_months(raw: Raw, column: pd.Series[Any], spec: DataSpec) -> None:
    """Refuse months such as 12.2010, which as numbers come after 1.2011."""
    values = column.dropna().to_numpy(np.float64)
    months, years = np.floor(values), np.round((values % 1) * 10_000)
    likely = (months >= 1) & (months <= _DECEMBER) & (years >= _YEARS[0]) & (years <= _YEARS[1])
    if len(values) and likely.all() and len(np.unique(years)) > 1:
        raise raw.error(
            f"{_key(spec)}: {column.name!r} looks like months, such as {values[0]:.4f}, which have "
            f"another order as numbers: add kinds: {{{column.name}: '%m.%Y'}} to data"
        )


def _key(spec: DataSpec) -> str:
    return "data.split" if spec.split is None else spec.split.key


def _strata(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return the strata of a column: its values, or ranges of many numbers; missing is its own."""
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > _FEW:
        column = pd.qcut(column, _RANGES, labels=False, duplicates="drop")
    return column
