"""Rungs of Hyperband: which trials can still be promoted, however the others end."""

import random

import pytest

from searchlab.backends.rungs import Rungs

SIZE, PLACES = 9, 3


@pytest.mark.parametrize("seed", range(20))
def test_as_many_as_there_are_places_left(seed):
    """At any time they are the best of the ended ones, and the best of all is promoted next."""
    draw = random.Random(seed)  # noqa: S311 - an order, no secret
    rungs = Rungs()
    costs = {number: draw.choice([0.1, 0.2, 0.3, float("inf")]) for number in range(SIZE)}
    for number in costs:
        rungs.begin(number, (0, 0), PLACES, None)
    ended = []
    for number in draw.sample(range(SIZE), SIZE):
        rungs.end(number, costs[number])
        ended.append(number)
        best = sorted(ended, key=lambda each: (costs[each], each))
        assert rungs.promotable() == set(best[:PLACES])
    for place, source in enumerate(best[:PLACES]):
        assert rungs.promotable() == set(best[place:PLACES])
        rungs.begin(SIZE + place, (0, 1), 1, source)
    assert rungs.promotable() == set()
    rungs.end(SIZE + 1, 0.5)
    assert rungs.promotable() == {SIZE + 1}


def test_a_promotion_may_come_before_the_rung_is_through():
    """A trial that ends later can still take a place that is left."""
    rungs = Rungs()
    for number in range(3):
        rungs.begin(number, (0, 0), 2, None)
    rungs.end(0, 0.5)
    rungs.end(1, 0.6)
    rungs.begin(3, (0, 1), 0, 0)
    assert rungs.promotable() == {1}
    rungs.end(2, 0.1)
    assert rungs.promotable() == {2}


def test_brackets_do_not_compete():
    """Each has places of its own, and the last rung of one promotes nothing."""
    rungs = Rungs()
    for number, rung, places in ((0, (0, 0), 1), (1, (1, 0), 1), (2, (1, 1), 0)):
        rungs.begin(number, rung, places, None)
        rungs.end(number, float(number))
    assert rungs.promotable() == {0, 1}
