"""The keys of a data set's columns: their kinds and how each kind becomes numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Tag

from searchlab.core.nearest import did_you_mean
from searchlab.study.fields import Part, name_or_group
from searchlab.study.sought import OrSought

KINDS = ("number", "boolean", "category", "text", "date", "ignore")
"""The kinds that a study can give a column, besides the format of its dates."""

SCALES = ("standard", "minmax", "robust", "quantile", "none")
"""The scales of numbers, besides a transformer of the user's."""


def _one_of(known: tuple[str, ...], sign: str, other: str) -> Callable[[str], str]:
    """Return a check that a text is known, or has a sign that it is something else."""

    def check(value: str) -> str:
        if value in known or sign in value:
            return value
        hint = did_you_mean(value, known, "")
        one = f"must be one of {', '.join(known)}, or {other}"
        raise ValueError(f"{one}; {hint}" if hint else one)

    return check


KindName = Annotated[
    str, AfterValidator(_one_of(KINDS, "%", "the format of dates, such as '%d/%m/%Y'"))
]

Scale = Annotated[
    str,
    AfterValidator(_one_of(SCALES, ":", "a transformer of your own, such as my.py:Transformer")),
]


TARGET_SCALES = ("auto", "none", "standard", "log1p", "quantile")
"""The transformations of a target, besides a transformer of the user's."""

TargetScale = Annotated[
    str,
    AfterValidator(
        _one_of(TARGET_SCALES, ":", "a transformer of your own, such as my.py:Transformer")
    ),
]


def _rising(value: tuple[int, int]) -> tuple[int, int]:
    if value[0] > value[1]:
        raise ValueError(f"must be the least and the largest number, such as [1, {value[0]}]")
    return value


_Count = Annotated[int, Field(ge=1, le=10)]
_NGrams = Annotated[tuple[_Count, _Count], AfterValidator(_rising)]


class TextSpec(Part):
    """The conversion of longer text to numbers, by tf-idf.

    Attributes:
        by: the pieces that are counted, `words`, or `characters` within words.
        n_grams: the least and the largest number of pieces in a row that count as one.
        size: the number of pieces kept, the most frequent ones.
    """

    by: OrSought[Literal["words", "characters"]] = "words"
    n_grams: OrSought[_NGrams] = (1, 1)
    size: OrSought[Annotated[int, Field(ge=1, le=100_000)]] = 200


Text = Annotated[
    Annotated[Literal["raw"], Tag("<name>")] | Annotated[TextSpec, Tag("<group>")],
    name_or_group(TextSpec, "must be raw, or a group such as {by: words, n_grams: [1, 2]}"),
]
"""The treatment of longer text: numbers, or nothing for a model that takes text."""
