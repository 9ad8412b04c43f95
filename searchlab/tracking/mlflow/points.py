"""The points of metrics that MLflow's runs get; infinite and NaN values are left out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from searchlab.core.trial import Outcome, Report
from searchlab.journal.events import Compared, Confirmed

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_\-. /:]")


@dataclass(frozen=True)
class Point:
    """One value of a metric; `time` in seconds since the epoch."""

    name: str
    value: float
    time: float
    step: int = 0


def report_points(report: Report, time: float, folds: int) -> list[Point]:
    """Return the finite metrics of an epoch: `val_loss`, or `fold_0/val_loss` with folds."""
    return finite_points(
        Point(_curve(name, report.fold, folds), value, time, report.epoch)
        for name, value in report.metrics.items()
    )


def outcome_points(outcome: Outcome, time: float) -> list[Point]:
    """Return the numbers of a finished trial; `duration` in seconds."""
    values: dict[str, float] = {"duration": outcome.seconds, "epochs": float(outcome.epochs)}
    if outcome.value is not None:
        values["objective"] = outcome.value
    values |= {metric_name(f"score/{name}"): value for name, value in outcome.metrics.items()}
    if len(outcome.scores) > 1:
        values |= {f"fold_{fold}/objective": score for fold, score in enumerate(outcome.scores)}
    return finite_points(Point(name, value, time) for name, value in values.items())


def confirmed_points(confirmed: Confirmed, time: float) -> list[Point]:
    """Return the result of a trial's training with another seed; the seed is the step."""
    value = confirmed.outcome.value
    name = f"confirmed/trial_{confirmed.outcome.number}"
    return [] if value is None else finite_points([Point(name, value, time, confirmed.seed)])


def baseline_points(compared: Compared, part: str, time: float) -> list[Point]:
    """Return the numbers of a baseline, measured on a part's rows; `duration` in seconds."""
    metrics = compared.metrics
    values = {"duration": compared.seconds}
    values |= {metric_name(f"{part}/{name}"): value for name, value in metrics.items()}
    return finite_points(Point(name, value, time) for name, value in values.items())


def metric_name(name: str) -> str:
    """Return the name with `_` for each character that MLflow does not allow."""
    return _NOT_IN_NAMES.sub("_", name)


def _curve(name: str, fold: int, folds: int) -> str:
    return metric_name(name if folds == 1 else f"fold_{fold}/{name}")


def finite_points(points: Iterable[Point]) -> list[Point]:
    """Drop infinite points, as MLflow stores infinity as 1.797e308, which spoils every axis."""
    return [point for point in points if math.isfinite(point.value)]


def first_non_finite(reports: Sequence[Report], folds: int) -> dict[str, int]:
    """Return the first epoch at which each metric was NaN or infinite."""
    first: dict[str, int] = {}
    for report in reports:
        for name, value in report.metrics.items():
            if not math.isfinite(value):
                first.setdefault(_curve(name, report.fold, folds), report.epoch)
    return first


def milliseconds(seconds: float) -> int:
    """Convert seconds to MLflow's milliseconds."""
    return int(seconds * 1000)
