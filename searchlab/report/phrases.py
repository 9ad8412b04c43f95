"""Names, colours and phrases that the terminal, the pages and MLflow share."""

from __future__ import annotations

from collections.abc import Mapping

from searchlab.core.state import StudyState
from searchlab.core.trial import TrialState
from searchlab.core.wording import confirmed_text, number_text, reason_text
from searchlab.journal.events import Stopped
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import Standing
from searchlab.study.spec import StudySpec

STATE_STYLES: Mapping[str, str] = {
    TrialState.COMPLETE: "green",
    TrialState.PRUNED: "yellow",
    TrialState.FAIL: "red",
    TrialState.RUNNING: "cyan",
    StudyState.FINISHED: "green",
    StudyState.INTERRUPTED: "yellow",
    StudyState.FAILED: "red",
    StudyState.RUNNING: "cyan",
}
"""The colour of each trial state and study state, in the order in which they are listed."""

BASELINES = {
    "dummy": "always the same answer",
    "linear": "linear regression",
    "logistic": "logistic regression",
    "perceptron": "the Perceptron",
    "boosting": "histogram gradient boosting",
}
"""The title of each baseline, the simplest first; all are scikit-learn's."""


def data_text(spec: StudySpec) -> str:
    """Return the name of a study's data set, or of its file."""
    return spec.data.title.rstrip("/").rpartition("/")[2]


def target_text(record: StudyRecord) -> str | None:
    """Return what becomes of the target for the model, and in which units figures are.

    None if the target stays as it is.
    """
    known = {} if record.started is None else record.started.data
    text, why = known.get("target_transform", "none"), known.get("target_why", "")
    if text == "none":
        return None
    because = f", because {why}" if why else ""
    return f"{text}{because}; losses are in these units, all other figures in the target's own"


def metric_text(record: StudyRecord, metric: str) -> str:
    """Return the name of a metric, with its units if these are not the target's own."""
    loss = metric.removeprefix("val_") == "loss"
    return f"{metric} (of the transformed target)" if loss and target_text(record) else metric


def search_text(backend: str, data: str) -> str:
    """Return a search in a few words: `optuna on iris`."""
    return f"{backend} on {data}"


def scored_text(spec: StudySpec) -> str:
    """Return the rows that the search scores a trial on."""
    evaluation = spec.evaluation
    if evaluation.folds:
        times = f", {evaluation.repeats} times" if evaluation.repeats > 1 else ""
        return f"{evaluation.folds}-fold cross-validation{times}"
    return f"a hold-out of {evaluation.holdout or 0:.0%} of the training rows"


def division_text(spec: StudySpec) -> str:
    """Return the scheme by which rows are divided: `by time (when), with a gap of 3`."""
    split, files = spec.data.split, [key for key in spec.data.files if key != "path"]
    text = "by chance"
    if split is not None and split.by is not None:
        text = f"by time ({split.column or 'the order of the file'})"
        text += f", with a gap of {split.gap}" if split.gap else ""
    elif split is not None:
        ways = {"by groups": split.groups, "by the parts": split.column}
        ways |= {"by chance, stratified": split.stratify}
        text = next(f"{way} of {name}" for way, name in ways.items() if name is not None)
    if spec.data.test_folds is not None:
        text += f"; the test is {spec.data.test_text}"
    own = [key.removesuffix("_path") for key in files]
    return f"{text}; {' and '.join(own)} from files of their own" if own else text


def counted(record: StudyRecord) -> list[tuple[str, int]]:
    """Return each state with its number of trials, in the order in which states are listed."""
    counts = record.counts()
    return [(state, counts[state]) for state in STATE_STYLES if state in counts]


def metrics_text(metrics: Mapping[str, float | None], between: str = "  ") -> str:
    """Return metrics in one line: `loss 0.28  mae 0.4`."""
    return between.join(f"{name} {number_text(value)}" for name, value in metrics.items())


def standing_text(standing: Standing) -> str:
    """Return a confirmed score: `0.25 ± 0.18 (3 seeds, 1 failed)`."""
    seeds = len(standing.scores) + standing.failed
    text = confirmed_text(standing.mean, standing.spread)
    failed = f", {standing.failed} failed" if standing.failed else ""
    return f"{text} ({seeds} seed{'s' if seeds > 1 else ''}{failed})"


def fitted_text(stopped: Stopped, spec: StudySpec) -> str:
    """Return how the study's model was fitted, and why it was not refitted if that failed."""
    if stopped.epochs is not None:
        rows = "all rows but the test's" if spec.data.tested else "all rows after it was measured"
        return f"refitted for {stopped.epochs} epochs on {rows}"
    text = "trained on the training rows"
    if stopped.refit_error is not None:
        text += f" (its refit failed: {reason_text(stopped.refit_error)})"
    return text


def memory_text(stopped: Stopped | None) -> str:
    """Return the most memory that the study used: `at most 1.2 GB`; "" if it is not known."""
    if stopped is None or stopped.memory is None:
        return ""
    return f"at most {stopped.memory / 1e9:.1f} GB"
