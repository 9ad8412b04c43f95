"""Findings: what a good analyst would warn of before training on a data set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A likely mistake in the data or in the way that a study uses them.

    Attributes:
        code: the kind of finding, in words joined by dashes, such as "constant".
        columns: the columns that it is about; empty if about all rows.
        message: what is wrong, where, and the remedy, in one line.
    """

    code: str
    columns: tuple[str, ...]
    message: str
