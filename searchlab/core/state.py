"""The state of a study."""

from __future__ import annotations

from enum import StrEnum


class StudyState(StrEnum):
    """The state in which the last process left a study; RUNNING if none has left it."""

    RUNNING = "running"
    """A process runs it, or died while running it."""
    FINISHED = "finished"
    FAILED = "failed"
    """No trial completed, or a trial's failure ended the study under `on_failure: stop`."""
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Whether the study ended by itself, within its budget at that time."""
        return self in (StudyState.FINISHED, StudyState.FAILED)
