"""The alias given to a version of a registered model, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_BETWEEN = ": "


class Alias(StrEnum):
    """The aliases that searchlab sets."""

    CHAMPION = "champion"
    """The version with the best confirmed score on its data, or the one promoted since."""
    CANDIDATE = "candidate"
    """The latest version that did not take the champion's place."""


@dataclass(frozen=True)
class Verdict:
    """The alias given to a new version, with the reason.

    Attributes:
        alias: the alias.
        reason: one line, such as "0.281 beats 0.290 of version 2".
    """

    alias: Alias
    reason: str

    def __str__(self) -> str:
        """Return the verdict as text for people in MLflow, which `read` parses."""
        return f"{self.alias}{_BETWEEN}{self.reason}"

    @classmethod
    def read(cls, text: str) -> Verdict | None:
        """Parse a verdict from text; return None if the text is none."""
        alias, between, reason = text.partition(_BETWEEN)
        return cls(Alias(alias), reason) if between and alias in set(Alias) else None
