"""Values of metrics that cannot be: a user's own function may have a mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from searchlab.core.wording import number_text
from searchlab.journal.record import StudyRecord
from searchlab.report.results import chosen, model_metrics

_SHARES = {"accuracy", "acc", "auc", "precision", "recall", "f1", "fbeta", "iou"}
_ERRORS = {"error", "mse", "mae", "rmse", "msle", "rmsle", "mape", "smape"}
_ROUNDING = 1e-5


def questions(record: StudyRecord) -> Iterator[str]:
    """Yield a line for each metric of the study's results with a value that cannot be."""
    trial = chosen(record)
    searched = {} if trial is None or trial.outcome is None else trial.outcome.metrics
    yield from questioned({**searched, **model_metrics(record)})


def questioned(metrics: Mapping[str, float]) -> Iterator[str]:
    """Yield a line for each metric, by its Keras name, with a value that cannot be."""
    for name, value in metrics.items():
        words = set(name.split("_"))
        low, high = -float("inf"), float("inf")
        if words & _SHARES:
            low, high = 0.0, 1.0
        elif "r2" in words:
            high = 1.0
        elif words & _ERRORS and not words & {"neg", "negative"}:
            low = 0.0
        if value < low - _ROUNDING or value > high + _ROUNDING:
            bound = f"below {low:g}" if value < low else f"above {high:g}"
            yield (
                f"{name} is {number_text(value)}, and cannot be {bound}: check its function, which "
                "may broadcast or mean something else"
            )
