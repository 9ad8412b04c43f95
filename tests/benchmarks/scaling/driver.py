"""A study of the real driver over simulated workers, and what is measured of it."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from searchlab.backends.base import Problem
from searchlab.core.interrupt import Interrupt
from searchlab.core.trial import Trial
from searchlab.engine import plugins
from searchlab.engine.jobs import Jobs
from searchlab.engine.loop import Search
from searchlab.engine.recorder import Recorder
from searchlab.engine.replay import replay
from searchlab.executors.fused import FusedExecutor
from searchlab.journal.events import Reported, Resumed, Started
from searchlab.journal.journal import Journal, read_journal
from searchlab.journal.record import StudyRecord
from searchlab.study.spec import StudySpec
from searchlab.tracking.base import Tracker

from .. import studies
from .workers import Trainings, Workers

MEAN_EPOCHS, _MOST_EPOCHS = 10, 15

_EDGE = 0.2
"""The share of a search that does not count, at its beginning and at its end: workers come and go.
"""


@dataclass(frozen=True)
class Load:
    """The task of a driver.

    Attributes:
        workers: how many there are.
        trials: of the study.
        seconds: that an epoch takes.
        search: of the study file, but for its trials.
    """

    workers: int
    trials: int
    seconds: float
    search: Mapping[str, Any]

    @property
    def spec(self) -> StudySpec:
        """The study: the book's, with a hold-out."""
        changes = {
            "search": {**self.search, "trials": self.trials},
            "training.epochs": _MOST_EPOCHS,
            "evaluation": {"holdout": 0.2},
            "execution.workers": self.workers,
        }
        return StudySpec.from_dict(studies.book(changes, "fused"))


@dataclass(frozen=True)
class Held:
    """The result of a driver's task.

    Attributes:
        load: what it was given.
        seconds: of the whole search.
        epochs: of a trial, on average.
        rate: trials a second, in the middle of the search.
        loop: the share of one core that the loop's thread took.
        driver: the share of one core that all threads of the driver took, the loop's among them.
        simulation: the share of one core that the simulated workers took beside them.
        late: the most seconds that they were late themselves.
    """

    load: Load
    seconds: float
    epochs: float
    rate: float
    loop: float
    driver: float
    simulation: float
    late: float

    @property
    def ideal(self) -> float:
        """Trials a second that the workers can train."""
        return self.load.workers / (self.load.seconds * self.epochs)


def epochs(trial: Trial) -> int:
    """After how many early stopping ends a trial: 5 to 15, on average `MEAN_EPOCHS`."""
    return 5 + trial.number * 7 % 11


def curve(trial: Trial, epoch: int) -> dict[str, float]:
    """Return an epoch's value, which falls with the epochs to a level set by the params."""
    params = trial.suggestion.params
    level = abs(params["learning_rate"] - 0.01) + abs(params["n_neurons"] - 60) / 100
    return {"loss": level + 0.9 / epoch, "val_loss": level + 1 / epoch}


def hold(load: Load, directory: Path, tracker: Tracker) -> Held:
    """Has a driver run a study with simulated workers.

    Args:
        load: the workers, and how many trials.
        directory: the study's, new.
        tracker: follows the study; is not closed.
    """
    spec, journal_file = load.spec, directory / "journal.jsonl"
    workers = Workers(load.workers, Trainings(load.seconds, epochs, curve))
    executor = FusedExecutor(load.workers, directory, workers)
    backend = plugins.backend(spec.search.backend)(Problem.of(spec, "regression"))
    with contextlib.closing(executor), contextlib.closing(backend), Journal(journal_file) as file:
        tracker.replay([])
        recorder = Recorder(file, StudyRecord(), tracker)
        recorder(Started(uuid4().hex, spec.as_dict(), ""))
        recorder(Resumed(load.trials, None, "fused", load.workers))
        answers = replay(backend, [])
        jobs = Jobs(spec, directory, directory)
        search = Search(jobs, backend, answers, executor, recorder, Interrupt())
        begun, before, all_before = time.perf_counter(), time.thread_time(), time.process_time()
        search.run()
        seconds, loop = time.perf_counter() - begun, time.thread_time() - before
        processor = time.process_time() - all_before
    outcomes = [trial.outcome for trial in recorder.record.trials.values()]
    mean = statistics.mean(outcome.epochs for outcome in outcomes if outcome is not None)
    reported = [e.time for e in read_journal(journal_file) if isinstance(e.event, Reported)]
    rate = middle_rate(reported) / mean
    simulation = workers.processor
    shares = [each / seconds for each in (loop, processor - simulation, simulation)]
    return Held(load, seconds, mean, rate, *shares, workers.late)


def middle_rate(times: Sequence[float]) -> float:
    """Events a second, in the middle of all that there were; the times are in order."""
    edge = _EDGE * (times[-1] - times[0])
    first, last = times[0] + edge, times[-1] - edge
    return sum(first <= time < last for time in times) / (last - first)
