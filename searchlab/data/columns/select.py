"""The selection of features among the columns of a table, by name or pattern."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from searchlab.core.nearest import nearest
from searchlab.data.columns.kinds import wanted_kind
from searchlab.errors import DataError
from searchlab.study.data import DataSpec

_SHOWN = 10


def is_pattern(name: str) -> bool:
    """Return whether a name in a study may stand for others."""
    return any(sign in name for sign in "*?[")


def matching(names: Iterable[str], pattern: str) -> list[str]:
    """Return the names that are equal to a pattern, or that it fits as a shell's patterns do."""
    known = list(names)
    return [pattern] if pattern in known else [n for n in known if fnmatchcase(n, pattern)]


def select_features(names: Sequence[str], roles: Iterable[str], spec: DataSpec) -> list[str]:
    """Return the columns to learn from, in the order of the table.

    Args:
        names: all columns.
        roles: those that have another role, such as the target.
        spec: the study's keys.

    Raises:
        DataError: if a name or pattern of the study fits no column, or nothing is left.
    """
    for key in ("features", "drop", "kinds"):
        for pattern in getattr(spec, key) or ():
            if not matching(names, pattern):
                raise DataError(f"no column {pattern!r}{hint(pattern, names)}: correct data.{key}")
    wanted = names if spec.features is None else _all(names, spec.features)
    dropped = {*roles, *_all(names, spec.drop)}
    chosen = set(wanted) - dropped
    left = [name for name in names if name in chosen]
    left = [name for name in left if wanted_kind(name, spec.kinds) != "ignore"]
    if not left:
        timed = spec.set_apart is not None and spec.split is not None and spec.split.by is not None
        more = f", or name {spec.set_apart!r} in data.features to learn from it" if timed else ""
        raise DataError(f"no columns are left to learn from: drop fewer{more}")
    return left


def _all(names: Sequence[str], patterns: Iterable[str]) -> list[str]:
    return [name for pattern in patterns for name in matching(names, pattern)]


def hint(name: str, names: Sequence[str]) -> str:
    """Return the column that was probably meant, or the columns there are, for a message."""
    close = nearest(name, names)
    if close:
        return f"; did you mean {close[0]!r}?"
    more = ", ..." if len(names) > _SHOWN else ""
    return f"; the columns are {', '.join(map(repr, names[:_SHOWN]))}{more}"
