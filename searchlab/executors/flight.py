"""A job that is in flight in fused training, at whatever host."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field

from searchlab.core.space import Scalar
from searchlab.core.trial import Failure
from searchlab.executors.order import JobEvents
from searchlab.training.job import CheckJob, Job

_ALIKE = 16  # whole numbers that differ by less are alike; widths are padded to multiples of it


@dataclass(eq=False)
class Flight:
    """A job that is in flight.

    Attributes:
        job: the job.
        events: what has come of it.
        id: of its latest submission to a host.
        received: the reports of that submission, also those that an earlier one had made.
        deaths: how many hosts have died under it with nobody else to blame.
        losses: how many machines it has been lost with.
        since: when its training began, or before that, when its model began to be built.
        began: whether the training has begun.
        reason: why it is trained by itself, if it is.
        kin: what its params have in common with those of jobs that may share its programs.
    """

    job: Job
    events: JobEvents = field(init=False)
    id: int = -1
    received: int = 0
    deaths: int = 0
    losses: int = 0
    since: float = field(default_factory=time.monotonic)
    began: bool = False
    reason: str | None = None
    kin: Hashable = field(init=False)

    def __post_init__(self) -> None:
        self.events = JobEvents(self.job.number, self.job.start)
        params = {} if isinstance(self.job, CheckJob) else self.job.trial.suggestion.params
        self.kin = tuple(sorted(_kin(params)))

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self.since

    def note(self, began: bool) -> None:
        """Notes the time at which its model is built or its training begins, the first time."""
        if not self.began:
            self.since, self.began = time.monotonic(), began

    def fail(self, failure: Failure) -> None:
        """Ends it as the death of its host does."""
        self.events.end(self.job.gives.failed(self.job.number, failure, self.seconds))


def _kin(params: Mapping[str, Scalar]) -> Iterator[tuple[str, str]]:
    """What makes two trials' models alike: names, and whole numbers in steps; floats do not."""
    for name, value in params.items():
        if isinstance(value, int) and not isinstance(value, bool):
            yield name, str(value if value < _ALIKE // 2 else -(-value // _ALIKE))
        elif not isinstance(value, float):
            yield name, str(value)
