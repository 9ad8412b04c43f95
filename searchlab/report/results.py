"""A study's results as plain facts, which every presentation reads here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from searchlab.core.codec import decode
from searchlab.core.wording import ROWS
from searchlab.data.findings import Finding
from searchlab.journal.record import StudyRecord, TrialRecord


def chosen(record: StudyRecord) -> TrialRecord | None:
    """Return the trial that the study's model was made of; before that, the best so far."""
    number = None if record.stopped is None else record.stopped.winner
    return record.best_trial if number is None else record.trials[number]


def model_metrics(record: StudyRecord) -> Mapping[str, float]:
    """Return the metrics of the study's model on the measured rows; empty before the end."""
    return {} if record.stopped is None else record.stopped.metrics


def model_metric(record: StudyRecord) -> str:
    """Return the name of the objective's metric on the measured rows."""
    return record.spec.objective.metric.removeprefix("val_")


def model_value(record: StudyRecord) -> float | None:
    """Return that metric of the study's model; None if it is not known or not finite."""
    return finite(model_metrics(record).get(model_metric(record)))


def measured_text(record: StudyRecord) -> str:
    """Return the rows that the study's model and the baselines are measured on."""
    return ROWS[record.spec.data.measured]


def model_path(record: StudyRecord, directory: Path) -> Path | None:
    """Return the file of the study's model; None if there is none."""
    path = None if record.stopped is None else record.stopped.model_path
    return None if path is None else directory / path


def planned_trials(record: StudyRecord) -> int | None:
    """Return how many trials were asked for; None if only the time is bounded."""
    return record.spec.search.trials if record.budget is None else record.budget.trials


def finite(value: float | None) -> float | None:
    """Return the value; None if it is not finite."""
    return value if value is not None and math.isfinite(value) else None


def findings(record: StudyRecord) -> list[Finding]:
    """Return what is odd about the study's data, the gravest first."""
    data = {} if record.started is None else record.started.data
    return [decode(Finding, each) for each in data.get("findings", ())]
