"""What a study's run shows besides numbers: its description and the table of its trials."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from typing import Any

from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.journal.standings import standing_of, standings
from searchlab.report.phrases import BASELINES, scored_text


def description(record: StudyRecord) -> str:
    """A few lines of Markdown about the study and how far it is."""
    spec = record.spec
    counts = ", ".join(f"{count} {state}" for state, count in sorted(record.counts().items()))
    lines = [
        f"**{spec.name}**: `{spec.search.backend}` searches the params of "
        f"`{spec.factory.factory}`, scored by `{spec.objective.metric}` on {scored_text(spec)}.",
        f"Trials: {counts or 'none yet'}.",
    ]
    best, stopped = record.best_trial, record.stopped
    if best is not None and best.outcome is not None and best.outcome.value is not None:
        lines.append(f"Best of the search: trial {best.trial.number} with {_text(best)}.")
        if stopped is not None and stopped.winner is not None:
            best = record.trials[stopped.winner]
            lines.append(f"The study's model: {result(record)}")
        lines += ["", *_params(best)]
    return "\n".join([*lines, *_baselines(record)])


def result(record: StudyRecord) -> str:
    """A sentence about the model of a finished study: first what it is worth."""
    stopped, standing = record.stopped, standing_of(record)
    if stopped is None or stopped.winner is None:
        return ""
    metric, winner = record.spec.objective.metric, record.trials[stopped.winner]
    parts = [f"{metric} {_text(winner)} in the search"]
    if standing is not None:
        spread = "" if standing.spread is None else f" ± {standing.spread:.2g}"
        seeds = f"{len(standing.scores)} fresh seeds"
        parts = [
            f"{standing.mean:.4g}{spread} {metric} confirmed with {seeds} "
            f"({_text(winner)} in the search)"
        ]
    if stopped.test:
        tested = ", ".join(f"{name} {value:.4g}" for name, value in stopped.test.items())
        parts.append(f"{tested} on the test rows")
    fitted = "trained with early stopping"
    if stopped.epochs is not None:
        fitted = f"refitted for {stopped.epochs} epochs on all rows but the test's"
    parts.append(f"trial {stopped.winner} of study {record.spec.name}, {fitted}")
    return f"{'; '.join(parts)}."


def trials_table(record: StudyRecord) -> tuple[list[str], list[list[Any]]]:
    """The names of the columns and one row a trial; None where a trial has no such value."""
    params = [name for name, _ in record.spec.search_space]
    means = {standing.number: standing.mean for standing in standings(record)}
    scores = ["objective", "confirmed"] if means else ["objective"]
    columns = ["trial", "state", *scores, *params, "epochs", "seconds", "seed", "error"]
    return columns, [_row(trial, params, means) for trial in record.trials.values()]


def as_json(columns: list[str], rows: list[list[Any]]) -> str:
    """The table as MLflow's table view reads it: pandas' "split" form."""
    finite = [[None if _not_finite(value) else value for value in row] for row in rows]
    return json.dumps({"columns": columns, "data": finite}, ensure_ascii=False)


def as_csv(columns: list[str], rows: list[list[Any]]) -> str:
    """The table for spreadsheets and scripts."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue()


def _row(record: TrialRecord, params: list[str], means: Mapping[int, float | None]) -> list[Any]:
    outcome = record.outcome
    error = None if outcome is None or outcome.error is None else outcome.error
    return [
        record.trial.number,
        str(record.state),
        None if outcome is None else outcome.value,
        *([means.get(record.trial.number)] if means else []),
        *(record.trial.suggestion.params.get(name) for name in params),
        record.epochs,
        None if outcome is None else round(outcome.seconds, 3),
        record.trial.seed,
        None if error is None else f"{error.type}: {error.message}",
    ]


def _params(best: TrialRecord) -> list[str]:
    params = best.trial.suggestion.params
    return ["| param | value |", "|---|---|", *(f"| {name} | {params[name]} |" for name in params)]


def _baselines(record: StudyRecord) -> list[str]:
    """The study's model and the simple ones side by side, by their metrics on the test rows."""
    if not record.baselines:
        return []
    tested = {} if record.stopped is None else record.stopped.test
    rows = {"**the study's model**": tested} if tested else {}
    rows |= {
        BASELINES.get(name, name): compared.metrics for name, compared in record.baselines.items()
    }
    names = list(dict.fromkeys(name for metrics in rows.values() for name in metrics))
    lines = [f"| on the test rows | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for title, metrics in rows.items():
        cells = [f"{metrics[name]:.4g}" if name in metrics else "-" for name in names]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return ["", *lines]


def _text(trial: TrialRecord) -> str:
    value = None if trial.outcome is None else trial.outcome.value
    return "-" if value is None else f"{value:.4g}"


def _not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
