"""The rows that every table is made of."""

from __future__ import annotations

import math

from report.html.page_entries import finished, many, record

from searchlab.core.trial import Outcome, TrialState
from searchlab.journal.events import Compared, Told
from searchlab.report.rows import baseline_rows, best_first, study_row, trial_row, trial_rows
from searchlab.testing import entries as make


def test_a_row_has_all_of_its_trial():
    """The winner's row has its value, its confirmed mean and its params; the best has its mark."""
    rows = {row.number: row for row in trial_rows(finished())}
    assert sorted(rows) == list(range(10))
    assert (rows[6].value, rows[6].confirmed) == (1 / 7, 0.25)
    assert (rows[6].epochs, rows[6].seconds, rows[6].seed) == (3, 1.5, 106)
    assert rows[6].params == {"units": 14, "rate": 0.007, "norm": None}
    assert [number for number, row in rows.items() if row.chosen] == [6]
    assert [number for number, row in rows.items() if row.best] == [7]
    assert rows[5].confirmed is None
    assert rows[9].error == "ValueError: units must be above 0"


def test_an_unknown_or_infinite_value_is_none():
    """No table has to look for NaN, nor for trials without an outcome."""
    pruned = Told(Outcome(0, TrialState.PRUNED, math.nan, scores=(math.inf, 1.0)))
    study = record([make.asked(0), pruned], [make.asked(1)])
    ended, running = trial_rows(study)
    assert (ended.value, ended.scores) == (None, (None, 1.0))
    assert (running.state, running.value, running.seconds) == (TrialState.RUNNING, None, None)
    compared = finished()
    compared.baselines["linear"] = Compared("linear", {"loss": math.nan}, 0.5)
    assert {row.name: row.metrics for row in baseline_rows(compared)}["linear"] == {"loss": None}


def test_the_best_rows_come_first():
    """COMPLETE trials by their objective, then the others by number."""
    study = many()
    numbers = [row.number for row in best_first(trial_rows(study), study)]
    assert numbers == [7, 6, 5, 4, 3, 2, 1, 0, 8, 9]


def test_a_single_row_is_as_in_the_table():
    """A trial by itself is the row of the table, but for the score that others decide."""
    study = finished()
    assert trial_row(study.trials[6], study, 0.25) == trial_rows(study)[6]


def test_a_study_has_its_three_scores():
    """The row of a study has the best of the search, the confirmed mean and the test score."""
    row = study_row(finished())
    assert (row.best, row.confirmed, row.value) == (0.125, 0.25, 0.4062)
    assert (row.trials, row.state, row.metric) == (10, "finished", "val_loss")
