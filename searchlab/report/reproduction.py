"""A trial beside its reproduction, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from searchlab.core.trial import FailureKind, Outcome


@dataclass(frozen=True)
class Reproduction:
    """The result of training a trial again.

    Attributes:
        study: the study's name.
        recorded: the recorded outcome.
        again: the new outcome.
        versions: the libraries whose versions differ: the recorded one and the present one; None
            where it was or is not installed.
    """

    study: str
    recorded: Outcome
    again: Outcome
    versions: dict[str, tuple[str | None, str | None]]

    @property
    def same(self) -> bool:
        """Return whether both are equal: values to the last bit, or failures of one type."""
        one, other = self.recorded, self.again
        if one.error is not None or other.error is not None:
            return _kind(one) == _kind(other)
        return (one.state, one.value) == (other.state, other.value)

    @property
    def difference(self) -> float | None:
        """Return by how much the value has grown, or None if one of the two has no value."""
        if self.recorded.value is None or self.again.value is None:
            return None
        return self.again.value - self.recorded.value

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values for JSON."""
        return {
            "name": self.study,
            "trial": self.recorded.number,
            "recorded": _plain(self.recorded),
            "again": _plain(self.again),
            "same": self.same,
            "difference": self.difference,
            "versions": {name: list(pair) for name, pair in self.versions.items()},
        }

    def lines(self) -> Iterator[str]:
        """Yield the lines for people."""
        yield f"trial {self.recorded.number} of study {self.study}"
        yield f"  recorded  {_shown(self.recorded)}"
        yield f"  again     {_shown(self.again)}"
        yield f"  result    {self._verdict()}"
        for number, (name, (then, now)) in enumerate(self.versions.items()):
            label = "" if number else "versions"
            yield f"  {label:8}  {name} was {then or 'missing'}, is {now or 'missing'}"

    def _verdict(self) -> str:
        error = self.again.error
        if self.same:
            return "same" if error is None else f"same, fails again: {error.type}"
        if self.difference:
            return f"not the same: differs by {abs(self.difference):.3g}"
        return "not the same" if error is None else f"not the same: fails now: {error.type}"


def _kind(outcome: Outcome) -> tuple[FailureKind, str] | None:
    return None if outcome.error is None else (outcome.error.kind, outcome.error.type)


def _plain(outcome: Outcome) -> dict[str, Any]:
    error = None if outcome.error is None else f"{outcome.error.type}: {outcome.error.message}"
    return {"state": str(outcome.state), "value": outcome.value, "error": error}


def _shown(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f"{outcome.state}  {outcome.error.type}: {outcome.error.message}"
    return f"{outcome.state}  {outcome.value!r}"
