"""What a study's run shows besides numbers: its description and the table of its trials."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

from searchlab.record import StudyRecord, TrialRecord


def description(record: StudyRecord) -> str:
    """A few lines of Markdown about the study and how far it is."""
    spec = record.spec
    folds = spec.evaluation.folds
    scored = f"{folds}-fold cross-validation" if folds else f"a hold-out of {_hold_out(record)}"
    counts = ", ".join(f"{count} {state}" for state, count in sorted(record.counts().items()))
    lines = [
        f"**{spec.name}**: `{spec.search.backend}` searches the params of "
        f"`{spec.factory.factory}`, scored by `{spec.objective.metric}` on {scored}.",
        f"Trials: {counts or 'none yet'}.",
    ]
    best = record.best_trial
    if best is not None and best.outcome is not None and best.outcome.value is not None:
        lines += [
            f"Best: trial {best.trial.number} with {best.outcome.value:.6g}.",
            "",
            *_params(best),
        ]
    return "\n".join(lines)


def trials_table(record: StudyRecord) -> tuple[list[str], list[list[Any]]]:
    """The names of the columns and one row a trial; None where a trial has no such value."""
    params = [name for name, _ in record.spec.search_space]
    columns = ["trial", "state", "objective", *params, "epochs", "seconds", "seed", "error"]
    return columns, [_row(trial, params) for trial in record.trials.values()]


def as_json(columns: list[str], rows: list[list[Any]]) -> str:
    """The table as MLflow's table view reads it: pandas' "split" form."""
    finite = [[None if _not_finite(value) else value for value in row] for row in rows]
    return json.dumps({"columns": columns, "data": finite}, ensure_ascii=False)


def as_csv(columns: list[str], rows: list[list[Any]]) -> str:
    """The table for spreadsheets and scripts."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue()


def _row(record: TrialRecord, params: list[str]) -> list[Any]:
    outcome = record.outcome
    error = None if outcome is None or outcome.error is None else outcome.error
    return [
        record.trial.number,
        str(record.state),
        None if outcome is None else outcome.value,
        *(record.trial.suggestion.params.get(name) for name in params),
        record.epochs,
        None if outcome is None else round(outcome.seconds, 3),
        record.trial.seed,
        None if error is None else f"{error.type}: {error.message}",
    ]


def _params(best: TrialRecord) -> list[str]:
    params = best.trial.suggestion.params
    return ["| param | value |", "|---|---|", *(f"| {name} | {params[name]} |" for name in params)]


def _hold_out(record: StudyRecord) -> str:
    return f"{record.spec.evaluation.holdout or 0:.0%} of the training rows"


def _not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
