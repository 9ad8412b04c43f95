"""The measured studies, and the results of `searchlab run`."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from searchlab.core.domains import Scalar
from searchlab.core.trial import Outcome, Trial
from searchlab.journal.events import Asked, Entry, Resumed, Told
from searchlab.journal.home import StudyHome
from searchlab.journal.journal import read_journal

from . import commands

_BOOK = commands.ROOT / "studies" / "california_housing.yaml"
_DIGITS = commands.ROOT / "studies" / "digits.yaml"
_FILE = "study.yaml"


@dataclass(frozen=True)
class Ran:
    """A study that `searchlab run` has finished in a new directory.

    Attributes:
        seconds: wall time of the command: start-up, search, model, journal, MLflow.
        searching: wall time of the search alone, by the journal: from its start to the last
            outcome.
        trials: the trials, by number.
        outcomes: their outcomes, by number.
        directory: its working directory.
    """

    seconds: float
    searching: float
    trials: tuple[Trial, ...]
    outcomes: tuple[Outcome, ...]
    directory: Path

    @property
    def file(self) -> Path:
        """The study file."""
        return self.directory / _FILE

    @property
    def epochs(self) -> int:
        """Model-epochs of all trials and folds."""
        return sum(outcome.epochs for outcome in self.outcomes)

    @property
    def rate(self) -> float:
        """Model-epochs per second of the whole command."""
        return self.epochs / self.seconds

    @property
    def params(self) -> list[Mapping[str, Scalar]]:
        """The params of all trials, by number."""
        return [trial.suggestion.params for trial in self.trials]

    @property
    def values(self) -> list[float | None]:
        """The objective of all trials, by number; None where it is missing."""
        return [outcome.value for outcome in self.outcomes]


PLAIN: Mapping[str, Any] = {"confirm": 0, "refit": False, "baselines": False}
"""Settings that turn off everything that a plain script does not do after its search."""


def book(changes: Mapping[str, Any], executor: str) -> dict[str, Any]:
    """Return the book's study (`studies/california_housing.yaml`) with changes and `PLAIN`.

    Args:
        changes: whole values by dotted key, such as `{"search.trials": 100}`.
        executor: the name of the executor.
    """
    return _changed(_BOOK, {**PLAIN, **changes, "execution.executor": executor})


def digits(changes: Mapping[str, Any], executor: str) -> dict[str, Any]:
    """Return the README's first study (`studies/digits.yaml`) with changes; see `book`."""
    return _changed(_DIGITS, {**changes, "execution.executor": executor})


def _changed(file: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    study: dict[str, Any] = yaml.safe_load(file.read_text())
    for key, value in changes.items():
        *path, last = key.split(".")
        part = study
        for name in path:
            part = part.setdefault(name, {})
        part[last] = value
    return study


def write(study: Mapping[str, Any], directory: Path) -> Path:
    """Write a study file (JSON is YAML) into a new directory."""
    directory.mkdir(parents=True)
    file = directory / _FILE
    file.write_text(json.dumps(study, indent=1))
    return file


def run(study: Mapping[str, Any], directory: Path, cache: Path | None = None) -> Ran:
    """Run a study with the command line in a new directory; for `cache` see `commands.run`."""
    file = write(study, directory)
    finished = commands.run(["-m", "searchlab", "run", file.name, "--quiet"], directory, cache)
    return read(study["name"], directory, finished.seconds)


def median(study: Mapping[str, Any], directory: Path, repeat: int) -> Ran:
    """Run a study `repeat` times, each in a new directory; return the run of median wall time."""
    return middle([run(study, directory / str(number)) for number in range(repeat)])


def twice(study: Mapping[str, Any], directory: Path, repeat: int) -> tuple[Ran, Ran]:
    """Run a study with an empty cache and with what that run left, `repeat` times.

    Returns:
        The run of median wall time among the first ones, and among the second ones.
    """
    first, second = [], []
    for number in range(repeat):
        place = directory / str(number)
        first.append(run(study, place / "first", place / "cache"))
        second.append(run(study, place / "second", place / "cache"))
    return middle(first), middle(second)


def middle(ran: Sequence[Ran]) -> Ran:
    """Return the run of median wall time."""
    seconds = statistics.median_low(each.seconds for each in ran)
    return next(each for each in ran if each.seconds == seconds)


def read(name: str, directory: Path, seconds: float) -> Ran:
    """Read a finished study from its journal.

    Raises:
        BenchmarkError: if a trial has no outcome.
    """
    return of_journal(
        list(read_journal(StudyHome(name, directory).paths.journal)), directory, seconds
    )


def of_journal(entries: list[Entry], directory: Path, seconds: float) -> Ran:
    """Convert a journal's entries; see `read`."""
    trials = {e.event.trial.number: e.event.trial for e in entries if isinstance(e.event, Asked)}
    told = [(e.time, e.event.outcome) for e in entries if isinstance(e.event, Told)]
    outcomes = {outcome.number: outcome for _, outcome in told}
    begun = [entry.time for entry in entries if isinstance(entry.event, Resumed)]
    if not trials or outcomes.keys() != trials.keys():
        raise commands.BenchmarkError(f"{directory}: not every trial of the study has ended")
    numbers = sorted(trials)
    return Ran(
        seconds,
        told[-1][0] - begun[0],
        tuple(trials[number] for number in numbers),
        tuple(outcomes[number] for number in numbers),
        directory,
    )


def ended(name: str, directory: Path) -> int:
    """Return how many trials of a running study have ended."""
    try:
        journal = StudyHome(name, directory).paths.journal.read_bytes()
    except FileNotFoundError:
        return 0
    return journal.count(b'{"event":"Told"')


def today() -> str:
    """Return the date in the table's format."""
    return time.strftime("%Y-%m-%d")
