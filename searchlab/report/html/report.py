"""`searchlab report`: one page that says what a study came to, and how."""

from __future__ import annotations

from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import fresh_seeds
from searchlab.report import reasons
from searchlab.report.html import headline as words
from searchlab.report.html import rivals, scores
from searchlab.report.html import sections as tables
from searchlab.report.html.figures import DRAWERS
from searchlab.report.html.page import drawn, render


def report_page(record: StudyRecord) -> str:
    """The page of a study in any state, as HTML that needs no network.

    Imports Optuna, if there are enough trials for the importance of their params. A picture that
    cannot be drawn is left out.
    """
    trial = scores.chosen(record)
    return render(
        "report.html.j2",
        name=record.spec.name,
        state=record.state,
        metric=record.spec.objective.metric,
        direction="higher" if record.spec.objective.maximized else "lower",
        headline=words.headline(record),
        sentence=words.sentence(record),
        subtitle=words.subtitle(record),
        scores=scores.scores(record),
        verdict=rivals.verdict(record),
        rivals=rivals.rivals(record),
        rival_metrics=rivals.metrics(record),
        places=list(scores.places(record)),
        seeds=fresh_seeds(record),
        chosen=None if trial is None else trial.trial.number,
        params=tables.params(record),
        figures=drawn(DRAWERS, record),
        failures=list(reasons.failures(record)),
        unfused=list(reasons.unfused(record)),
        rows=tables.rows(record),
        counts=record.counts(),
        data=list(tables.data(record)),
        environment=list(tables.environment(record)),
        text="" if record.started is None else record.started.text,
    )
