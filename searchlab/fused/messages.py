"""The messages between an executor and a host of fused programs; importing this needs no Keras.

Every submission has its own id, so that a host's late messages about a dropped one are not mistaken
for those of the next attempt at the same trial.
"""

from __future__ import annotations

from dataclasses import dataclass

from searchlab.core.trial import Report
from searchlab.training.job import Job, Result


@dataclass(frozen=True)
class Submit:
    """To the host: run this job. Answered by `Building`, then `Declined` or the job's messages."""

    id: int
    job: Job


@dataclass(frozen=True)
class Decided:
    """To the host: this many reports of a synchronous job have been answered with CONTINUE.

    Attributes:
        id: the submission's id.
        reports: their number, counted from the job's first over all folds.
    """

    id: int
    reports: int


@dataclass(frozen=True)
class Drop:
    """To the host: forget this submission; no more messages about it are needed."""

    id: int


@dataclass(frozen=True)
class Building:
    """From the host: the user's factory is being called and to blame if the host dies now."""

    id: int


@dataclass(frozen=True)
class Built:
    """From the host: the factory has returned, or raised."""

    id: int


@dataclass(frozen=True)
class Began:
    """From the host: the model has a program, and its training begins."""

    id: int


@dataclass(frozen=True)
class Epoch:
    """From the host: one epoch of one fold has ended.

    Attributes:
        id: the submission's id.
        report: the epoch's report; reports come in order of fold and epoch.
        last: whether only the result follows, unless the answer is not CONTINUE.
    """

    id: int
    report: Report
    last: bool


@dataclass(frozen=True)
class Ended:
    """From the host: the job's result."""

    id: int
    result: Result


@dataclass(frozen=True)
class Declined:
    """From the host: the trial's model cannot be stacked and must be trained alone.

    Attributes:
        id: the submission's id.
        reason: the reason in a few words, for the user.
    """

    id: int
    reason: str


@dataclass(frozen=True)
class Worn:
    """From the host: it has compiled so many programs that a new host should take new jobs."""


ToHost = Submit | Decided | Drop
FromHost = Building | Built | Began | Epoch | Ended | Declined | Worn
