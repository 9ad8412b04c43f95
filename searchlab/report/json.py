"""A study as plain JSON values, for `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from searchlab.core.codec import encode
from searchlab.journal.ids import Registration, StudyIds
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import Standing, standings, winner
from searchlab.report.results import findings, finite, model_metrics, model_path
from searchlab.report.rows import BaselineRow, TrialRow, baseline_rows, trial_row, trial_rows


def study_json(record: StudyRecord, ids: StudyIds | None, directory: Path) -> dict[str, Any]:
    """Return a study as plain JSON values; an unknown value is null, and NaN never appears.

    Args:
        record: the study.
        ids: its place in a tracking store, or None if it was never tracked.
        directory: the study's directory, which the path of the model starts from.
    """
    return {**record_json(record, directory), **ids_json(ids)}


def ids_json(ids: StudyIds | None) -> dict[str, Any]:
    """Return the part of `study_json` that the tracking store gives."""
    return {
        "tracking_uri": None if ids is None else ids.uri,
        "experiment_id": None if ids is None else ids.experiment_id,
        "run_id": None if ids is None else ids.run_id,
        "registered": _registration_json(None if ids is None else ids.registered),
    }


def record_json(record: StudyRecord, directory: Path) -> dict[str, Any]:
    """Return the part of `study_json` that the journal gives."""
    spec, best = record.spec, record.best_trial
    model = model_path(record, directory)
    return {
        "name": spec.name,
        "backend": spec.search.backend,
        "state": record.state,
        "trials_by_state": record.counts(),
        "best": None if best is None else _best_json(trial_row(best, record)),
        "winner": None if (chosen := winner(record)) is None else chosen.trial.number,
        "confirmed": [_standing_json(each) for each in standings(record)],
        "baselines": {row.name: _baseline_json(row) for row in baseline_rows(record)},
        "metric": spec.objective.metric,
        "direction": spec.objective.way,
        "epochs": record.epochs,
        "seconds": record.seconds,
        "memory": None if record.stopped is None else record.stopped.memory,
        "model_path": None if model is None else str(model),
        "findings": [encode(finding) for finding in findings(record)],
        "measured": spec.data.measured,
        spec.data.measured: {name: finite(value) for name, value in model_metrics(record).items()},
    }


def show_json(record: StudyRecord, ids: StudyIds | None, directory: Path) -> dict[str, Any]:
    """Return `study_json` with all trials, by number."""
    runs = {} if ids is None else ids.trials
    trials = [_trial_json(row, runs) for row in trial_rows(record)]
    return {**study_json(record, ids, directory), "trials": trials}


def _registration_json(registration: Registration | None) -> dict[str, str | None] | None:
    if registration is None:
        return None
    return {name: value or None for name, value in asdict(registration).items()}


def _best_json(row: TrialRow) -> dict[str, Any]:
    return {"number": row.number, "value": row.value, "params": dict(row.params)}


def _standing_json(standing: Standing) -> dict[str, Any]:
    return {
        "number": standing.number,
        "search": finite(standing.search),
        "mean": finite(standing.mean),
        "spread": finite(standing.spread),
        "scores": list(standing.scores),
        "failed": standing.failed,
    }


def _baseline_json(row: BaselineRow) -> dict[str, Any]:
    return {"metrics": dict(row.metrics), "seconds": row.seconds, "error": row.error}


def _trial_json(row: TrialRow, runs: Mapping[int, str]) -> dict[str, Any]:
    return {
        "number": row.number,
        "state": str(row.state),
        "params": dict(row.params),
        "value": row.value,
        "epochs": row.epochs,
        "seconds": row.seconds,
        "run_id": runs.get(row.number),
        "error": row.error,
        "scores": list(row.scores),
        "unfused": row.unfused,
    }
