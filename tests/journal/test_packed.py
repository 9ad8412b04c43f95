"""Reports that are kept packed once their trial has ended."""

from __future__ import annotations

import pytest

from searchlab.core.trial import Report
from searchlab.errors import JournalError
from searchlab.journal.packed import Packed, packed
from searchlab.testing import entries as make

PLAIN = [
    Report(3, fold, epoch, {"loss": 0.1 * epoch, "b": -1.5}) for fold in (0, 1) for epoch in (1, 2)
]


def test_packed_reports_are_the_same_reports():
    """In order, by place and by slice, with numbers to the last bit."""
    found = packed(PLAIN)
    assert isinstance(found, Packed)
    assert list(found) == PLAIN == found
    assert (found[0], found[-1], found[1:3]) == (PLAIN[0], PLAIN[-1], PLAIN[1:3])
    assert list(found[1].metrics) == ["loss", "b"]
    with pytest.raises(IndexError):
        found[4]


def test_values_that_are_not_finite_stay():
    """A diverged training shows where it did."""
    [report] = packed([Report(0, 0, 1, {"loss": float("nan"), "b": float("-inf")})])
    assert repr(report.metrics) == "{'loss': nan, 'b': -inf}"


@pytest.mark.parametrize("metrics", [{"b": 1.0, "loss": 0.5}, {"loss": 1, "b": 0.5}, {"loss": 0.5}])
def test_reports_that_differ_in_more_than_numbers_stay_as_they_are(metrics):
    """Others, their order and whole numbers come back as they were."""
    reports = [*PLAIN, Report(3, 1, 3, metrics)]
    assert repr(list(packed(reports))) == repr(reports)


def test_a_report_of_a_trial_that_has_ended_is_refused_in_one_line():
    """It fits no journal that a process has written."""
    events = [make.started(make.spec()), make.RESUMED, *make.trial(0), make.reported(0, 4)]
    with pytest.raises(JournalError, match="trial 0 reports before it was begun or after its end"):
        make.record(*events)
