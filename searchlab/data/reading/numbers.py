"""Numbers as people write them: decimal commas, thousands, percent and currency signs.

A mark is taken for what it can only be: 7,4 has a decimal comma, 1,234,567 has none. Where every
number of a column can be read in two ways, such as 1,234, the other columns decide if they agree,
and else nobody does: the column is refused with the key that would tell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from searchlab.data.reading.dialect import Notation

MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"}
    | {"<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
)
"""Cells without a value in any column of features, as pandas has them."""

MARKERS = frozenset(
    {"?", "-", "--", "---", ".", "..", "*", "/", "\u2013", "\u2014", "n.a.", "N.A.", "na", "none"}
    | {"NONE", "Null", "Nan", "NAN", "N/a", "missing", "Missing", "MISSING", "unknown", "Unknown"}
    | {"#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?", "#NULL!", "(null)", "\\N", "nil", "NIL"}
)
"""Words that are a missing value where all other cells of a column are numbers."""

_CURRENCY = (
    "[$\u00a2\u00a3\u00a5\u20a0-\u20bf]|US\\$|R\\$|USD|EUR|GBP|JPY|CHF|CNY|INR|CAD|AUD|BRL|SEK|NOK|DKK"
    "|PLN|CZK|kr|z\u0142"
)
_SPACES = " \u00a0\u2009\u202f"
_SHAPE = re.compile(
    rf"(?P<open>\()?(?P<minus>[+\-\u2212]?)\s?(?P<before>{_CURRENCY})?\s?(?P<inner>[+\-\u2212]?)"
    rf"(?P<digits>[\d.,'\u2019{_SPACES}]*\d[.,]?(?:[eE][+-]?\d+)?)"
    rf"\s?(?P<after>%|{_CURRENCY})?(?P<close>\))?"
)
_FEW = 3  # different words at most, to be taken for mistakes where most cells are numbers
_VARIED = 10  # different numbers at least, for the same
_MISTAKES = 10  # one word in so many cells, or fewer, is taken for a mistake in any case
_GROUP = 3  # digits between the marks of thousands
_TWO = 2


def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    group = {" ": f"[{_SPACES}]", "'": "['\u2019]"}.get(thousands, re.escape(thousands))
    mark = re.escape(decimal)
    grouped = rf"|[1-9]\d{{0,2}}(?:{group}\d{{3}})+" if thousands else ""
    return re.compile(rf"(?:(?:\d+{grouped})(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?")


_WAYS = [(".", ""), (".", ","), (".", " "), (".", "'"), (",", ""), (",", "."), (",", " ")]
_WAYS += [(",", "'")]
_PATTERNS = {way: _pattern(*way) for way in _WAYS}


@dataclass(frozen=True)
class Number:
    """A cell that looks like a number.

    Attributes:
        digits: digits and marks, without signs.
        negative: whether it is below zero.
        sign: "%", a currency, or "".
    """

    digits: str
    negative: bool
    sign: str


def parsed(cell: str) -> Number | None:
    """Split a cell into its signs and digits; None if it is no number."""
    found = _SHAPE.fullmatch(cell)
    if found is None:
        return None
    minus, inner, opened, closed = (found[name] for name in ("minus", "inner", "open", "close"))
    before, after = found["before"], found["after"]
    if (opened is None) != (closed is None) or (minus and inner) or (before and after):
        return None
    if not any(pattern.fullmatch(found["digits"]) for pattern in _PATTERNS.values()):
        return None  # such as 10.20.30.40, or 1-2-2024
    negative = opened is not None or (minus or inner) in {"-", "\u2212"}
    return Number(found["digits"], negative, before or after or "")


def value_of(number: Number, notation: Notation) -> float | None:
    """Return the value of a number in some notation; None if it does not fit."""
    if not _PATTERNS[notation.decimal, notation.thousands].fullmatch(number.digits):
        return None
    digits = re.sub(rf"['\u2019{_SPACES}]", "", number.digits)
    if notation.thousands in {".", ","}:
        digits = digits.replace(notation.thousands, "")
    value = float(digits.replace(notation.decimal, "."))
    return -value if number.negative else value


@dataclass(frozen=True)
class Cells:
    """The different cells of one column that are not missing.

    Attributes:
        numbers: those that look like numbers, by the cell.
        words: the others.
        ways: the pairs of decimal and thousands marks in which all the numbers can be read.
        sign: the sign of the numbers; None if they have different ones.
    """

    numbers: Mapping[str, Number]
    words: tuple[str, ...]
    ways: tuple[tuple[str, str], ...]
    sign: str | None

    @classmethod
    def of(cls, cells: Iterable[str]) -> Cells:
        """Look at cells."""
        numbers: dict[str, Number] = {}
        words: list[str] = []
        for cell in cells:
            number = parsed(cell)
            if number is None:
                words.append(cell)
            else:
                numbers[cell] = number
        digits = {number.digits for number in numbers.values()}
        ways = [w for w in _WAYS if all(_PATTERNS[w].fullmatch(each) for each in digits)]
        mark = _grouping(digits) if len({decimal for decimal, _ in ways}) == _TWO else None
        ways = [way for way in ways if way[0] != mark]
        return cls(numbers, tuple(words), tuple(ways), _one_sign(numbers.values()))

    @property
    def decimal(self) -> str | None:
        """The decimal mark where only one is possible and one is there; None if not."""
        if not any(mark in n.digits for n in self.numbers.values() for mark in ",."):
            return None
        marks = {decimal for decimal, _ in self.ways}
        return marks.pop() if len(marks) == 1 else None

    def notation(self, decimal: str | None, thousands: str | None) -> Notation | None:
        """Choose the notation, or None if two are possible.

        Args:
            decimal: the decimal mark that is known, or None.
            thousands: the thousands mark that is known, or None.
        """
        fits = [
            way
            for way in self.ways
            if way[0] == (decimal or way[0])
            and (thousands is None or (way[1] in {thousands, ""} and way[0] != thousands))
        ]
        marks = {mark for mark, _ in fits}
        commas = any("," in number.digits for number in self.numbers.values())
        if not fits or self.sign is None or (len(marks) == _TWO and commas):
            return None
        return Notation(*fits[0], self.sign)


def _grouping(digits: Collection[str]) -> str | None:
    """Return the mark in numbers such as 1,230 and 500 that can only be one between thousands.

    A decimal mark would be in all of them, or not be followed by a last zero.
    """
    marks = {mark for mark in ",." if any(mark in each for each in digits)}
    plain = [each for each in digits if each.isdigit()]
    if len(marks) != 1 or not plain or max(map(len, plain)) > _GROUP:
        return None
    mark = marks.pop()
    return mark if any(mark in each and each.endswith("0") for each in digits) else None


def _one_sign(numbers: Iterable[Number]) -> str | None:
    """Return the sign that all numbers have; a currency may be left out, percent may not."""
    signs = {number.sign for number in numbers}
    if signs == {"%"} or signs <= {""}:
        return "".join(signs)
    signs.discard("")
    return signs.pop() if len(signs) == 1 and "%" not in signs else None


def same_unit(one: str, other: str) -> bool:
    """Tell whether numbers with two signs can stand in one column: no sign may be a currency."""
    return one == other or ("" in {one, other} and "%" not in {one, other})


def signed(sign: str) -> str:
    """Return a sign in words."""
    return f"with {sign}" if sign else "without a sign"


def mistaken(words: int, different: int, numbers: int, varied: int) -> bool:
    """Tell whether the words among numbers are mistakes, not categories.

    Args:
        words: the number of cells with words.
        different: the number of different words.
        numbers: the number of cells with numbers.
        varied: the number of different numbers.
    """
    if words == 0 or numbers == 0:
        return False
    few = different <= _FEW and varied >= _VARIED and numbers >= words
    return few or _MISTAKES * words <= words + numbers


def markers(words: Sequence[str], known: Collection[str] = ()) -> bool:
    """Tell whether all words stand for a missing number."""
    return all(word in MARKERS or word in MISSING or word in known for word in words)
