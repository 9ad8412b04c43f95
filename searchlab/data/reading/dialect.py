"""Dialects of text files: separators, encodings, and the notation of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Notation:
    """A way to write numbers.

    Attributes:
        decimal: the mark before the fraction.
        thousands: the mark between groups of three digits; "" for none.
        sign: "%", or the currency; "" for none. It is left out: 45 % is read as 45.
    """

    decimal: str = "."
    thousands: str = ""
    sign: str = ""

    def __str__(self) -> str:
        parts = [] if self.decimal == "." else [f"decimals {self.decimal!r}"]
        parts += [f"thousands {self.thousands!r}"] if self.thousands else []
        return ", ".join([*parts, *([f"sign {self.sign!r}"] if self.sign else [])])


@dataclass(frozen=True)
class Dialect:
    """The way that a text file writes a table, given by the study or found out by looking.

    Attributes:
        separator: the mark between cells.
        encoding: Python's name of the encoding.
        header: whether the first row names the columns; else they are column_1, column_2, ...
        comment: the mark that begins lines of comments; "" for none.
        notations: how numbers are written, by column, where it is not as in 1234.5.
        missing: the marks that were read as a missing number, by column.
        powers: a cell such as 1e5 of each column whose others are whole numbers.
    """

    separator: str = ","
    encoding: str = "utf-8"
    header: bool = True
    comment: str = ""
    notations: Mapping[str, Notation] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    powers: Mapping[str, str] = field(default_factory=dict)

    def described(self) -> Iterator[str]:
        """Yield in a few words each way in which the file differs from the simplest one."""
        if self.separator != ",":
            yield f"cells separated by {NAMES.get(self.separator, repr(self.separator))}"
        if self.encoding != "utf-8":
            yield f"encoding {self.encoding}"
        if not self.header:
            yield "no row of names"
        if self.comment:
            yield f"lines that begin with {self.comment!r} left out"
        for column, notation in self.notations.items():
            yield f"numbers of {column!r} with {notation}"
        for column, marks in self.missing.items():
            yield f"{', '.join(map(repr, marks))} in {column!r} read as missing"
        for column, cell in self.powers.items():
            yield (
                f"{cell!r} in {column!r} read as {float(cell):g} (if it is a code, say kinds: "
                f"{{{column}: category}})"
            )


NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
"""The usual separators in words."""
