"""A job in flight in fused training, independent of its host."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field

from searchlab.core.domains import Scalar
from searchlab.core.trial import Failure
from searchlab.executors.order import JobEvents
from searchlab.training.job import CheckJob, Job

_ALIKE = 16  # integers that differ by less are similar; widths are padded to multiples of it


@dataclass(eq=False)
class Flight:
    """A job in flight.

    Attributes:
        job: the job.
        events: its reports and result so far.
        id: the id of its latest submission to a host.
        received: the reports of that submission, including those made by an earlier one.
        deaths: number of hosts that died under it with no other job to blame.
        losses: number of machines that were lost with it.
        since: the time when its training began or, before that, when its model began to be built.
        began: whether the training has begun.
        waiting: whether its host has built its model, and not yet come to its program.
        reason: the reason why it is trained alone, if it is.
        kin: the part of its params that it shares with jobs that can share its programs.
    """

    job: Job
    events: JobEvents = field(init=False)
    id: int = -1
    received: int = 0
    deaths: int = 0
    losses: int = 0
    since: float = field(default_factory=time.monotonic)
    began: bool = False
    waiting: bool = False
    reason: str | None = None
    kin: Hashable = field(init=False)

    def __post_init__(self) -> None:
        self.events = JobEvents(self.job.number, self.job.start)
        params = {} if isinstance(self.job, CheckJob) else self.job.trial.suggestion.params
        self.kin = tuple(sorted(_kin(params)))

    @property
    def seconds(self) -> float:
        """Its duration so far."""
        return time.monotonic() - self.since

    def note(self, began: bool) -> None:
        """Record, the first time, when its model is built or its training begins."""
        if not self.began:
            self.since, self.began = time.monotonic(), began

    def fail(self, failure: Failure) -> None:
        """End the flight with the failure of its host."""
        self.events.end(self.job.gives.failed(self.job.number, failure, self.seconds))


def _kin(params: Mapping[str, Scalar]) -> Iterator[tuple[str, str]]:
    """Yield the params that make models similar: names, and integers in steps, but not floats."""
    for name, value in params.items():
        if isinstance(value, int) and not isinstance(value, bool):
            yield name, str(value if value < _ALIKE // 2 else -(-value // _ALIKE))
        elif not isinstance(value, float):
            yield name, str(value)
