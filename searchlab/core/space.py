"""The search space: named params and the values that each may take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from searchlab.core.domains import Choice, Domain, Int, Params, Scalar, When
from searchlab.core.nearest import did_you_mean


@dataclass(frozen=True)
class SearchSpace:
    """Named params in the order of the study file.

    Raises:
        ValueError: if a condition names a param that does not come earlier, or a value that
            this param never takes.
    """

    domains: Mapping[str, Domain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seen: dict[str, Domain] = {}
        for name, domain in self.domains.items():
            if domain.when is not None:
                check_condition(name, domain.when, seen, self.domains)
            seen[name] = domain

    def __iter__(self) -> Iterator[tuple[str, Domain]]:
        return iter(self.domains.items())

    @property
    def conditional(self) -> bool:
        """Whether any param depends on another."""
        return any(domain.when is not None for _, domain in self)

    @property
    def count(self) -> int | None:
        """The number of points, ignoring conditions; None if it is infinite."""
        counts = [domain.count for _, domain in self]
        return None if None in counts else math.prod(count or 1 for count in counts)

    def active(self, params: Params) -> dict[str, Scalar]:
        """Return the active ones of some params, in the order of the space."""
        chosen: dict[str, Scalar] = {}
        for name, domain in self:
            if name in params and (domain.when is None or domain.when.holds(chosen)):
                chosen[name] = params[name]
        return chosen

    def contains(self, params: Params) -> bool:
        """Return whether `params` is a point of this space: all active params and no others."""
        expected = {
            name for name, domain in self if domain.when is None or domain.when.holds(params)
        }
        return set(params) == expected and all(
            self.domains[name].contains(value) for name, value in params.items()
        )


def identity(params: Params) -> frozenset[tuple[str, type, Scalar]]:
    """Return a hashable key; equal only for identical points (1, 1.0 and True differ)."""
    return frozenset((name, type(value), value) for name, value in params.items())


def check_condition(
    name: str, when: When, earlier: Mapping[str, Domain], known: Iterable[str]
) -> None:
    """Refuse a condition that cannot be evaluated or is never met.

    Args:
        name: the conditional param.
        when: its condition.
        earlier: the params that come before it.
        known: the names of all params of the space.

    Raises:
        ValueError: with the reason and the remedy.
    """
    other = when.param
    if other == name:
        raise ValueError(f"{name} depends on itself: name another param of the space")
    if other not in earlier:
        if other in known:
            raise ValueError(f"{name} depends on {other}, which comes below it: move it above")
        hint = did_you_mean(other, earlier, "name one that comes above it")
        raise ValueError(f"{name} depends on {other!r}, which is not a param of the space: {hint}")
    domain = earlier[other]
    for value in when.values:
        if not domain.contains(value):
            raise ValueError(
                f"{name} depends on {other} being {value!r}, which it never is: use its own "
                f"values, {_described(domain)}"
            )


def _described(domain: Domain) -> str:
    if isinstance(domain, Choice):
        return ", ".join(map(repr, domain.values[:10])) + (", ..." if domain.values[10:] else "")
    kind = "whole numbers" if isinstance(domain, Int) else "numbers with a point"
    return f"{kind} from {domain.low} to {domain.high}"
