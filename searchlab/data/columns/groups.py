"""The columns of each input of a model that has several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from searchlab.core.arrays import Inputs
from searchlab.data.columns.kinds import Kind
from searchlab.data.columns.select import hint, matching
from searchlab.errors import DataError

Groups = Mapping[str, tuple[str, ...]]
"""The names of the columns of each input, in order, by the input's name."""


def groups_of(wanted: Mapping[str, str | tuple[str, ...]], kinds: Mapping[str, Kind]) -> Groups:
    """Return the columns of each input.

    Args:
        wanted: `data.inputs` of the study: names, patterns or kinds by the input's name.
        kinds: the kind of each feature.

    Raises:
        DataError: if a name, pattern or kind fits no feature.
    """
    return {
        name: tuple(
            dict.fromkeys(
                column
                for pattern in ([patterns] if isinstance(patterns, str) else patterns)
                for column in _columns(name, pattern, kinds)
            )
        )
        for name, patterns in wanted.items()
    }


def _columns(name: str, pattern: str, kinds: Mapping[str, Kind]) -> list[str]:
    """Return the features that a name or pattern fits, or else those of a kind."""
    if found := matching(kinds, pattern):
        return found
    if pattern in get_args(Kind):
        if found := [column for column, kind in kinds.items() if kind == pattern]:
            return found
        raise DataError(
            f"no feature is a {pattern}: correct data.inputs.{name}, or give columns this kind in "
            "data.kinds"
        )
    raise DataError(
        f"no feature {pattern!r}{hint(pattern, list(kinds))}: correct data.inputs.{name}"
    )


def places_of(groups: Groups, sources: Sequence[str]) -> Inputs:
    """Return the places of each input's values in a row of a model's input.

    Args:
        groups: the columns of each input.
        sources: the column that each value of a row is made of.

    Raises:
        DataError: if that is unknown of some.
    """
    if "" in sources:
        raise DataError(
            "data.scale: the transformer makes more or fewer inputs than there are columns, and "
            "data.inputs needs to know of which column each is: make one of each"
        )
    return {
        name: tuple(
            place for column in columns for place, each in enumerate(sources) if each == column
        )
        for name, columns in groups.items()
    }
