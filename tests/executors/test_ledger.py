"""The account of what a cluster's node was told: nothing that it loses goes unnoticed."""

import pytest

from searchlab.executors.cluster.ledger import Ledger


class Calls:
    """Calls of a node by name, of which a test says which have finished."""

    def __init__(self) -> None:
        self.done: set[str] = set()
        self.broken: set[str] = set()

    def __call__(self, calls):
        for call in calls:
            if call in self.broken:
                raise OSError(call)
        return [call for call in calls if call in self.done]


@pytest.fixture
def calls():
    return Calls()


@pytest.fixture
def ledger(calls):
    ledger = Ledger(calls)
    ledger.add("start", (1, None))
    ledger.add("submit", (1, 7))
    return ledger


def test_the_error_of_a_call_is_told(calls, ledger):
    """A call that failed raises its error, even if others before it are still running."""
    ledger.settle()
    calls.broken.add("submit")
    with pytest.raises(OSError, match="submit"):
        ledger.settle()


def test_a_job_that_a_node_does_not_have_is_missing(calls, ledger):
    """Once the call has finished, the node must have the job until its end is told."""
    calls.done |= {"start", "submit"}
    settled = ledger.settle()
    assert ledger.missing(settled, {(1, None), (1, 7)}) is None
    assert ledger.missing(settled, {(1, None)}) == (1, 7)
    assert ledger.missing(settled, set()) == (1, None)


def test_a_job_that_has_not_arrived_is_not_missing(calls, ledger):
    """A node that is slow to take its calls has lost nothing."""
    calls.done.add("start")
    assert ledger.missing(ledger.settle(), {(1, None)}) is None
    calls.done.add("submit")
    assert ledger.missing(ledger.settle(), {(1, None)}) == (1, 7)


def test_the_end_of_a_job_or_of_its_process_is_its_end(calls, ledger):
    """Nothing is expected of it any more, also if its end is told before its call has finished."""
    ledger.end(1, 7)
    calls.done |= {"start", "submit"}
    settled = ledger.settle()
    assert ledger.missing(settled, {(1, None)}) is None
    ledger.end(1)
    assert ledger.missing(settled, set()) is None


def test_a_new_job_in_the_place_of_another_is_another(calls, ledger):
    """The calls of two jobs of one worker are told apart, although the jobs have one key."""
    calls.done |= {"start", "submit"}
    settled = ledger.settle()
    ledger.end(1, 7)
    ledger.add("next", (1, 7))
    assert ledger.missing(settled, {(1, None)}) is None
    assert ledger.missing(ledger.settle(), {(1, None)}) is None
    calls.done.add("next")
    assert ledger.missing(ledger.settle(), {(1, None)}) == (1, 7)
