"""What an executor and a host of fused programs say to each other. Light: imports no Keras.

Every submission has an id of its own, so that what a host still says of one that was dropped is
told apart from the next attempt at the same trial.
"""

from __future__ import annotations

from dataclasses import dataclass

from searchlab.core.trial import Report
from searchlab.training.job import Job, Result


@dataclass(frozen=True)
class Submit:
    """To the host: run this job. Answered by `Building`, then `Declined` or what comes of it."""

    id: int
    job: Job


@dataclass(frozen=True)
class Decided:
    """To the host: so many reports of a synchronous job have been answered CONTINUE.

    Attributes:
        id: of the submission.
        reports: how many, from the job's first on, over all folds.
    """

    id: int
    reports: int


@dataclass(frozen=True)
class Drop:
    """To the host: forget this submission; nothing more need be said of it."""

    id: int


@dataclass(frozen=True)
class Building:
    """From the host: the user's factory is called now. If the host dies here, this is why."""

    id: int


@dataclass(frozen=True)
class Built:
    """From the host: the factory has returned, or raised."""

    id: int


@dataclass(frozen=True)
class Began:
    """From the host: there is a program for the model, and its training begins."""

    id: int


@dataclass(frozen=True)
class Epoch:
    """From the host: one epoch of one fold has ended.

    Attributes:
        id: of the submission.
        report: what the epoch came to; reports come in order of fold and epoch.
        last: whether nothing but the result follows, unless the answer is not CONTINUE.
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
    """From the host: the trial's model cannot be stacked; train it the ordinary way.

    Attributes:
        id: of the submission.
        reason: why, in a few words for the user.
    """

    id: int
    reason: str


@dataclass(frozen=True)
class Worn:
    """From the host: it has compiled so many programs that a fresh one should take new jobs."""


ToHost = Submit | Decided | Drop
FromHost = Building | Built | Began | Epoch | Ended | Declined | Worn
