"""The keys of a study file that say how a data set's file writes a table."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from searchlab.study.fields import MisplacedError, Part, either

Mark = Literal[".", ","]
_Decimal = Annotated[
    Mark | dict[str, Mark],
    either('must be "." or ",", or a group with one of them for each column, as {area: ","}'),
]


class ReadingSpec(Part):
    """The way that a file writes a table; what is left out is found out by looking.

    Attributes:
        separator: the mark between the cells of a text file, such as ";" or a tab; " " for
            any number of spaces.
        decimal: the decimal mark of all columns, or of some by their name.
        thousands: the mark between groups of three digits; "" for none.
        encoding: the encoding of a text file, by Python's name; UTF-8, UTF-16 with a byte order
            mark, and Windows' cp1252 are recognised.
        header: whether the first row names the columns; if not, they are column_1, column_2, ...
        comment: what the lines that are no data begin with.
        missing: further cells that stand for a missing value in any column, such as -999.
        sheet: the sheet of an Excel file; the first by default.
    """

    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: _Decimal | None = None
    thousands: Literal[",", ".", " ", "'", ""] | None = None
    encoding: str | None = None
    header: bool | None = None
    comment: Annotated[str, Field(min_length=1, max_length=8)] | None = None
    missing: tuple[str | int | float, ...] = ()
    sheet: str | None = None

    @model_validator(mode="after")
    def _check_marks(self) -> Self:
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise MisplacedError(
                    ("encoding",), f"there is no encoding {self.encoding}: name one such as cp1252"
                ) from None
        if self.decimal is not None and self.decimal == self.thousands:
            raise MisplacedError(("thousands",), "is also the decimal mark: leave one of them out")
        return self
