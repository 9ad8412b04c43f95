"""The description of a study's run in Markdown, and of a version of its registered model."""

from __future__ import annotations

from collections.abc import Mapping

from searchlab.core.escape import code_in_markdown, in_markdown
from searchlab.core.wording import number_text
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import standing_of
from searchlab.report.phrases import (
    counted,
    fitted_text,
    metrics_text,
    scored_text,
    standing_text,
)
from searchlab.report.results import findings, measured_text, model_metrics
from searchlab.report.rows import TrialRow, baseline_rows, trial_row

_FINDINGS = 10  # at most


def description(record: StudyRecord) -> str:
    """Return a few lines of Markdown about the study and its progress."""
    spec = record.spec
    counts = ", ".join(f"{count} {state}" for state, count in counted(record))
    lines = [
        f"**{spec.name}**: {code_in_markdown(spec.search.backend)} searches the params of "
        f"{code_in_markdown(spec.factory.factory)}, scored by "
        f"{code_in_markdown(spec.objective.metric)} on {scored_text(spec)}.",
        f"Trials: {counts or 'none yet'}.",
    ]
    if record.best_trial is not None:
        row, stopped = trial_row(record.best_trial, record), record.stopped
        lines.append(f"Best of the search: trial {row.number} with {number_text(row.value)}.")
        if stopped is not None and stopped.winner is not None:
            row = trial_row(record.trials[stopped.winner], record)
            lines.append(f"The study's model: {result(record)}")
        lines += ["", *_params(row)]
    return "\n".join([*lines, *_baselines(record), *_findings(record)])


def result(record: StudyRecord) -> str:
    """Return a sentence about the model of a finished study, its score first."""
    stopped, standing = record.stopped, standing_of(record)
    if stopped is None or stopped.winner is None:
        return ""
    row = trial_row(record.trials[stopped.winner], record)
    confirmed = "" if standing is None else f"{standing_text(standing)} confirmed, "
    rows = measured_text(record)
    parts = [
        f"{record.spec.objective.metric} {confirmed}{number_text(row.value)} in the search",
        *([f"{metrics_text(stopped.metrics, ', ')} on {rows}"] if stopped.metrics else []),
        f"trial {row.number} of study {record.spec.name}, {fitted_text(stopped, record.spec)}",
    ]
    return f"{'; '.join(parts)}."


def _findings(record: StudyRecord) -> list[str]:
    """Return what is odd about the data, as a list."""
    found = [f"- {in_markdown(finding.message)}" for finding in findings(record)[:_FINDINGS]]
    return ["", "Odd about the data:", "", *found] if found else []


def _params(row: TrialRow) -> list[str]:
    cells = (
        f"| {in_markdown(name)} | {in_markdown(value)} |" for name, value in row.params.items()
    )
    return ["| param | value |", "|---|---|", *cells]


def _baselines(record: StudyRecord) -> list[str]:
    """Return a table of the study's model and the baselines, by their metrics on the same rows."""
    rows: dict[str, Mapping[str, float | None]] = {}
    if measured := model_metrics(record):
        rows["**the study's model**"] = measured
    rows |= {row.title: row.metrics for row in baseline_rows(record)}
    if not record.baselines:
        return []
    names = list(dict.fromkeys(name for metrics in rows.values() for name in metrics))
    lines = [
        f"| on {measured_text(record)} | {' | '.join(map(in_markdown, names))} |",
        "|---" * (len(names) + 1) + "|",
    ]
    for title, metrics in rows.items():
        cells = [number_text(metrics.get(name)) for name in names]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return ["", *lines]
