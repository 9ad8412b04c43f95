"""The study that a tracker follows: its destination, its directory and its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from searchlab.tracking.base import Render


@dataclass(frozen=True)
class TrackedStudy:
    """A study on its way into a store.

    Attributes:
        uri: the tracking URI, with its password.
        directory: the study's directory, to which the model's path is relative.
        render: makes the report that the study's run gets when a process leaves the study; None
            for no report.
    """

    uri: str
    directory: Path
    render: Render | None
