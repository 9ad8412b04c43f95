"""The end phase in a real store: confirmation, the winner's scores, and baselines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from support.stores import artifacts, history, runs, track

from searchlab.journal.record import StudyRecord
from searchlab.study.ending import Ending
from searchlab.testing import entries as make
from searchlab.tracking.mlflow.state import read_ids
from searchlab.tracking.mlflow.table import as_json, trials_table

pytestmark = pytest.mark.slow  # a real MLflow store in nearly every test


def test_the_scores_of_the_winner_stand_side_by_side(uri, home):
    """The study's run has the search, confirmed (with its spread) and test scores."""
    track(uri, home, make.ended_study(scores=(0.27, 0.29)))
    run = runs(uri)["housing"]
    found = {name: run.data.metrics[name] for name in ("search/objective", "test/loss")}
    assert found == {"search/objective": 0.25, "test/loss": 0.3}
    assert run.data.metrics["confirmed/objective"] == pytest.approx(0.28)
    assert run.data.metrics["confirmed/spread"] == pytest.approx(0.02 / 2**0.5)
    tags = run.data.tags
    assert (tags["searchlab.winner"], tags["searchlab.refit_epochs"]) == ("1", "2")
    assert (tags["searchlab.confirm"], tags["searchlab.refit"]) == ("top 1, 2 seeds", "True")
    words = tags["mlflow.note.content"]
    assert "val_loss 0.28 ± 0.014 (2 seeds) confirmed, 0.25 in the search" in words
    assert "loss 0.3 on the test rows; trial 1 of study housing, refitted for 2 epochs" in words
    assert "| **the study's model** | 0.3 |" in words
    assert "| linear regression | 0.5 |" in words


def test_without_test_rows_the_store_says_what_was_measured(uri, home):
    """No number is called the test's: runs and description name the early-stopping rows."""
    entries = make.ended_study(scores=(0.27, 0.29))
    values = {**entries[0].event.study, "data": {"dataset": "iris", "test": 0}}
    entries[0] = replace(entries[0], event=replace(entries[0].event, study=values))
    track(uri, home, entries)
    found = runs(uri)
    for name, value in (("housing", 0.3), ("baseline linear", 0.5)):
        metrics = found[name].data.metrics
        assert metrics["validation/loss"] == value
        assert not [each for each in metrics if each.startswith("test/")]
    words = found["housing"].data.tags["mlflow.note.content"]
    assert "loss 0.3 on the early-stopping rows; trial 1" in words
    assert "| on the early-stopping rows | loss |" in words
    assert "test" not in words


def test_each_confirming_training_is_a_point_as_soon_as_it_ends(uri, home):
    """The study's run gets scores by seed before the study ends, and none for a failed seed."""
    entries = make.ended_study(scores=(0.27, 0.29))[:-1]
    failed = make.timed(make.confirmed(0, 8, None), begin=entries[-1].time + 1)
    track(uri, home, [*entries, *failed])
    run = runs(uri)["housing"]
    points = MlflowClient(uri).get_metric_history(run.info.run_id, "confirmed/trial_1")
    assert [(point.step, point.value) for point in points] == [(8, 0.27), (9, 0.29)]
    assert "confirmed/trial_0" not in run.data.metrics
    assert "confirmed/objective" not in run.data.metrics


def test_each_simple_model_is_a_nested_run(uri, home):
    """It has its name, test metrics and time; a failed one has its reason."""
    track(uri, home, make.ended_study())
    found = runs(uri)
    linear, boosting = found["baseline linear"], found["baseline boosting"]
    assert linear.data.tags["mlflow.parentRunId"] == found["housing"].info.run_id
    assert linear.data.tags["searchlab.kind"] == "baseline"
    assert "linear regression" in linear.data.tags["mlflow.note.content"]
    assert linear.data.metrics == {"test/loss": 0.5, "duration": 0.5}
    assert linear.info.end_time - linear.info.start_time == 500
    assert (linear.info.status, boosting.info.status) == ("FINISHED", "FAILED")
    assert boosting.data.tags["searchlab.error"] == "ValueError: units must be above 0"
    text = MlflowClient(uri).download_artifacts(boosting.info.run_id, "error.txt")
    assert Path(text).read_text() == make.FAILURE.traceback


@pytest.mark.parametrize("call", ["create_run", "log_batch", "set_terminated"])
def test_what_follows_the_search_is_there_once(uri, home, call, monkeypatch):
    """A lost answer or a lost mlflow.jsonl duplicates neither a run nor a point."""
    entries = make.ended_study()
    begun = len(entries) - 6  # the rest is the end phase
    track(uri, home, entries[:begun])
    real, failed = getattr(MlflowClient, call), []

    def the_answer_is_lost(self, *args, **kwargs):
        answer = real(self, *args, **kwargs)
        if len(failed) < 3:
            failed.append(call)
            raise ConnectionError("the answer was lost")
        return answer

    monkeypatch.setattr(MlflowClient, call, the_answer_is_lost)
    track(uri, home, entries[begun:], before=entries[:begun])
    assert len(failed) == 3
    assert track(uri, home, [], before=entries).pending == 0, "what a slow machine has left"
    once = {name: history(uri, run) for name, run in runs(uri).items()}
    (home / "mlflow.jsonl").unlink()
    track(uri, home, [], before=entries)
    found = runs(uri)
    assert {name: history(uri, run) for name, run in found.items()} == once
    assert sorted(found) == [
        "baseline boosting", "baseline dummy", "baseline linear", "housing",
        "trial-0000", "trial-0001",
    ]  # fmt: skip
    assert all(count == 1 for points in once.values() for count in points.values())
    assert set(read_ids(home).trials) == {0, 1}


def test_a_study_that_is_no_longer_refitted_forgets_the_epochs(uri, home):
    """A later process without the refit removes the earlier one's tag."""
    entries = make.ended_study()
    track(uri, home, entries)
    ending = Ending(1, 2, refit=False, baselines=True)
    later = make.finished(5.0, 1, winner=1, test={"loss": 0.4}, model_path="best/x.keras")
    more = make.timed(make.resumed(2, ending=ending), later, begin=entries[-1].time + 9)
    track(uri, home, more, before=entries)
    run = runs(uri)["housing"]
    assert "searchlab.refit_epochs" not in run.data.tags
    assert "trained on the training rows" in run.data.tags["mlflow.note.content"]
    assert run.data.metrics["test/loss"] == 0.4


def test_the_table_of_trials_has_the_confirmed_scores(uri, home):
    """A column has the mean score of each confirmed trial, and is empty for the others."""
    columns, rows = trials_table(StudyRecord(make.ended_study()))
    values = [row[columns.index("confirmed")] for row in rows]
    assert values == [None, pytest.approx(0.28)]
    assert columns.index("confirmed") == columns.index("objective") + 1
    shown = json.loads(as_json(columns, rows))["data"]
    assert shown[0][columns.index("confirmed")] is None
    assert "confirmed" not in trials_table(StudyRecord(make.small_study()))[0]


def test_a_report_that_cannot_be_made_keeps_nothing_back(uri, home):
    """The run ends as it should, with the table of its trials, and without a page."""

    def fails(record, _):
        raise ZeroDivisionError(record.spec.name)

    assert track(uri, home, make.ended_study(), render=fails).pending == 0
    run = runs(uri)["housing"]
    assert run.info.status == "FINISHED"
    files = artifacts(uri, run.info.run_id)
    assert "trials.csv" in files
    assert "report.html" not in files
