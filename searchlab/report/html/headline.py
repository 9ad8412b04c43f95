"""A study's result in a headline, a sentence and a subtitle."""

from __future__ import annotations

from datetime import UTC, datetime

from searchlab.core.state import StudyState
from searchlab.core.wording import confirmed_text, duration_text, number_text
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import standing_of, standings
from searchlab.report.phrases import metric_text
from searchlab.report.results import (
    chosen,
    measured_text,
    model_metric,
    model_value,
    planned_trials,
)


def headline(record: StudyRecord) -> str:
    """Return the result in a few words."""
    trial = chosen(record)
    if trial is None or trial.outcome is None:
        return "No trial is COMPLETE"
    metric = metric_text(record, record.spec.objective.metric)
    value = number_text(trial.outcome.value)
    if record.stopped is None or record.stopped.winner is None:
        return f"Best so far: trial {trial.trial.number} with {metric} {value}"
    standing, test = standing_of(record), model_value(record)
    if test is not None:
        metric = metric_text(record, model_metric(record))
        value = f"{number_text(test)} on {measured_text(record)}"
    elif standing is not None:
        value = confirmed_text(standing.mean, standing.spread)
    return f"Trial {trial.trial.number} wins: {metric} {value}"


def sentence(record: StudyRecord) -> str:
    """Return the sentence that explains the headline."""
    trial, counts, ended = chosen(record), record.counts(), record.ended
    if record.state is StudyState.FAILED and trial is None:
        return f"All {ended} trials failed, so there is no model. The reasons stand below."
    if record.stopped is None or record.stopped.winner is None:
        state = {
            StudyState.RUNNING: "is running, or its process died",
            StudyState.INTERRUPTED: "was interrupted",
        }
        planned = planned_trials(record)
        total = "" if planned is None else f" of {planned}"
        return (
            f"The study {state.get(record.state, 'ended early')}: {ended}{total} trials have "
            f"ended, {counts.get('COMPLETE', 0)} of them COMPLETE. searchlab run continues it."
        )
    ranking = standings(record)
    if standing_of(record) is None:
        return "It had the best objective of the search. Other seeds have not been asked."
    if trial is not None and trial.trial.number == record.best:
        stays = f"stays the best of {len(ranking)}" if len(ranking) > 1 else "is confirmed"
        return f"It had the best objective of the search, and {stays} with other seeds."
    return (
        f"With other seeds it is the best of {len(ranking)}, ahead of trial {record.best}, which "
        "had the best objective of the search."
    )


def subtitle(record: StudyRecord) -> str:
    """Return the search, its size, its time and its date in one line."""
    spec, ended = record.spec, record.ended
    start = min((trial.started for trial in record.trials.values()), default=None)
    params = len(spec.search_space.domains)
    parts = [
        f"{spec.search.backend} over {params} params of {spec.factory.factory}",
        f"{ended} trials",
        f"{record.epochs:,} model-epochs",
        duration_text(record.seconds),
    ]
    if start is not None:
        parts.append(f"{datetime.fromtimestamp(start, UTC):%Y-%m-%d %H:%M} UTC")
    return " · ".join(parts)
