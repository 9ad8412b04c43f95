"""Comparison of killed studies by their journal and everything MLflow holds of them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from searchlab.core.trial import TrialState
from searchlab.journal.events import Asked, Entry, Reported, Resumed, Told
from searchlab.journal.journal import read_journal
from searchlab.journal.layout import study_layout
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.journal.standings import standings

_STATUS = {
    TrialState.COMPLETE: "FINISHED",
    TrialState.PRUNED: "KILLED",
    TrialState.FAIL: "FAILED",
}


class Finished:
    """A finished study.

    Attributes:
        record: the study as recorded in its journal.
        entries: the journal's entries.
    """

    def __init__(self, cwd: Path, name: str = "small") -> None:
        self.entries: list[Entry] = list(read_journal(study_layout(name, cwd).journal))
        self.record = StudyRecord(self.entries)
        self._database = cwd / "mlflow.db"

    def picture(self) -> dict[str, Any]:
        """Return everything that must not depend on how often the study was killed."""
        stopped = self.record.stopped
        if stopped is not None:  # files of models hold the date at which they were written
            stopped = replace(stopped, seconds=0.0, memory=None, packages={})
        return {
            "trials": [_timeless(trial) for trial in self.record.trials.values()],
            "best": self.record.best,
            "end": stopped,
            "confirmed": standings(self.record),
            "baselines": {name: each.metrics for name, each in self.record.baselines.items()},
        }

    def mlflow_picture(self) -> dict[int, Any]:
        """Return status, params and points of each trial in MLflow, without times."""
        with closing(sqlite3.connect(self._database)) as database:
            return {
                number: {
                    "status": status,
                    "params": _rows(database, "select key, value from params", run),
                    "points": _rows(database, "select key, step, value from metrics", run),
                }
                for number, run, status in self._trials(database)
            }

    def check(self, trials: int, workers: int = 1) -> None:
        """Check the laws that hold for every finished study, however often it was killed."""
        self._check_journal(trials, workers)
        with closing(sqlite3.connect(self._database)) as database:
            self._check_runs(database)
            for number, run, _ in self._trials(database):
                self._check_points(database, number, run)

    def _check_journal(self, trials: int, workers: int) -> None:
        kinds = [type(entry.event).__name__ for entry in self.entries]
        assert self.record.state == "finished"
        assert kinds.count("Started") == 1
        asked = [e.event.trial.number for e in self.entries if isinstance(e.event, Asked)]
        told = [e.event.outcome.number for e in self.entries if isinstance(e.event, Told)]
        assert asked == list(range(trials)), "the budget is exact, and nothing is asked twice"
        assert sorted(told) == asked, "each trial ends once"
        assert kinds.count("Confirmed") == len(self.record.confirmations), "each once"
        assert kinds.count("Compared") == len(self.record.baselines), "each once"
        open_now: set[int] = set()
        for entry in self.entries:
            match entry.event:
                case Asked(trial):
                    open_now.add(trial.number)
                case Told(outcome):
                    open_now.remove(outcome.number)
                case Reported(report):
                    assert report.number in open_now, "a finished trial is not run again"
                case Resumed():
                    assert len(open_now) <= workers, "only the trials in flight are redone"

    def _check_runs(self, database: sqlite3.Connection) -> None:
        running = database.execute(
            "select run_uuid, lifecycle_stage from runs where status = 'RUNNING'"
        ).fetchall()
        assert running == [], "nothing stays RUNNING, deleted attempts included"
        (studies,) = database.execute(
            "select count(*) from runs join tags using (run_uuid) where lifecycle_stage = 'active' "
            "and key = 'searchlab.kind' and tags.value = 'study'"
        ).fetchone()
        assert studies == 1
        runs = self._trials(database)
        assert {number: status for number, _, status in runs} == {
            number: _STATUS[trial.state] for number, trial in self.record.trials.items()
        }
        assert len(runs) == len(self.record.trials), "one active run a trial"

    def _trials(self, database: sqlite3.Connection) -> list[tuple[int, str, str]]:
        rows = database.execute(
            "select tags.value, run_uuid, status from runs join tags using (run_uuid) "
            "where lifecycle_stage = 'active' and key = 'searchlab.trial'"
        )
        return sorted((int(number), run, status) for number, run, status in rows)

    def _check_points(self, database: sqlite3.Connection, number: int, run: str) -> None:
        """Check that each epoch of the valid attempt is stored once, with the journal's value."""
        trial = self.record.trials[number]
        folds = self.record.spec.evaluation.trainings
        expected = Counter(
            (name if folds == 1 else f"fold_{report.fold}/{name}", report.epoch, value)
            for report in trial.reports
            for name, value in report.metrics.items()
        )
        stored = Counter(_rows(database, "select key, step, value from metrics", run))
        curves = {name for name, _, _ in expected}
        assert {point: n for point, n in stored.items() if point[0] in curves} == expected
        assert set(stored.values()) == {1}, "each point is stored once"
        assert trial.outcome is not None
        objective = [value for name, _, value in stored if name == "objective"]
        assert objective == ([] if trial.outcome.value is None else [trial.outcome.value])
        params = dict(_rows(database, "select key, value from params", run))
        assert params == {name: str(v) for name, v in trial.trial.suggestion.params.items()}


def _timeless(trial: TrialRecord) -> Any:
    assert trial.outcome is not None
    return trial.trial, replace(trial.outcome, seconds=0.0), trial.reports


def _rows(database: sqlite3.Connection, query: str, run: str) -> list[tuple[Any, ...]]:
    rows = database.execute(f"{query} where run_uuid = ?", [run])
    return sorted(row for row in rows if row[0] != "duration")
