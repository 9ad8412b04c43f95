"""The kinds of columns, by what they hold or as a study says."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.data.columns import dates
from searchlab.errors import DataError

Kind = Literal["number", "boolean", "category", "text", "date"]
"""How a column is converted to numbers: scaled, 0 or 1, by its value, its words or its parts."""

Task = Literal["regression", "classification"]

_FEW = 20  # distinct whole numbers; a target with at most so many may be classes
_ROWS_A_CLASS = 10  # on average, so that whole numbers are taken for classes
_TRUTHS = dict.fromkeys(("true", "yes", "t", "y", "1", "1.0"), True) | dict.fromkeys(
    ("false", "no", "f", "n", "0", "0.0"), False
)
_MISTAKES = 10  # at most one value in so many that is not a number is taken for a mistake
_MANY = 50  # distinct values; a column with more may be free text


@dataclass(frozen=True)
class Decision:
    """The kind of a column and how it was decided.

    Attributes:
        kind: the kind.
        why: the reason, in a few words.
        form: how the dates of a column of dates are written, else "".
    """

    kind: Kind
    why: str
    form: str = ""


def wanted_kind(name: str, kinds: Mapping[str, str]) -> str | None:
    """Return the kind that a study gives a column by its name, else by the first pattern."""
    if name in kinds:
        return kinds[name]
    return next((kind for pattern, kind in kinds.items() if fnmatchcase(name, pattern)), None)


def truth_of(cell: str) -> bool | None:
    """Return whether a cell says true or false, yes or no, 1 or 0; None if it does not."""
    return _TRUTHS.get(cell.strip().lower())


def task_of(values: Array) -> Task:
    """Return the kind of target that numbers are: a few whole ones are classes.

    Args:
        values: the target, none missing (n,).
    """
    distinct = len(np.unique(values))
    two = distinct == 2  # noqa: PLR2004 - two whole numbers are a yes and a no
    few = distinct <= _FEW and distinct * _ROWS_A_CLASS <= len(values)
    whole = bool((values == np.round(values)).all())
    return "classification" if whole and (two or few) else "regression"


def is_verbatim(wanted: str | None) -> bool:
    """Return whether cells of a kind are kept as they are written, such as a code 01067."""
    return wanted is not None and ("%" in wanted or wanted in {"category", "text", "date"})


def decide(name: str, column: pd.Series[Any], wanted: str | None = None) -> Decision:
    """Determine the kind of a column; refuse one that no training can use.

    Args:
        name: its name.
        column: its values (n,); the index has the row numbers that users know.
        wanted: the kind that the study gives it, or a format of dates, or None.

    Raises:
        DataError: with the column, the row if there is one, and the remedy.
    """
    values = column.dropna().rename(name)
    if values.empty:
        raise DataError(f"column {name!r} has no values: add it to data.drop")
    if wanted is None:
        try:
            return _found(name, values)
        except dates.MixedError as error:
            raise DataError(
                f"{error} (or, if these are no dates, say so: kinds: {{{name}: category}})"
            ) from None
    if "%" in wanted:
        dates.read(values, wanted)
        return Decision("date", "data.kinds", wanted)
    if wanted == "date":
        return Decision("date", "data.kinds", _form(name, values))
    kind = next(kind for kind in get_args(Kind) if kind == wanted)
    return Decision(kind, "data.kinds")


def kind_of_target(name: str, column: pd.Series[Any]) -> Kind:
    """Determine the kind of a target without missing values.

    Raises:
        DataError: if it has values that cannot be predicted, such as dates.
    """
    numeric = pd.api.types.is_numeric_dtype(column) and column.dtype.kind != "c"
    if numeric:  # whatever they look like
        return "boolean" if pd.api.types.is_bool_dtype(column) else "number"
    try:
        found = _found(name, column.rename(name)).kind
    except dates.MixedError:
        found = "date"
    if found == "date":
        raise DataError(
            f"column {name!r} holds dates or times: convert it to numbers (such as days since a "
            "day)"
        )
    return found


def _form(name: str, values: pd.Series[Any]) -> str:
    # With this name, numbers that may be seconds are taken for them.
    form = dates.recognise(values.rename(name), "date")
    if form is None:
        raise DataError(
            f"column {name!r} has values such as {str(values.iloc[0])!r}, which are no dates that "
            f"searchlab knows: give their format, as in kinds: {{{name}: '%Y-%m-%d %H:%M'}}"
        )
    return form


def _found(name: str, values: pd.Series[Any]) -> Decision:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return Decision("category", "a categorical type")
    form = dates.recognise(values, name)
    if form is not None:
        return Decision("date", f"dates, {form}", form)
    types = {type(value) for value in values} if values.dtype == object else {values.dtype.type}
    if types <= {bool, np.bool_}:
        return Decision("boolean", "true or false")
    if all(issubclass(kind, (bool, np.bool_, int, float, Decimal, np.number)) for kind in types):
        if not any(issubclass(kind, _NO_NUMBERS) for kind in types):
            whole = pd.api.types.is_integer_dtype(values)
            return Decision("number", "whole numbers" if whole else "numbers")
    elif all(issubclass(kind, str) for kind in types):
        return _of_text(name, values)
    found = ", ".join(sorted(kind.__name__ for kind in types))
    raise DataError(f"column {name!r} holds {found}: drop it, or convert it to numbers or text")


_NO_NUMBERS = (np.complexfloating, np.timedelta64, datetime.timedelta)


def _of_text(name: str, values: pd.Series[Any]) -> Decision:
    different = values.drop_duplicates()
    wrong = values[values.isin(different[pd.to_numeric(different, errors="coerce").isna()])]
    if 0 < _MISTAKES * len(wrong) <= len(values):
        raise DataError(
            f"row {wrong.index[0]}: column {name!r} holds numbers, but here {wrong.iloc[0]!r}: "
            f"correct it, or leave the cell empty"
        )
    distinct = values.nunique()
    if distinct > _MANY and distinct > len(values) / 2:
        return Decision("text", f"text, {distinct:,} distinct")
    return Decision("category", f"text, {distinct:,} distinct")
