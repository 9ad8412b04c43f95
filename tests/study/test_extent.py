"""How much a study trains is known from its file."""

import pytest

from searchlab.study.extent import Extent, extent
from searchlab.testing.doubles import study


def test_trials_folds_and_confirmations_count():
    """Each trial has a training for each fold, and each confirmation one."""
    given = {"search": {"trials": 4}, "training": {"epochs": 5}, "evaluation": {"folds": 3}}
    plain = study(**given, confirm=0)
    assert extent(plain) == Extent(4, 12, 60)
    confirmed = study(**given, confirm={"top": 2, "seeds": 3})
    assert extent(confirmed) == Extent(4, 18, 90)


def test_a_study_without_a_number_of_trials_has_none():
    """Only the clock ends it."""
    assert extent(study(search={"seconds": 60})) is None


@pytest.mark.parametrize(("epochs", "factor"), [(4, 3), (9, 3), (10, 2), (100, 3), (1, 3)])
def test_hyperbands_trials_are_those_of_keras_tuner(epochs, factor):
    """The trials and epochs are those that the oracle gives if no trial fails."""
    from searchlab.backends.base import Problem
    from searchlab.backends.hyperband import HyperbandBackend
    from searchlab.core.trial import Outcome, TrialState

    spec = study(
        search={"backend": "hyperband", "options": {"factor": factor}},
        training={"epochs": epochs},
        confirm=0,
    )
    backend = HyperbandBackend(Problem.of(spec, "regression", ()))
    number = total = points = 0
    while (suggestion := backend.ask(number)) is not None:
        total += suggestion.epochs - suggestion.initial_epoch
        points += suggestion.resume_from is None
        backend.tell(Outcome(number, TrialState.COMPLETE, 1.0 / (number + 1)))
        number += 1
    assert extent(spec) == Extent(points, number, total)


def test_epochs_that_are_a_param_count_as_the_most() -> None:
    """A study whose trials have epochs of their own trains no more than with the most of them."""
    spec = study(training={"epochs": {"choice": [2, 5]}}, search={"trials": 3}, confirm=0)
    fixed = study(training={"epochs": 5}, search={"trials": 3}, confirm=0)
    assert extent(spec) == extent(fixed)
