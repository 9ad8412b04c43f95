"""Studies too short for their variety are trained without programs, all others with them."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from searchlab.fused.worth import too_varied


def test_a_short_study_whose_trials_have_nothing_in_common_is_too_varied():
    """Each trial would need a program of its own; the reason says how many."""
    reason = too_varied(count(), points=10, trainings=10, epochs=26, steps=27)
    assert "about 10 programs would be made for 10 trainings of 26 epochs in all" in reason


@pytest.mark.parametrize(
    ("kinds", "trainings", "epochs"),
    [
        pytest.param(6, 20, 600, id="trials share a few programs"),
        pytest.param(1000, 10, 20_000, id="epochs are many"),
        pytest.param(1000, 3, 3, id="little can be saved"),
        pytest.param(1, 1000, 1000, id="all share one program"),
    ],
)
def test_other_studies_are_not(kinds, trainings, epochs):
    """Programs are made if they pay, or if little would be gained without them."""
    places = np.random.default_rng(2)
    keys = (int(places.integers(kinds)) for _ in count())
    assert too_varied(keys, trainings, trainings, epochs, steps=27) is None


def test_no_more_points_are_looked_at_than_needed():
    """A study that is long enough whatever its trials are needs no look, a uniform one eight."""
    keys = count()
    too_varied(keys, points=10, trainings=10, epochs=20_000, steps=27)
    assert next(keys) == 0
    asked = []
    too_varied((asked.append(each) for each in count()), 50, trainings=50, epochs=50, steps=1)
    assert len(asked) == 8
