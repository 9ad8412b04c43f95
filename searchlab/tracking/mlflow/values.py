"""Values for a run in MLflow's types and within its limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from searchlab.tracking.mlflow.points import Point, metric_name, milliseconds

_METRICS, _OTHERS = 1000, 100  # in one call; all together at most 1000
_SHARED = _METRICS - 2 * _OTHERS
_LONGEST = 5000  # characters of a tag


def log_values(
    client: MlflowClient,
    run_id: str,
    points: Iterable[Point] = (),
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Send values in as few calls as MLflow's limits allow."""
    metrics = metrics_of(points)
    settings, labels = params_of(params or {}), _tags(tags or {})
    if settings or labels:
        client.log_batch(run_id, metrics[:_SHARED], settings[:_OTHERS], labels[:_OTHERS])
        metrics, settings, labels = metrics[_SHARED:], settings[_OTHERS:], labels[_OTHERS:]
    for start in range(0, len(metrics), _METRICS):
        client.log_batch(run_id, metrics[start : start + _METRICS])
    for start in range(0, max(len(settings), len(labels)), _OTHERS):
        part = slice(start, start + _OTHERS)
        client.log_batch(run_id, params=settings[part], tags=labels[part])


def metrics_of(points: Iterable[Point]) -> list[Metric]:
    """Return points in MLflow's type."""
    return [
        Metric(point.name, point.value, milliseconds(point.time), point.step) for point in points
    ]


def params_of(params: Mapping[str, Any]) -> list[Param]:
    """Return params in MLflow's type and within its limits."""
    return [Param(metric_name(name), str(value)[:6000]) for name, value in params.items()]


def _tags(tags: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(name, value[:_LONGEST]) for name, value in tags.items()]
