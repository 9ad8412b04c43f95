"""Small studies, and executors that run a formula in place of trainings."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from searchlab.core.trial import Decision, Outcome, Report, Trial, TrialState
from searchlab.executors.base import Decide
from searchlab.study.spec import StudySpec
from searchlab.training.job import Job
from searchlab.training.outcome import failed

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


class TrivialExecutor:
    """Runs a formula in place of a training: an epoch of each running trial at each poll.

    Attributes:
        submitted: the trials of all jobs so far, in order.
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
        self.submitted.append(job.trial.number)
        self._epochs.pop(job.trial.number, None)  # a trial that is run again starts anew
        self._jobs.append(job)

    def poll(self, decide: Decide, timeout: float) -> list[Outcome]:
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
        """Forget the job of a trial."""
        self._jobs = deque(job for job in self._jobs if job.trial.number != number)

    def close(self) -> None:
        """Forget all jobs."""
        self._jobs.clear()

    def _done(self, job: Job) -> int:
        return self._epochs.get(job.trial.number, job.trial.suggestion.initial_epoch)

    def _epoch(self, job: Job, decide: Decide) -> tuple[bool, Outcome | None]:
        number, suggestion = job.trial.number, job.trial.suggestion
        epoch = self._done(job) + 1
        done = epoch - suggestion.initial_epoch
        metric = job.spec.objective.metric
        try:
            value = self._value(job.trial, epoch)
        except Exception as error:
            return True, failed(number, error)
        self._epochs[number] = epoch
        decision = decide(Report(number, 0, epoch, {metric: value}))
        if decision is Decision.ABANDON:
            return True, None
        if decision is Decision.STOP:
            return True, Outcome(number, TrialState.PRUNED, value, epochs=done)
        if epoch < suggestion.epochs:
            return False, None
        metrics = {metric: value}
        return True, Outcome(number, TrialState.COMPLETE, value, metrics, (value,), done)


class LogicalExecutor(TrivialExecutor):
    """Delivers, of all running trials, the report or outcome of the smallest (time, trial) first.

    A trial's n-th report comes n after its job's start, its outcome with its last report. So
    the epoch after each report is run at once: it tells whether the outcome is next.
    """

    def __init__(self, workers: int, value: Callable[[Trial, int], float] = bowl) -> None:
        super().__init__(workers, lambda trial, _: self._ahead[trial.number])
        self._formula = value
        self._ahead: dict[int, float] = {}
        self._outcomes: dict[int, Outcome] = {}

    def submit(self, job: Job) -> None:
        """Queue a job, and run its first epoch."""
        super().submit(job)
        self._run_ahead(job)

    def poll(self, decide: Decide, timeout: float) -> list[Outcome]:
        """Deliver the next report or outcome."""
        if not self._jobs:
            return []
        job = min(self._jobs, key=self._next)
        number = job.trial.number
        if number in self._outcomes:
            self._jobs.remove(job)
            return [self._outcomes.pop(number)]
        ended, outcome = self._epoch(job, decide)
        if outcome is not None:
            self._outcomes[number] = outcome
        elif ended:
            self._jobs.remove(job)
        else:
            self._run_ahead(job)
        return []

    def _next(self, job: Job) -> tuple[int, int]:
        number = job.trial.number
        reports = self._done(job) - job.trial.suggestion.initial_epoch
        return job.start + reports + (number not in self._outcomes), number

    def _run_ahead(self, job: Job) -> None:
        number = job.trial.number
        try:
            self._ahead[number] = self._formula(job.trial, self._done(job) + 1)
        except Exception as error:
            self._outcomes[number] = failed(number, error)
