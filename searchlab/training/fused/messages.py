"""What an executor and a host of fused programs say to each other. Light: imports no Keras."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Decided:
    """To the host: so many reports of a synchronous job have been answered CONTINUE.

    Attributes:
        number: the trial's number.
        reports: how many, from the job's first on, over all folds.
    """

    number: int
    reports: int


@dataclass(frozen=True)
class Drop:
    """To the host: forget this trial. Answered by `Dropped`."""

    number: int


@dataclass(frozen=True)
class Began:
    """From the host: the trial's training has begun; its time counts from now."""

    number: int


@dataclass(frozen=True)
class Declined:
    """From the host: the trial's model cannot be stacked; train it the ordinary way.

    Attributes:
        number: the trial's number.
        reason: why, in a few words for the user.
    """

    number: int
    reason: str


@dataclass(frozen=True)
class Dropped:
    """From the host: nothing more will be said of this trial until it is submitted again."""

    number: int


ToHost = Decided | Drop
FromHost = Began | Declined | Dropped
