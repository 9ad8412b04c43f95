"""The facts about a file's columns that are known before it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from searchlab.data.reading.dialect import Dialect, Notation
from searchlab.study.reading import ReadingSpec


@dataclass(frozen=True)
class Known:
    """The facts about columns that are known before a file is read.

    Attributes:
        keys: the study's keys about the file.
        names: columns that the file must have.
        text: the columns that stay text even if they look like numbers.
        kinds: the kinds that the study gives columns, by name or pattern.
        target: the target, in which words such as None are classes.
        task: the kind of target that the study gives, or None.
        aside: the columns that are not used, in which nothing is wrong.
        numbers: the columns of numbers, where a model knows them; None if that is to be found out.
        truths: those of them that are true or false.
        dialect: that of the data set which the model was trained on.
    """

    keys: ReadingSpec = field(default_factory=ReadingSpec)
    names: tuple[str, ...] = ()
    text: frozenset[str] = frozenset()
    kinds: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    task: str | None = None
    aside: frozenset[str] = frozenset()
    numbers: frozenset[str] | None = None
    truths: frozenset[str] = frozenset()
    dialect: Dialect = field(default_factory=Dialect)

    def decimal(self, name: str) -> str | None:
        """Return the decimal mark that the study gives for a column, or None."""
        given = self.keys.decimal
        return given.get(name) if isinstance(given, dict) else given

    def plain(self, name: str) -> bool:
        """Return whether nothing says that a column has another notation than 1234.5."""
        notation = self.dialect.notations.get(name, Notation())
        plain = notation.decimal == "." and notation.thousands != "."
        return plain and self.decimal(name) != "," and self.keys.thousands != "."
