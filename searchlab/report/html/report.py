"""`searchlab report`: the page of one study."""

from __future__ import annotations

from pathlib import Path

from searchlab.data.understood import read_profile
from searchlab.journal.layout import StudyLayout
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import fresh_seeds
from searchlab.report import reasons
from searchlab.report.html import rivals, sections
from searchlab.report.html.columns import columns, hidden
from searchlab.report.html.figures import DRAWERS
from searchlab.report.html.headline import headline, sentence, subtitle
from searchlab.report.html.page import drawn, render
from searchlab.report.html.scores import scores
from searchlab.report.phrases import counted
from searchlab.report.results import chosen, findings, measured_text
from searchlab.report.rows import best_first, trial_rows

_MOST = 1000  # trials in the table; a browser opens a page with 100,000 rows in minutes


def report_page(record: StudyRecord, directory: Path | None = None) -> str:
    """Return the page of a study in any state, as HTML that needs no network.

    A picture that cannot be drawn is left out. Optuna is imported if there are enough trials for
    the importance of their params.

    Args:
        record: the study.
        directory: the study's directory, which has the profile of its data; None for a page
            without one.
    """
    trial, rows = chosen(record), trial_rows(record)
    profile = None if directory is None else read_profile(StudyLayout(directory).profile)
    return render(
        "report.html.j2",
        name=record.spec.name,
        state=record.state,
        metric=record.spec.objective.metric,
        direction="higher" if record.spec.objective.maximized else "lower",
        headline=headline(record),
        sentence=sentence(record),
        subtitle=subtitle(record),
        scores=scores(record),
        verdict=rivals.verdict(record),
        rivals=rivals.rivals(record),
        rival_metrics=rivals.metrics(record),
        measured=measured_text(record),
        candidates=list(sections.candidates(record)),
        seeds=fresh_seeds(record),
        chosen=None if trial is None else trial.trial.number,
        params=sections.params(record),
        figures=drawn(DRAWERS, record),
        failures=list(reasons.failures(rows)),
        unfused=list(reasons.unfused(rows)),
        rows=best_first(rows, record)[:_MOST],
        trials=len(rows),
        counts=counted(record),
        data=list(sections.data(record)),
        findings=findings(record),
        columns=columns(profile),
        hidden=hidden(profile),
        environment=list(sections.environment(record)),
        text="" if record.started is None else record.started.text,
    )
