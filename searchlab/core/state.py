"""Where a study is in its life."""

from __future__ import annotations

from enum import StrEnum


class StudyState(StrEnum):
    """How the last process left a study, or that none has left it."""

    RUNNING = "running"
    """A process is at it, or died at it."""
    FINISHED = "finished"
    FAILED = "failed"
    """No trial completed, or a trial's failure ended the study as `on_failure: stop` wants."""
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Whether the study came to its own end, within the budget that it had then."""
        return self in (StudyState.FINISHED, StudyState.FAILED)
