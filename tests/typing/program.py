"""A user's program, which a type checker reads and nobody runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, assert_type

import numpy as np

import searchlab as sl
from searchlab.backends.base import Backend, Options, Problem
from searchlab.core.trial import Decision, Outcome, Report, Suggestion
from searchlab.journal.events import Entry
from searchlab.testing import BackendContract, TrackerContract
from searchlab.tracking.base import Tracker, TrackerContext


def run() -> None:
    space: dict[str, sl.Int | sl.Float | sl.Choice] = {
        "n_hidden": sl.Int(0, 3),
        "learning_rate": sl.Float(3e-4, 3e-2, log=True),
        "activation": sl.Choice(["relu", "tanh"], when=sl.When("n_hidden", (1, 2, 3))),
    }
    keys = {"name": "houses", "data": {"dataset": "california"}, "space": space}
    result = sl.run_study(keys, directory=Path(), overrides={"search.trials": 3})
    assert_type(result, sl.StudyResult)
    assert_type(sl.run_study("houses.yaml", tracking_uri="http://mlflow:5000"), sl.StudyResult)
    assert_type(sl.run_study(result.spec, trackers=[Mine()]), sl.StudyResult)
    assert_type(sl.load_study("houses", "studies"), sl.StudyResult)
    look_at(result)


def look_at(result: sl.StudyResult) -> None:
    assert_type(result.name, str)
    assert_type(result.spec, sl.StudySpec)
    assert_type(result.state, sl.StudyState)
    assert_type(result.trials, tuple[sl.TrialRow, ...])
    assert_type(result.best, sl.TrialRow | None)
    assert_type(result.winner, sl.TrialRow | None)
    assert_type(result.metrics, Mapping[str, float])
    assert_type(result.directory, Path)
    for trial in result.trials:
        assert_type(trial.number, int)
        assert_type(trial.state, sl.TrialState)
        assert_type(trial.value, float | None)
        assert_type(trial.params["n_hidden"], bool | int | float | str | None)
        assert_type(trial.error, str | None)
    if result.confirmed is not None:
        assert_type(result.confirmed.mean, float | None)
    assert_type(result.model(), sl.Model)
    assert_type(sl.load_model("models:/houses@champion").predict([{"a": 1}]), np.ndarray[Any, Any])


def fail() -> None:
    try:
        run()
    except sl.errors.StudyFileError as error:
        assert_type(error.problems, list[str])
    except sl.SearchlabError as error:
        assert_type(error.exit_code, int)
    assert_type(sl.__version__, str)


def mistakes(result: sl.StudyResult) -> None:
    """Misuse the API: a type checker must refuse each line with a remark."""
    sl.run_studdy("houses.yaml")  # type: ignore[attr-defined]
    sl.run_study("houses.yaml", Path())  # type: ignore[call-arg]
    sl.run_study(7)  # type: ignore[arg-type]
    sl.Int("0", 3)  # type: ignore[arg-type]
    result.state = sl.StudyState.FINISHED  # type: ignore[misc]
    result.trials[0].value = 0.0  # type: ignore[misc]
    print(result.best.value)  # type: ignore[union-attr]


class Mine:
    """A tracker of the user's own."""

    def __init__(self, context: TrackerContext | None = None) -> None:
        self.entries: list[Entry] = []

    def replay(self, entries: Sequence[Entry]) -> None:
        self.entries.extend(entries)

    def record(self, entry: Entry) -> None:
        self.entries.append(entry)

    def close(self) -> None:
        pass


class Search:
    """A backend of the user's own."""

    Options: ClassVar[type[Options]] = Options
    prunes = False
    sets_epochs: ClassVar[bool] = False
    resumes_weights: ClassVar[bool] = False
    at_once: int | None = None
    needs_trials: ClassVar[bool] = False
    tries_known: ClassVar[bool] = False

    def __init__(self, problem: Problem) -> None:
        self.epochs = problem.epochs

    def ask(self, number: int) -> Suggestion | None:
        return Suggestion({"n_hidden": number}, self.epochs)

    def report(self, report: Report) -> Decision:
        return Decision.CONTINUE

    def tell(self, outcome: Outcome) -> None:
        pass

    def close(self) -> None:
        pass


tracker: Tracker = Mine()
backend: type[Backend] = Search


class TestSearch(BackendContract):
    backend = Search


class TestMine(TrackerContract):
    def make(self, directory: Path) -> Mine:
        return Mine(TrackerContext(directory, cwd=directory))

    def content(self, tracker: Tracker, directory: Path) -> Any:
        return tracker
