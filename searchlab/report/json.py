"""A study as plain JSON values, for `--json`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from searchlab.core.wording import reason_text
from searchlab.journal.events import Compared
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.journal.standings import Standing, standings, winner


class Registered(Protocol):
    """What became of a study's model in the model registry."""

    @property
    def name(self) -> str:
        """The registered model."""

    @property
    def version(self) -> str:
        """Its version, or "" if there is none."""

    @property
    def alias(self) -> str:
        """The alias that the version was given, or ""."""

    @property
    def reason(self) -> str:
        """Why it was given that alias, or why there is no version."""


class Ids(Protocol):
    """Where a study lies in its tracking store."""

    @property
    def uri(self) -> str | None:
        """The tracking URI, without a password."""

    @property
    def experiment_id(self) -> str | None:
        """The experiment."""

    @property
    def run_id(self) -> str | None:
        """The study's own run."""

    @property
    def trials(self) -> Mapping[int, str]:
        """The run of each trial."""

    @property
    def registered(self) -> Registered | None:
        """What became of the study's model in the model registry; None if it was to go to none."""


def study_json(record: StudyRecord, ids: Ids | None, directory: Path) -> dict[str, Any]:
    """A study as plain JSON values; what is not known is null, and NaN never appears.

    Args:
        record: the study.
        ids: where it lies in its tracking store, or None if it was never tracked.
        directory: the study's directory, which the path of the model starts from.
    """
    spec, best = record.spec, record.best_trial
    model = model_path(record, directory)
    return {
        "name": spec.name,
        "backend": spec.search.backend,
        "state": record.state,
        "trials_by_state": record.counts(),
        "best": None
        if best is None
        else {
            "number": best.trial.number,
            "value": value_of(best),
            "params": dict(best.trial.suggestion.params),
        },
        "winner": None if (chosen := winner(record)) is None else chosen.trial.number,
        "confirmed": [_standing_json(each) for each in standings(record)],
        "baselines": {name: _baseline_json(each) for name, each in record.baselines.items()},
        "metric": spec.objective.metric,
        "direction": spec.objective.way,
        "epochs": record.epochs,
        "seconds": record.seconds,
        "memory": None if record.stopped is None else record.stopped.memory,
        "tracking_uri": None if ids is None else ids.uri,
        "experiment_id": None if ids is None else ids.experiment_id,
        "run_id": None if ids is None else ids.run_id,
        "registered": _registered_json(None if ids is None else ids.registered),
        "model_path": None if model is None else str(model),
        "test": {name: finite(value) for name, value in test_metrics(record).items()},
    }


def show_json(record: StudyRecord, ids: Ids | None, directory: Path) -> dict[str, Any]:
    """`study_json` with all trials, by number."""
    runs = {} if ids is None else ids.trials
    trials = [_trial_json(record.trials[number], runs) for number in sorted(record.trials)]
    return {**study_json(record, ids, directory), "trials": trials}


def _registered_json(registered: Registered | None) -> dict[str, str | None] | None:
    if registered is None:
        return None
    names = ("name", "version", "alias", "reason")
    return {name: getattr(registered, name) or None for name in names}


def _standing_json(standing: Standing) -> dict[str, Any]:
    return {
        "number": standing.number,
        "search": finite(standing.search),
        "mean": finite(standing.mean),
        "spread": finite(standing.spread),
        "scores": list(standing.scores),
        "failed": standing.failed,
    }


def _baseline_json(event: Compared) -> dict[str, Any]:
    error = None if event.error is None else reason_text(event.error)
    metrics = {name: finite(value) for name, value in event.metrics.items()}
    return {"metrics": metrics, "seconds": event.seconds, "error": error}


def _trial_json(trial: TrialRecord, runs: Mapping[int, str]) -> dict[str, Any]:
    outcome, number = trial.outcome, trial.trial.number
    failure = None if outcome is None else outcome.error
    return {
        "number": number,
        "state": str(trial.state),
        "params": dict(trial.trial.suggestion.params),
        "value": value_of(trial),
        "epochs": trial.epochs,
        "seconds": None if outcome is None else outcome.seconds,
        "run_id": runs.get(number),
        "error": None if failure is None else reason_text(failure),
        "scores": [] if outcome is None else [finite(score) for score in outcome.scores],
        "unfused": None if outcome is None else outcome.unfused,
    }


def test_metrics(record: StudyRecord) -> Mapping[str, float]:
    """The metrics on the test rows; empty if there are none."""
    return {} if record.stopped is None else record.stopped.test


def test_metric(record: StudyRecord) -> str:
    """What the objective's metric is called on the test rows."""
    return record.spec.objective.metric.removeprefix("val_")


def test_value(record: StudyRecord) -> float | None:
    """That metric of the study's model; None if it is not known or not finite."""
    return finite(test_metrics(record).get(test_metric(record)))


def model_path(record: StudyRecord, directory: Path) -> Path | None:
    """The study's model; None if there is none."""
    path = None if record.stopped is None else record.stopped.model_path
    return None if path is None else directory / path


def value_of(trial: TrialRecord) -> float | None:
    """A trial's objective; None if it has none that is finite."""
    return None if trial.outcome is None else finite(trial.outcome.value)


def finite(value: float | None) -> float | None:
    """The value; None if it is not finite."""
    return value if value is not None and math.isfinite(value) else None
