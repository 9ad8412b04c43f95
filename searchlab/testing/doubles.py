"""Small studies, and executors that run a formula in place of trainings."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import fields
from typing import Any, ClassVar, TypeVar

from searchlab.core.trial import Decision, Outcome, Report, Trial, TrialState
from searchlab.executors.base import Decide
from searchlab.study.spec import StudySpec
from searchlab.training.job import (
    BaselineJob,
    Checked,
    CheckJob,
    Job,
    Made,
    Measured,
    RefitJob,
    Result,
    TrainingJob,
    TrialJob,
)
from searchlab.training.outcome import failed

AnyJob = TypeVar("AnyJob", bound=Job)

STUDY_SPACE = {
    "n_hidden": {"int": [0, 3]},
    "n_neurons": {"int": [1, 100]},
    "learning_rate": {"float": [3e-4, 3e-2], "log": True},
}


def study(**changes: Any) -> StudySpec:
    """Return a small study; `changes` are parts of its file, such as search={"trials": 3}."""
    values: dict[str, Any] = {
        "name": "small",
        "data": {"dataset": "iris"},
        "space": STUDY_SPACE,
        "training": {"epochs": 9},
        "evaluation": {"holdout": 0.2},
    }
    return StudySpec.from_dict({**values, **changes})


def bowl(trial: Trial, epoch: int) -> float:
    """Return a smooth objective on `STUDY_SPACE` with one minimum; it falls with the epochs."""
    rate = float(trial.suggestion.params["learning_rate"] or 0)
    neurons = float(trial.suggestion.params["n_neurons"] or 0)
    return math.log10(rate / 1e-2) ** 2 + (neurons - 60) ** 2 / 1e4 + 1 / epoch


def as_job(kind: type[AnyJob], job: Job, **changes: Any) -> AnyJob:
    """Return a job of another kind that shares with a given one what both kinds have."""
    names = {each.name for each in fields(kind)} & {each.name for each in fields(job)}
    return kind(**{**{name: getattr(job, name) for name in names}, **changes})


class TrivialExecutor:
    """Runs a formula in place of a training: an epoch of each running trial at each poll.

    Attributes:
        submitted: the numbers of all jobs so far, in order.
    """

    enforces_limits: ClassVar[bool] = False
    counts_resources: ClassVar[bool] = False

    def __init__(self, workers: int, value: Callable[[Trial, int], float] = bowl) -> None:
        self._workers, self._value = workers, value
        self._jobs: deque[Job] = deque()
        self._epochs: dict[int, int] = {}
        self.submitted: list[int] = []

    @property
    def free(self) -> int:
        """Return how many more jobs can run at once."""
        return max(0, self._workers - len(self._jobs))

    @property
    def idle(self) -> bool:
        """Return whether no job is left."""
        return not self._jobs

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self.submitted.append(job.number)
        self._epochs.pop(job.number, None)  # a trial that is run again starts anew
        self._jobs.append(job)

    def poll(self, decide: Decide, timeout: float) -> list[Result]:
        """Run an epoch of each running trial."""
        outcomes = []
        for job in list(self._jobs)[: self._workers]:
            ended, outcome = self._epoch(job, decide)
            if ended:
                self._jobs.remove(job)
            if outcome is not None:
                outcomes.append(outcome)
        return outcomes

    def cancel(self, number: int) -> None:
        """Forget a job."""
        self._jobs = deque(job for job in self._jobs if job.number != number)

    def close(self) -> None:
        """Forget all jobs."""
        self._jobs.clear()

    def _done(self, job: TrainingJob) -> int:
        return self._epochs.get(job.number, job.trial.suggestion.initial_epoch)

    def _worth(self, job: TrainingJob, epoch: int) -> float:
        return self._value(job.trial, epoch)

    def _epoch(self, job: Job, decide: Decide) -> tuple[bool, Result | None]:
        """Run an epoch; return whether that was the job's last, and its result if it has one."""
        if isinstance(job, CheckJob | BaselineJob):
            return True, _short(job)
        number, suggestion = job.number, job.trial.suggestion
        epoch = self._done(job) + 1
        done = epoch - suggestion.initial_epoch
        metric = job.spec.objective.metric
        try:
            value = self._worth(job, epoch)
        except Exception as error:
            return True, failed(job, error)
        self._epochs[number] = epoch
        decision = decide(Report(number, 0, epoch, {metric: value}))
        if decision is Decision.ABANDON:
            return True, None
        if decision is Decision.STOP and isinstance(job, TrialJob):
            return True, Outcome(number, TrialState.PRUNED, value, epochs=done)
        if epoch < suggestion.epochs:
            return False, None
        return True, _whole(job, value, done)


def _short(job: CheckJob | BaselineJob) -> Result:
    """Return the result of a job without epochs."""
    if isinstance(job, CheckJob):
        return Checked(job.number)
    return Measured(job.number, {"loss": 1.0})


def _whole(job: TrainingJob, value: float, epochs: int) -> Result:
    """Return the result of a job that had all its epochs."""
    metrics = {job.spec.objective.metric: value}
    if isinstance(job, TrialJob):
        return Outcome(job.number, TrialState.COMPLETE, value, metrics, (value,), epochs)
    measured = job.measured if isinstance(job, RefitJob) else {}
    return Made(job.number, measured or metrics, epochs, "model.keras")


class LogicalExecutor(TrivialExecutor):
    """Delivers, of all running trials, the report or outcome of the smallest (time, trial) first.

    A trial's n-th report comes n after its job's start, its outcome with its last report. So
    the epoch after each report is run at once: it tells whether the outcome is next.
    """

    def __init__(self, workers: int, value: Callable[[Trial, int], float] = bowl) -> None:
        super().__init__(workers, value)
        self._ahead: dict[int, float] = {}
        self._results: dict[int, Result] = {}

    def submit(self, job: Job) -> None:
        """Queue a job, and run its first epoch."""
        super().submit(job)
        self._run_ahead(job)

    def poll(self, decide: Decide, timeout: float) -> list[Result]:
        """Deliver the next report or result."""
        if not self._jobs:
            return []
        job = min(self._jobs, key=self._next)
        if job.number in self._results:
            self._jobs.remove(job)
            return [self._results.pop(job.number)]
        ended, result = self._epoch(job, decide)
        if result is not None:
            self._results[job.number] = result
        elif ended:
            self._jobs.remove(job)
        else:
            self._run_ahead(job)
        return []

    def _next(self, job: Job) -> tuple[int, int]:
        reports = 0
        if not isinstance(job, CheckJob):
            reports = self._epochs.get(job.number, 0) - job.trial.suggestion.initial_epoch
        return job.start + max(0, reports) + (job.number not in self._results), job.number

    def _worth(self, job: TrainingJob, epoch: int) -> float:
        return self._ahead[job.number]

    def _run_ahead(self, job: Job) -> None:
        if isinstance(job, CheckJob | BaselineJob):
            self._results[job.number] = _short(job)
            return
        try:
            self._ahead[job.number] = self._value(job.trial, self._done(job) + 1)
        except Exception as error:
            self._results[job.number] = failed(job, error)
