"""Names and colours that all reports share: of states, of simple models, of a study's data."""

from __future__ import annotations

from pathlib import Path

from searchlab.study.spec import StudySpec

STATE_STYLES = {
    "COMPLETE": "green",
    "PRUNED": "yellow",
    "FAIL": "red",
    "RUNNING": "cyan",
    "finished": "green",
    "interrupted": "yellow",
    "failed": "red",
    "running": "cyan",
}
"""The colour of each trial state and study state, in the order they are listed."""

BASELINES = {
    "dummy": "always the same answer",
    "linear": "linear regression",
    "logistic": "logistic regression",
    "perceptron": "the Perceptron",
    "boosting": "histogram gradient boosting",
}
"""What each simple model is that a study's network is compared with; all are scikit-learn's."""


def scored_text(spec: StudySpec) -> str:
    """On which rows the search scores a trial."""
    evaluation = spec.evaluation
    if evaluation.folds:
        return f"{evaluation.folds}-fold cross-validation"
    return f"a hold-out of {evaluation.holdout or 0:.0%} of the training rows"


def data_text(spec: StudySpec) -> str:
    """The name of a study's data set, or of its file."""
    return spec.data.dataset or Path(spec.data.path or "").name
