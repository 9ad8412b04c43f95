"""Measurements shared by several rows: the book's studies, their plain script, bare training."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from searchlab.core.trial import Trial

from . import commands, studies
from .peers import Peers, Plain
from .studies import Ran


@dataclass(frozen=True)
class Scale:
    """The extent of the benchmark.

    Attributes:
        epochs: maximum epochs of a training.
        book: candidates of the book's search.
        plain_book: how many of them the plain script tries; all take it a quarter of an hour.
        hundred: candidates of the longer search.
        optuna: trials of the Optuna study.
        plain_optuna: how many of them the plain script runs.
        plain_hyperband: how many trials of Hyperband the plain script runs; of 100 epochs, the
            first bracket has 148.
        digits: trials of the digits study.
        digits_epochs: maximum epochs of one of its trainings.
        equal: trials of one model that fill the slots of its program.
        wide, long: rows and columns of tables that are prepared.
        early, late: numbers of small trials after which memory is measured.
    """

    epochs: int = 100
    book: int = 10
    plain_book: int = 10
    hundred: int = 100
    optuna: int = 100
    plain_optuna: int = 15
    plain_hyperband: int = 148
    digits: int = 20
    digits_epochs: int = 30
    equal: int = 32
    early: int = 50
    late: int = 1000
    wide: tuple[int, int] = (2_000, 5_000)
    long: tuple[int, int] = (300_000, 20)


QUICK = Scale(4, 2, 2, 3, 6, 3, 4, 3, 2, 2, 5, 20, (60, 90), (900, 4))
"""Enough to see that everything works; the numbers mean nothing."""


@dataclass(frozen=True)
class Bare:
    """Trials trained by a host of fused programs, without a search around them.

    Attributes:
        seconds: from the first job to the last outcome.
        epochs: model-epochs of each trial, over its folds.
        steps: batches per epoch.
    """

    seconds: float
    epochs: tuple[int, ...]
    steps: int

    @property
    def rate(self) -> float:
        """Model-epochs per second."""
        return sum(self.epochs) / self.seconds


@dataclass
class Bench:
    """The settings and shared measurements of all rows.

    Attributes:
        executor: the name of the executor.
        repeat: number of runs of each study, of which the median counts.
        scale: the extent of the benchmark.
        directory: a directory for runs, each in a new subdirectory.
        peers: the plain scripts.
    """

    executor: str
    repeat: int
    scale: Scale
    directory: Path
    peers: Peers

    def study(self, name: str, changes: Mapping[str, Any]) -> Ran:
        """Run the book's study with changes (see `studies.book`); return the median of the runs."""
        changes = {"name": name, "training.epochs": self.scale.epochs, **changes}
        study = studies.book(changes, self.executor)
        return studies.median(study, self.directory / name, self.repeat)

    @cached_property
    def digits(self) -> tuple[Ran, Ran]:
        """The search of the digits study alone, with an empty cache and again."""
        return self._twice("digits", {**studies.PLAIN, "trackers": ["memory"]})

    @cached_property
    def digits_ended(self) -> tuple[Ran, Ran]:
        """All of the digits study, with an empty cache and again."""
        return self._twice("digits-ended", {})

    def _twice(self, name: str, changes: Mapping[str, Any]) -> tuple[Ran, Ran]:
        given = {"search.trials": self.scale.digits, "training.epochs": self.scale.digits_epochs}
        study = studies.digits({"name": name, **given, **changes}, self.executor)
        return studies.twice(study, self.directory / name, self.repeat)

    @cached_property
    def book(self) -> Ran:
        """The book's search."""
        return self.study("book", {"search.trials": self.scale.book})

    @cached_property
    def ended(self) -> Ran:
        """The book's search with the default end phase."""
        ending = {"confirm": {"top": 3, "seeds": 3}, "refit": True, "baselines": True}
        return self.study("ended", {"search.trials": self.scale.book, **ending})

    @cached_property
    def hundred(self) -> Ran:
        """The book's search with more candidates."""
        return self.study("hundred", {"search.trials": self.scale.hundred})

    @cached_property
    def plain_book(self) -> Plain:
        """The book's search as a plain script."""
        return self.peers.run("random_search", self.scale.plain_book, self.scale.epochs)

    @cached_property
    def bare_hundred(self) -> Bare:
        """The trainings of `hundred` without a search around them.

        Raises:
            BenchmarkError: if they were not identical.
        """
        bare = self.bare(self.hundred.file, self.hundred.trials, "bare-hundred")
        if bare.epochs != tuple(outcome.epochs for outcome in self.hundred.outcomes):
            raise commands.BenchmarkError("bare training took other numbers of epochs")
        return bare

    def bare(self, file: Path, trials: Sequence[Trial], name: str) -> Bare:
        """Train a study's trials and do nothing else; return the median of the runs."""
        runs = []
        for number in range(self.repeat):
            directory = self.directory / name / str(number)
            directory.mkdir(parents=True)
            given = directory / "trials.json"
            given.write_text(json.dumps([asdict(trial) for trial in trials]))
            results = commands.run(
                ["-m", "tests.benchmarks.programs.train", file, given], directory
            ).results
            runs.append(Bare(results["seconds"], tuple(results["epochs"]), results["steps"]))
        middle = statistics.median_low(each.seconds for each in runs)
        return next(each for each in runs if each.seconds == middle)
