"""The page of nested folds: each fold's scores, what its search chose, and the spread."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from report.html.page_entries import finished, many

from searchlab.cli import cli
from searchlab.journal.home import StudyHome, load_folds
from searchlab.journal.journal import Journal
from searchlab.journal.record import StudyRecord
from searchlab.report.html.folds import folds_page, params
from searchlab.testing import entries as make


def of_fold(record: StudyRecord, fold: int) -> StudyRecord:
    """Return a study as that of one of three test folds."""
    data = record.spec.data.model_copy(update={"test_folds": 3, "test_fold": fold})
    object.__setattr__(record.spec, "data", data)
    object.__setattr__(record.spec, "name", f"housing-fold-{fold}")
    return record


def test_it_has_scores_params_and_their_spread() -> None:
    """One fold without a score leaves the mean open, and the headline says how many are done."""
    records = [of_fold(finished(), 1), of_fold(finished(), 3)]
    page = folds_page("housing", records)
    assert "2 of 3 folds have a score" in page
    for text in ("fold 1", "fold 3", "0.4062", "boosting", "housing-fold-3", "the same in all"):
        assert text in page
    assert "fold 2" not in page
    whole = [
        of_fold(finished(metrics={"loss": value}), n) for n, value in ((1, 0.4), (2, 0.5), (3, 0.6))
    ]
    assert "0.5 ± 0.1 on rows that no search has seen" in folds_page("housing", whole)


def test_params_that_differ_have_their_range() -> None:
    """A number has its least and largest value, another param how many different ones."""
    other = of_fold(many(), 2)
    rows = {row.name: row for row in params([of_fold(finished(), 1), other])}
    assert rows["trial"].values == ("6", "7")
    assert set(rows) == {"trial", *dict(other.spec.search_space.domains)}
    assert all(len(row.values) == 2 for row in rows.values())


def test_a_page_without_a_score_has_no_params() -> None:
    """Studies that have only begun are shown with their state."""
    begun = StudyRecord(make.timed(make.started(make.spec()), make.RESUMED))
    page = folds_page("housing", [of_fold(begun, 1)])
    assert "0 of 3 folds have a score" in page
    assert "What each search chose" not in page


def test_report_finds_the_folds_of_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the file stands for its folds' studies, in the order of their numbers."""
    monkeypatch.chdir(tmp_path)
    for fold in (10, 2):
        spec = make.spec(name=f"h-fold-{fold}")
        data = spec.data.model_copy(update={"test_folds": 12, "test_fold": fold})
        home = StudyHome(spec.name, tmp_path)
        with home.locked(), Journal(home.paths.journal) as journal:
            for event in (make.started(spec.model_copy(update={"data": data})), make.RESUMED):
                journal.append(event)
    assert [each.spec.data.test_fold for each in load_folds("h", tmp_path)] == [2, 10]
    assert load_folds("h-fold", tmp_path) == []
    ran = CliRunner().invoke(cli, ["report", "h"], catch_exceptions=False)
    assert (ran.exit_code, ran.output) == (0, "h.html\n")
    assert "0 of 12 folds have a score" in (tmp_path / "h.html").read_text()
    assert CliRunner().invoke(cli, ["report", "h-fold"]).exit_code == 2
