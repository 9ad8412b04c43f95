"""The metrics that a study can name although the factory of its models compiles none of them."""

from __future__ import annotations

OF_CLASSES = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "auc",
    "pr_auc",
    "crossentropy",
)
OF_QUANTITIES = ("mae", "mse", "rmse", "mape", "msle", "log_cosh", "r2")


def addable(classes: int) -> tuple[str, ...]:
    """Return the names of the metrics that fit a target.

    Args:
        classes: the number of classes; 0 for a quantity.
    """
    return OF_CLASSES if classes else OF_QUANTITIES
