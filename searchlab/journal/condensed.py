"""A study's record without the trials that nothing is asked of any more, small enough to keep.

It continues with the entries that follow, as the whole record does, and gives the same totals, best
trials and results; only of its other trials it knows no more than how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from searchlab.core.trial import Outcome, Trial
from searchlab.journal.events import Compared, Confirmed, Resumed, Started, Stopped


@dataclass(frozen=True)
class CondensedTrial:
    """A trial that is open, or among the best.

    Attributes:
        trial: number, suggestion and seed.
        started: the start of its latest training, in seconds since the epoch.
        reports: the number of its epochs so far.
        outcome: its outcome, or None before its end.
    """

    trial: Trial
    started: float
    reports: int
    outcome: Outcome | None


@dataclass(frozen=True)
class Condensed:
    """A study's record in little; see `record.StudyRecord` for what is not described here.

    Attributes:
        trials: the open trials, and the best ones.
        left_out: the number of all others.
        states: the number of ended trials by state.
        epochs: model-epochs of ended trials.
        seconds: of the processes that have left the study.
        since: when the present process took it up, or None if none has.
        latest: the time of the last entry.
    """

    started: Started
    budget: Resumed | None
    stopped: Stopped | None
    best: int | None
    trials: tuple[CondensedTrial, ...]
    left_out: int
    states: Mapping[str, int]
    epochs: int
    seconds: float
    since: float | None
    latest: float
    confirmations: tuple[Confirmed, ...]
    baselines: tuple[Compared, ...]
