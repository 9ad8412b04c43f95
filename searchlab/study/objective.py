"""The objective of a study file, and whether low or high values of a metric are better."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from searchlab.study.fields import MisplacedError, Part

Direction = Literal["minimize", "maximize"]

_MINIMIZED = ("loss", "error", "mse", "mae", "rmse", "msle", "mape", "deviance", "crossentropy")
_MAXIMIZED = ("accuracy", "acc", "auc", "precision", "recall", "r2", "score", "f1", "iou")
_SURE: dict[str, Direction] = {"loss": "minimize", "accuracy": "maximize", "auc": "maximize"}


def unseen(metric: str) -> str:
    """Word the problem of a metric that is not measured on unseen rows."""
    return (
        f"{metric!r} is a training metric: name one measured on unseen rows, such as "
        f"val_{metric.removeprefix('val_') or 'loss'}"
    )


def direction_of(metric: str) -> Direction | None:
    """Return the direction that a metric's name tells; None if it does not."""
    if any(word in metric for word in _MINIMIZED):
        return "minimize"
    return "maximize" if any(word in metric for word in _MAXIMIZED) else None


def wrong_direction(metric: str, direction: Direction | None) -> str | None:
    """Word the problem of a direction that is surely the wrong one; None if there is none."""
    sure = next((way for word, way in _SURE.items() if word in metric.split("_")), None)
    if sure is None or direction in (None, sure):
        return None
    return f"{direction} would find the worst {metric}: write {sure}"


class ObjectiveSpec(Part):
    """The metric to optimise, by Keras' name, on unseen rows.

    Attributes:
        metric: `val_loss`, or `val_` and the name of a metric: one that the model is compiled with,
            or any of `core.metrics`, which it then gets.
        direction: whether a low or a high value is better; by default inferred from the metric's
            name.
    """

    metric: str = "val_loss"
    direction: Direction | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.metric.startswith("val_") or self.metric == "val_":
            raise MisplacedError(("metric",), unseen(self.metric))
        if self.direction is None and direction_of(self.metric) is None:
            raise MisplacedError(
                ("metric",),
                f"is {self.metric} better when low or high? Add direction: minimize or maximize",
            )
        if problem := wrong_direction(self.metric, self.direction):
            raise MisplacedError(("direction",), problem)
        return self

    @property
    def maximized(self) -> bool:
        """Whether a higher value is better."""
        return self.way == "maximize"

    @property
    def way(self) -> Direction:
        """The direction, given or inferred."""
        return self.direction or direction_of(self.metric) or "minimize"

    def cost(self, value: float) -> float:
        """Return a sort key: lower for better values."""
        return -value if self.maximized else value

    def better(self, value: float, other: float) -> bool:
        """Return whether `value` is strictly better than `other`."""
        return value > other if self.maximized else value < other
