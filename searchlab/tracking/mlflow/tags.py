"""The tags of runs: of a study, of its trials and of its baselines."""

from __future__ import annotations

import getpass

from searchlab.core.state import StudyState
from searchlab.core.trial import Failure, TrialState
from searchlab.journal.record import StudyRecord
from searchlab.report.phrases import BASELINES
from searchlab.report.results import findings
from searchlab.tracking.mlflow.dataset import dataset_label
from searchlab.tracking.mlflow.projection import TrialUpdate


def common_tags(identity: str, record: StudyRecord) -> dict[str, str]:
    """Return the tags of every run of a study with this identity."""
    spec, started = record.spec, record.started
    return {
        "searchlab.id": identity,
        "searchlab.study": spec.name,
        "searchlab.backend": spec.search.backend,
        "searchlab.dataset": "" if started is None else dataset_label(started.data),
        "mlflow.user": _user(),
        "mlflow.source.name": "searchlab",
        "mlflow.source.type": "LOCAL",
    }


def trial_tags(update: TrialUpdate, record: StudyRecord) -> dict[str, str]:
    """Return the tags of an attempt at a trial that has begun."""
    trial, suggestion = update.trial, update.trial.suggestion
    tags = {
        "searchlab.kind": "trial",
        "searchlab.trial": str(trial.number),
        "searchlab.attempt": str(update.attempt),
        "searchlab.state": str(TrialState.RUNNING),
        "searchlab.seed": str(trial.seed),
    }
    if suggestion.epochs != record.spec.most_epochs or suggestion.initial_epoch:
        tags["searchlab.epochs"] = str(suggestion.epochs)
        tags["searchlab.initial_epoch"] = str(suggestion.initial_epoch)
    if suggestion.resume_from is not None:
        tags["searchlab.resume_from"] = str(suggestion.resume_from)
    return tags


def baseline_tags(name: str) -> dict[str, str]:
    """Return the tags of a baseline's run."""
    title = BASELINES.get(name, name)
    return {
        "mlflow.note.content": f"scikit-learn, on the rows of the study's model: {title}.",
        "searchlab.kind": "baseline",
        "searchlab.baseline": name,
    }


def end_tags(update: TrialUpdate) -> dict[str, str]:
    """Return the tags that change when a trial ends or an interrupted process leaves it."""
    if update.outcome is None:
        return {} if update.ended is None else {"searchlab.state": str(StudyState.INTERRUPTED)}
    tags = {"searchlab.state": str(update.outcome.state)}
    error = update.outcome.error
    if error is not None:
        tags |= error_tag(error)
    if update.non_finite:
        since = (f"{name} from step {step}" for name, step in update.non_finite.items())
        tags["searchlab.non_finite"] = "; ".join(since)[:1000]
    return tags


def error_tag(error: Failure) -> dict[str, str]:
    """Return the tag that says why a run failed."""
    return {"searchlab.error": f"{error.type}: {error.message}"[:1000]}


def budget_tags(record: StudyRecord) -> dict[str, str]:
    """Return the budget of the latest process, and its work after the search."""
    if record.budget is None:
        return {}
    values = {**vars(record.budget), **vars(record.budget.ending)}
    del values["ending"]
    values["confirm"] = f"top {values.pop('top')}, {values.pop('seeds')} seeds"
    return {f"searchlab.{key}": str(value) for key, value in values.items() if value is not None}


def finding_tags(record: StudyRecord) -> dict[str, str]:
    """Return the kinds of findings about the study's data, for searches."""
    codes = dict.fromkeys(finding.code for finding in findings(record))
    return {"searchlab.findings": ", ".join(codes)} if codes else {}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
