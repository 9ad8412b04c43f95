"""The columns of a data set as searchlab understood them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column of the data set, or one of its arrays.

    Attributes:
        name: its name in the data set.
        role: its use: "feature", "target", "weight", or another that a key of `data` gives it.
        kind: the kind of its values, such as "number".
        why: what the kind was told by, in a few words.
        treatment: what is done with it before the model sees it, in a few words.
        missing: the number of rows without a value.
        distinct: the number of different values.
        examples: a few of its values, as text.
    """

    name: str
    role: str
    kind: str
    why: str
    treatment: str
    missing: int
    distinct: int
    examples: tuple[str, ...]
