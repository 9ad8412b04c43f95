"""Logical time, derived only from the journal's events."""

import pytest

from searchlab.journal.clock import Clock
from searchlab.journal.events import Reported
from searchlab.testing import entries as make
from searchlab.testing.entries import asked


def reported(number: int, *epochs: int) -> list[Reported]:
    return [make.reported(number, epoch) for epoch in epochs]


def at(*events) -> Clock:
    clock = Clock()
    for event in events:
        clock.apply(event)
    return clock


def test_a_trial_starts_when_it_is_asked_for():
    """The time is that of the latest report, counted from the start of its trial."""
    clock = at(make.RESUMED, asked(0), asked(1), *reported(0, 1, 2, 3), *reported(1, 1), asked(2))
    assert [clock.start(number) for number in range(3)] == [0, 0, 3]
    assert clock.now == 3
    clock.apply(reported(2, 1)[0])
    assert clock.now == 4


def test_reports_count_not_epochs():
    """A promoted trial begins at a late epoch and a second fold at epoch 1: each is one report."""
    second = make.reported(0, 1, fold=1)
    assert at(asked(0), *reported(0, 28, 29), second).now == 3


@pytest.mark.parametrize("again", [make.RESUMED, make.retried(0)])
def test_an_attempt_that_begins_anew_keeps_its_start(again):
    """A retried attempt counts from its trial's start; time stands still until it has caught up."""
    clock = at(asked(0), *reported(0, 1), asked(1), *reported(0, 2, 3), again)
    assert (clock.start(0), clock.start(1)) == (0, 1)
    times = []
    for event in reported(0, 1, 2, 3, 4):
        clock.apply(event)
        times.append(clock.now)
    assert times == [3, 3, 3, 4]


def test_only_the_trial_that_is_retried_begins_anew():
    """A retry does not interrupt the count of the other running trials' reports."""
    events = asked(0), asked(1), *reported(1, 1, 2), make.retried(0), *reported(1, 3)
    assert at(*events).now == 3


def test_an_outcome_takes_no_time():
    """A trial that is asked for after an outcome starts with the last report before it."""
    ended = make.told(0, "PRUNED")
    assert at(asked(0), *reported(0, 1, 2), ended, asked(1)).start(1) == 2
