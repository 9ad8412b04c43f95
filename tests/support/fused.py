"""Helpers that run fused training in this process and compare it with ordinary training."""

from __future__ import annotations

import copy
import queue
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from searchlab.core.trial import Decision, Outcome, Report, Suggestion, Trial
from searchlab.data.prepare import prepare
from searchlab.fused.host import Host
from searchlab.fused.messages import Decided, Declined, Ended, Epoch, FromHost, Submit
from searchlab.fused.program import Method, Program
from searchlab.private.keras import reset_names
from searchlab.testing.doubles import study
from searchlab.training import fit
from searchlab.training.job import Job, Made, TrialJob

FACTORIES = Path(__file__).parents[1] / "fused" / "stackable_factories.py"
EPOCHS = 10
TIMEOUT = 120

Result = tuple[list[Report], Outcome | Made | Declined]


class Bench:
    """A study with its prepared data, and jobs made from it.

    Attributes:
        file: the file of the factories.
    """

    file = FACTORIES.name

    def __init__(self, directory: Path, data: dict | None = None, **changes: Any) -> None:
        self.directory = directory
        changes = {"training": {"epochs": EPOCHS, "batch_size": 16}, **changes}
        self.spec = study(data=data or {"dataset": "iris"}, **changes)
        prepare(self.spec, directory, directory / "data")

    def job(
        self, number=0, factory="chain", *, epochs=EPOCHS, start=0, seed=7, **params
    ) -> TrialJob:
        """Make a trial's job; `params` are the factory's."""
        spec = self.spec.model_copy(update={"model": f"{self.file}:{factory}"})
        trial = Trial(number, Suggestion(params, epochs), seed)
        place = self.directory
        return TrialJob(
            number=number,
            trial=trial,
            spec=spec,
            base=FACTORIES.parent,
            data=place / "data",
            directory=place,
            start=start,
        )

    def early(self, **early_stopping: Any) -> Bench:
        """Return the same bench with early stopping."""
        values = {"epochs": EPOCHS, "batch_size": 16, "early_stopping": early_stopping}
        other = copy.copy(self)
        other.spec = self.spec.model_copy(update={"training": study(training=values).training})
        return other


def promoted(job: TrialJob, number: int, epochs: int) -> TrialJob:
    """Make the job that continues where another stopped."""
    done = job.trial.suggestion
    suggestion = Suggestion(done.params, epochs, done.epochs, job.trial.number)
    return replace(job, number=number, trial=Trial(number, suggestion, job.trial.seed))


class Driver:
    """A host in this process and the messages it sends."""

    def __init__(self, lanes: int = 2) -> None:
        self.messages: queue.Queue[FromHost] = queue.Queue()
        self.host = Host(lanes, self.messages.put)

    def submit(self, job: Job) -> None:
        """Make the host build a job's model; the submission has the job's number."""
        self.host.receive(Submit(job.number, job))
        self.host.build()

    def next(self, timeout: float = TIMEOUT) -> Epoch | Ended | Declined:
        """Return the next relevant message."""
        while not isinstance(
            message := self.messages.get(timeout=timeout), Epoch | Ended | Declined
        ):
            pass
        return message

    def decide(self, number: int, reports: int) -> None:
        """Answer the given number of a job's reports with CONTINUE."""
        self.host.receive(Decided(number, reports))

    def run(self, jobs: list[Job]) -> dict[int, Result]:
        """Run jobs, submitted in that order, to completion."""
        for job in jobs:
            self.submit(job)
        reports: dict[int, list[Report]] = {job.number: [] for job in jobs}
        ends: dict[int, Outcome | Made | Declined] = {}
        while len(ends) < len(jobs):
            message = self.next()
            if isinstance(message, Epoch):
                reports[message.id].append(message.report)
            else:
                ends[message.id] = message.result if isinstance(message, Ended) else message
        return {number: (reports[number], end) for number, end in ends.items()}

    @property
    def made(self) -> int:
        """Number of compiled programs."""
        return sum(programs.made for _, programs in self.host._studies.values())

    @property
    def methods(self) -> list[Method]:
        """Methods of the programs that passed verification."""
        found = [
            each for _, all_ in self.host._studies.values() for each in all_._verified.values()
        ]
        return [each.method for each in found if isinstance(each, Program)]


def run_fused(jobs: list[Job], lanes: int = 2) -> dict[int, Result]:
    """Return each job's reports and outcome, or Declined, from a fresh host, by trial number."""
    return Driver(lanes).run(jobs)


def run_alone(job: Job) -> Result:
    """Return the reports and outcome of a job trained the ordinary way."""
    reset_names()  # as in a new process: metric names count earlier metrics
    reports: list[Report] = []

    def emit(report: Report) -> Decision:
        reports.append(report)
        return Decision.CONTINUE

    outcome = fit.run(job, emit)
    assert outcome is not None
    return reports, outcome


def assert_same(found: Result, wanted: Result, rtol: float = 1e-3) -> None:
    """Assert that all reports and the outcome agree within floating-point rounding."""
    reports, outcome = found
    assert isinstance(outcome, Outcome | Made), outcome
    assert outcome.error is None, outcome.error
    assert wanted[1].error is None, wanted[1].error
    places = [[(each.fold, each.epoch) for each in part] for part in (reports, wanted[0])]
    assert places[0] == places[1]
    for one, other in zip(reports, wanted[0], strict=True):
        assert set(one.metrics) == set(other.metrics)
        for name, value in other.metrics.items():
            place = f"{name} in epoch {one.epoch} of fold {one.fold}"
            np.testing.assert_allclose(one.metrics[name], value, rtol, rtol / 10, err_msg=place)
    assert type(outcome) is type(wanted[1])
    assert outcome.epochs == wanted[1].epochs
    if isinstance(outcome, Outcome):
        assert outcome.state is wanted[1].state
        np.testing.assert_allclose(outcome.scores, wanted[1].scores, rtol)
    for name, value in wanted[1].metrics.items():
        np.testing.assert_allclose(outcome.metrics[name], value, rtol, rtol / 10, err_msg=name)


def plain(result: Result) -> Result:
    """Drop everything that no two runs have in common: the number and the time."""
    reports, outcome = result
    assert isinstance(outcome, Outcome), outcome
    return [replace(each, number=0) for each in reports], replace(
        outcome, number=0, seconds=0, model_path=None, weights=()
    )


def seen_by_fit(rows: int, epochs: int, seed: int) -> list[list[int]]:
    """Return the row numbers that `train_step` receives in each epoch."""
    seen: list[list[int]] = []

    class Spy(keras.Sequential):
        def train_step(self, data: Any) -> Any:
            seen[-1] += np.asarray(data[0]).ravel().astype(int).tolist()
            return super().train_step(data)

    class Begin(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            seen.append([])

    model = Spy([keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer="sgd", run_eagerly=True)
    numbers = np.arange(rows, dtype=np.float32)[:, None]
    keras.utils.set_random_seed(seed)
    model.fit(numbers, numbers, epochs=epochs, batch_size=64, verbose=0, callbacks=[Begin()])
    return seen
