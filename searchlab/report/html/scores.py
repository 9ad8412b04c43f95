"""The three scores of a study with their meaning: in the search, confirmed, of its model."""

from __future__ import annotations

from dataclasses import dataclass

from searchlab.core.wording import confirmed_text, number_text
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.journal.standings import standing_of
from searchlab.report.phrases import fitted_text, scored_text
from searchlab.report.results import chosen, model_value

_PAIR = 2


@dataclass(frozen=True)
class Score:
    """A number of the headline.

    Attributes:
        label: "search", "confirmed", and "test" or "validation".
        value: the number for people, or a dash.
        meaning: an explanation, or why there is no number.
    """

    label: str
    value: str
    meaning: str


def scores(record: StudyRecord) -> list[Score]:
    """Return the search, confirmed and model's score; none before there is a COMPLETE trial."""
    trial = chosen(record)
    if trial is None or trial.outcome is None:
        return []
    search = Score("search", number_text(trial.outcome.value), _searched(record, trial))
    return [search, _confirmed(record), _tested(record)]


def _searched(record: StudyRecord, trial: TrialRecord) -> str:
    count, best = record.counts().get("COMPLETE", 0), record.best_trial
    text = f"Trial {trial.trial.number} on {scored_text(record.spec)}."
    if best is not None and best.outcome is not None and trial is not best:
        value = number_text(best.outcome.value)
        return f"{text} The search's own best was trial {best.trial.number} with {value}."
    return text if count < _PAIR else f"{text} The best of {count}, so part of it is luck."


def _confirmed(record: StudyRecord) -> Score:
    standing = standing_of(record)
    if standing is None:
        return Score("confirmed", "-", _why_unconfirmed(record))
    count = len(standing.scores)
    how = "one training" if count == 1 else f"mean ± standard deviation of {count} trainings"
    failed = f" {standing.failed} more failed." if standing.failed else ""
    meaning = f"The same params with seeds that the search had not seen: {how}.{failed}"
    return Score("confirmed", confirmed_text(standing.mean, standing.spread), meaning)


def _why_unconfirmed(record: StudyRecord) -> str:
    if not (record.ending.seeds and record.ending.top):
        return "Not asked for: confirm is off."
    if record.stopped is not None and record.stopped.winner is not None:
        return "No training with another seed succeeded."
    if done := len(record.confirmations):
        return f"Under way: {done} trainings with other seeds are done."
    return "The best trials are trained again with other seeds once the search is over."


def _tested(record: StudyRecord) -> Score:
    value, stopped, part = model_value(record), record.stopped, record.spec.data.measured
    tested = record.spec.data.tested
    if stopped is None or not stopped.metrics:
        later = "The test rows are used once, at the very end."
        return Score(part, "-", later if tested else "The model is measured at the very end.")
    rows = {} if record.started is None else record.started.data
    count = f"{rows[part]:,} rows" if part in rows else "rows"
    fitted = fitted_text(stopped, record.spec)
    meaning = f"The study's model, {fitted}, on {count} used once."
    if not tested:
        meaning = (
            f"The study's model, {fitted}, on the {count} that stopped its training early: there "
            "are no test rows, so part of it is luck."
        )
    return Score(part, _text(value), meaning)


def _text(value: float | None) -> str:
    return "not a number" if value is None else number_text(value)
