"""Checked columns: a frame as read, with the kinds of its columns decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from searchlab.core.progress import counted
from searchlab.data.columns.kinds import Decision, Kind, decide, wanted_kind
from searchlab.data.columns.tidy import tidy


@dataclass(frozen=True)
class Columns:
    """The features of a table, all of types that a training can use.

    Attributes:
        X: see `data.load.Table`.
        kinds: the kind of each column, in order.
        forms: how the dates of each column of dates are written.
        whole: the columns of whole numbers.
        why: what the kind of each column was told by.
    """

    X: pd.DataFrame
    kinds: Mapping[str, Kind]
    forms: Mapping[str, str]
    whole: frozenset[str]
    why: Mapping[str, str]

    def only(self, names: Collection[str]) -> Columns:
        """Return some of the columns, in the same order."""
        return Columns(
            X=self.X[[name for name in self.kinds if name in names]],
            kinds={name: kind for name, kind in self.kinds.items() if name in names},
            forms={name: form for name, form in self.forms.items() if name in names},
            whole=self.whole.intersection(names),
            why=self.why,
        )


def check_columns(frame: pd.DataFrame, wanted: Mapping[str, str], texts: str = "") -> Columns:
    """Decide the kinds of columns and convert them.

    Args:
        frame: the features as read; the index has the row numbers that users know.
        wanted: the kinds that the study gives columns, by name or pattern.
        texts: why the others are text; "" if their values tell.

    Raises:
        DataError: with the column, the row if there is one, and the remedy.
    """
    names = counted(list(map(str, frame)), "understanding the columns:")
    found = {name: _decided(name, frame[name], wanted, texts) for name in names}
    kinds = {name: each.kind for name, each in found.items()}
    forms = {name: each.form for name, each in found.items() if each.kind == "date"}
    numbers = (name for name, kind in kinds.items() if kind == "number")
    return Columns(
        X=tidy(frame, kinds, forms),
        kinds=kinds,
        forms=forms,
        whole=frozenset(name for name in numbers if pd.api.types.is_integer_dtype(frame[name])),
        why={name: each.why for name, each in found.items()},
    )


def _decided(name: str, column: pd.Series[Any], wanted: Mapping[str, str], texts: str) -> Decision:
    kind = wanted_kind(name, wanted)
    return Decision("text", texts) if texts and kind is None else decide(name, column, kind)
