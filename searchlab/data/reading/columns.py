"""Cells of text as columns: numbers in any notation, true and false, or text."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from searchlab.data.columns.kinds import is_verbatim, task_of, truth_of, wanted_kind
from searchlab.data.reading.cells import (
    CODE,
    GROUPED,
    any_of,
    booleans,
    coded,
    framed,
    grouped,
    hexadecimal,
    masked,
    merged,
    numbers_of,
    power_among,
    strings,
    text_of,
)
from searchlab.data.reading.dialect import Notation
from searchlab.data.reading.known import Known
from searchlab.data.reading.missing import unmarked
from searchlab.data.reading.numbers import (
    MARKERS,
    MISSING,
    Cells,
    mistaken,
    same_unit,
    signed,
    value_of,
)
from searchlab.data.reading.written import Written, unclear
from searchlab.errors import DataError

_GROUP, _CODED = re.compile(GROUPED), re.compile(r"0\d")
_LABEL = 2  # digits at least of a class such as 01
_SIMPLE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass
class Columns:
    """The columns of a text file while they are converted.

    Attributes:
        known: what is known about them.
        index: the numbers of the rows.
        notations: the notations found, by column.
        missing: the marks read as missing numbers, by column.
        powers: a cell such as 1e5 of each column whose others are whole numbers.
        problems: what is wrong, in a few words, by column.
    """

    known: Known
    index: pd.Index[Any] = field(default_factory=lambda: pd.Index([]))
    notations: dict[str, Notation] = field(default_factory=dict)
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    powers: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    _dotted: bool = False

    def types(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, pa.DataType]:
        """Guess which columns the file's parser can read as numbers at once.

        Args:
            names: the columns.
            rows: the first rows.

        Returns:
            The type of each column: int64, float64, or text where more has to be looked at.
        """
        return {
            name: self._type(name, column)
            for name, column in zip(names, zip(*rows, strict=False), strict=False)
        }

    def _type(self, name: str, column: Sequence[str]) -> pa.DataType:
        marks = {*MISSING, *self._marks(name)}
        cells = [cell for cell in column if cell not in marks]
        text = self._verbatim(name) or name in self.known.truths
        if text or not cells or not all(map(_SIMPLE.fullmatch, cells)):
            return pa.string()
        dotted = [cell for cell in cells if "." in cell]
        codes = len(set(map(len, cells))) == 1 and len(cells[0]) >= CODE
        if dotted and self.known.plain(name) and not all(map(_GROUP.fullmatch, dotted)):
            self._dotted = True
            return pa.float64()
        # One class such as 01 further down makes all of them text.
        codes = codes or name == self.known.target or any(map(_CODED.match, cells))
        return pa.string() if dotted or codes else pa.int64()

    def convert(self, table: pa.Table) -> pd.DataFrame:
        """Convert a table of text and numbers.

        Raises:
            DataError: if columns of numbers hold other words, or can be read in two ways.
        """
        found: dict[str, Any] = {}
        written: dict[str, Written] = {}
        for name in table.column_names:
            if not pa.types.is_string(table[name].type):
                if table[name].null_count < len(table):
                    self._check_sign(name, "")
                long = self._long(name, table[name])
                found[name] = text_of(table[name].cast(pa.string())) if long else table[name]
                continue
            cells = masked(pc.utf8_trim_whitespace(table[name]), self._marks(name))
            if self._verbatim(name):
                found[name] = text_of(cells)
            elif name in self.known.truths:
                found[name] = self._truths(name, cells)
            elif (plain := self._plain(name, cells)) is not None:
                found[name] = plain
            else:
                found[name] = None  # keeps the order of the columns
                written[name] = Written(cells)
        mark = self._mark(table, found, written)
        for name, each in written.items():
            found[name] = self._written(name, each, mark)
        self._refuse()
        return framed(found, self._unmarked, self.index)

    def mend(self, frame: pd.DataFrame, *, cells: bool) -> pd.DataFrame:
        """Convert the columns of a typed table that are text and should be numbers.

        Text that is nothing but plain digits stays text, as its type says; but not in Excel, where
        numbers are often kept as text.

        Args:
            frame: the table.
            cells: whether each cell has a type of its own, as in Excel.

        Raises:
            DataError: if columns of numbers hold other words, or can be read in two ways.
        """
        found: dict[str, Any] = {}
        for name in map(str, frame):
            found[name] = column = unmarked(frame[name], self.known.keys.missing)
            if pd.api.types.is_numeric_dtype(column) and column.notna().any():
                self._check_sign(name, "")
            if pd.api.types.is_integer_dtype(column):
                whole = pa.chunked_array([pa.array(column, from_pandas=True)])
                if self._long(name, whole):
                    found[name] = text_of(whole.cast(pa.string()))
            if column.dtype != object and not isinstance(column.dtype, pd.StringDtype):
                continue
            types = {type(value) for value in column.dropna()}
            if self._verbatim(name) or not types <= {str, int, float} or str not in types:
                continue
            if len(types) > 1 and not cells:
                continue
            written = masked(strings(column), self._marks(name))
            plain = self._plain(name, written) if cells else None
            if plain is not None:
                found[name] = plain
                continue
            each = Written(written)
            words = [word for word in each.cells.words if word not in MISSING]
            if words or len(types) > 1 or not all(map(_simple, each.cells.numbers)):
                found[name] = self._written(name, each, None)
        self._refuse()
        return pd.DataFrame({n: _indexed(column, frame.index) for n, column in found.items()})

    def _refuse(self) -> None:
        problems = [said for name, said in self.problems.items() if name not in self.known.aside]
        if problems:
            raise DataError(_told(problems))

    def _marks(self, name: str) -> Collection[str]:
        """Return the cells without a value in a column."""
        given = {str(mark) for mark in self.known.keys.missing}
        return given | ({""} if name == self.known.target else MISSING)

    def _verbatim(self, name: str) -> bool:
        numbers = self.known.numbers
        said = name in self.known.text or is_verbatim(wanted_kind(name, self.known.kinds))
        return said or (numbers is not None and name not in numbers)

    def _plain(self, name: str, cells: pa.ChunkedArray) -> Any:
        """Convert cells that are all simple numbers, or all true or false; None for others."""
        if name == self.known.target:
            cells = masked(cells, MISSING)
        if cells.null_count == len(cells):
            return np.full(len(cells), np.nan)
        for kind in (pa.int64(), pa.float64()):
            try:
                numbers = pc.cast(cells, kind)
            except pa.ArrowInvalid:
                continue
            if kind == pa.int64() and hexadecimal(cells):
                return None
            if self._coded(name, cells, whole=kind == pa.int64()):
                return text_of(cells)
            if kind == pa.float64() and not (self.known.plain(name) and not grouped(cells)):
                return None
            self._check_sign(name, "")
            if kind == pa.float64() and (power := power_among(cells)):
                self.powers[name] = power
            return self._unmarked(numbers_of(numbers))
        return booleans(cells)

    def _truths(self, name: str, cells: pa.ChunkedArray) -> Any:
        """Convert yes and no, and the like; note the first cell that is neither."""
        truths = {cell: truth_of(cell) for cell in pc.unique(cells).to_pylist() if cell is not None}
        wrong = [cell for cell, truth in truths.items() if truth is None]
        if wrong:
            at = min(map(cells.to_pylist().index, wrong))
            self.problems[name] = (
                f"row {self.index[at]}: column {name!r} holds true and false, but here "
                f"{cells[at].as_py()!r}"
            )
        found = [truths.get(cell) for cell in cells.to_pylist()]
        return np.array(found, object if None in found else bool)

    def _unmarked(self, values: Any) -> Any:
        """Return numbers with NaN for those that the study says are missing."""
        marks = [mark for mark in self.known.keys.missing if not isinstance(mark, str)]
        return unmarked(pd.Series(values, copy=False), marks).values if marks else values

    def _coded(self, name: str, cells: pa.ChunkedArray, *, whole: bool) -> bool:
        """Tell whether numbers are names, and stay text: codes such as 02134, or too long ones.

        Args:
            name: the column.
            cells: its cells, all numbers.
            whole: whether an int64 holds them.
        """
        target = name == self.known.target
        if self.known.numbers is not None or (target and self.known.task == "regression"):
            return False
        if not coded(cells, _LABEL if target else CODE):
            return not (target and whole) and merged(cells)
        if not target:
            return True
        values = pc.cast(pc.drop_null(cells), pa.float64()).to_numpy()
        return self.known.task is not None or task_of(values) == "classification"

    def _long(self, name: str, numbers: pa.ChunkedArray) -> bool:
        """Tell whether integers of a feature are names, as float64 makes different ones equal."""
        feature = self.known.numbers is None and name not in {*self.known.aside, self.known.target}
        return feature and pa.types.is_integer(numbers.type) and merged(numbers)

    def _mark(
        self, table: pa.Table, found: dict[str, Any], written: dict[str, Written]
    ) -> str | None:
        """Return the decimal mark of all columns that certainly have one; None if they differ."""
        marks = {each.cells.decimal for each in written.values()} - {None}
        if not any(each.cells.numbers for each in written.values()):
            return None
        texts = (n for n in found if pa.types.is_string(table[n].type))
        floats = (n for n in texts if getattr(found[n], "dtype", None) == np.float64)
        dotted = self._dotted or any(any_of(pc.match_substring(table[n], ".")) for n in floats)
        if "." in marks or dotted:
            marks.add(".")
        return marks.pop() if len(marks) == 1 else None

    def _written(self, name: str, each: Written, mark: str | None) -> Any:
        """Convert cells with words or marks in them."""
        cells = each.cells
        words = [word for word in cells.words if word not in MISSING]
        if not self._number(name, each, words):
            return text_of(each.array)
        notation = self._notation(name, cells, mark)
        if notation is None:
            return text_of(each.array)
        values = each.values(notation)
        if self.known.numbers is None and each.merged(values):
            return text_of(each.array)
        if words:
            self.missing[name] = tuple(sorted(words))
        if notation != Notation():
            self.notations[name] = notation
        if self.known.numbers is not None:
            self._check_sign(name, cells.sign)
        return self._unmarked(values)

    def _check_sign(self, name: str, sign: str | None) -> None:
        """Note a column whose numbers have another unit than the model or the first file knows."""
        if self.known.numbers is None or name not in self.known.numbers:
            return
        before = self.known.dialect.notations.get(name, Notation()).sign
        if sign is not None and not same_unit(before, sign):
            self.problems[name] = (
                f"column {name!r} has numbers {signed(sign)}, and {signed(before)} in the data "
                "set: write both alike"
            )

    def _number(self, name: str, each: Written, words: list[str]) -> bool:
        """Tell whether a column holds numbers; note what is wrong with it."""
        if not words or (self.known.numbers is None and not each.cells.numbers):
            return bool(each.cells.numbers)
        if self.known.numbers is not None:
            allowed: Collection[str] = self.known.dialect.missing.get(name, ())
        else:
            allowed = MARKERS
        wrong = [word for word in words if word not in allowed]
        if not wrong:
            return True
        at, numbers = each.rows_of(wrong), each.rows_of(each.cells.numbers)
        varied = len(each.cells.numbers)
        if self.known.numbers is not None or mistaken(len(at), len(wrong), len(numbers), varied):
            more = f" (in {len(at)} rows in total)" if len(at) > 1 else ""
            self.problems[name] = (
                f"row {self.index[at[0]]}: column {name!r} holds numbers, but here "
                f"{each.shown(at[0])!r}{more}"
            )
        return False

    def _notation(self, name: str, cells: Cells, mark: str | None) -> Notation | None:
        """Choose how the numbers of a column are written; note if that is not certain."""
        before = self.known.dialect.notations.get(name)
        numbers = cells.numbers.values()
        if before is not None and all(value_of(each, before) is not None for each in numbers):
            return before
        given, thousands = self.known.decimal(name), self.known.keys.thousands
        if given is not None or thousands is not None:
            found = cells.notation(given, thousands)
        else:
            found = cells.notation(mark, None) or cells.notation(None, None)
        if found is None:
            self.problems[name] = f"column {name!r} {unclear(cells)}"
        return found


def _simple(cell: str) -> bool:
    return all(char in "0123456789.-+eE" for char in cell)


def _indexed(column: Any, index: pd.Index[Any]) -> pd.Series[Any]:
    return column if isinstance(column, pd.Series) else pd.Series(column, index=index)


def _told(problems: list[str]) -> str:
    """Return one line about all columns with problems."""
    shown = "; ".join(problems)
    words = any(", but here" in each for each in problems)
    remedy = ": correct it, leave the cell empty, or name the word in data.missing"
    return shown + (remedy if words else "")
