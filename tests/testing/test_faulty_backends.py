"""The contract of backends, held against backends that break one law each."""

from __future__ import annotations

import random

import numpy as np
import pytest

from searchlab.backends.base import Options
from searchlab.core.domains import Choice
from searchlab.core.trial import Decision, Suggestion
from searchlab.testing import BackendContract
from searchlab.testing.searches import PROBLEM


class Even:
    """Draw each trial evenly, from the seed and its number; it keeps all laws but one of these."""

    Options = Options
    prunes = sets_epochs = resumes_weights = needs_trials = False
    tries_known = True
    at_once = None

    def __init__(self, problem):
        self.problem = problem

    def ask(self, number):
        draw = random.Random(f"{self.problem.seed} {number}")  # noqa: S311 - points, not secrets
        values = {name: self.value(domain, draw) for name, domain in self.problem.space}
        return Suggestion(self.problem.space.active(values), self.problem.epochs)

    def value(self, domain, draw):
        if isinstance(domain, Choice):
            return draw.choice(domain.values)
        if isinstance(domain.low, int):
            return draw.randrange(domain.low, domain.high + 1, domain.step)
        return draw.uniform(domain.low, domain.high)

    def report(self, report):
        return Decision.CONTINUE

    def tell(self, outcome):
        pass

    def close(self):
        pass


class Numbers(Even):
    """Its numbers are NumPy's."""

    def value(self, domain, draw):
        found = super().value(domain, draw)
        return np.float64(found) if type(found) is float else found


class Plain(Even):
    """It answers with params alone."""

    def ask(self, number):
        return {"n_hidden": 1}


class Whole(Even):
    """It suggests params whose condition does not hold, too."""

    def ask(self, number):
        draw = random.Random(number)  # noqa: S311 - points, not secrets
        values = {name: self.value(domain, draw) for name, domain in self.problem.space}
        return Suggestion(values, self.problem.epochs)


class Outside(Even):
    """It leaves the range of a param."""

    def value(self, domain, draw):
        found = super().value(domain, draw)
        return found + 5 if getattr(domain, "high", None) == 1.0 else found


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        (Numbers, r"learning_rate must be a plain value of Float.*of type float64"),
        (Plain, r"ask\(0\) must return a Suggestion or None, got \{'n_hidden': 1\}"),
        (Whole, r"these params are active, in this order: \['n_hidden', 'n_neurons'"),
        (Outside, r"momentum must be a plain value of Float\(low=0.0, high=1.0"),
    ],
)
def test_a_broken_law_is_named_with_what_broke_it(backend, message):
    """The failure says which call or param it was, what it should have been, and what came."""
    law = BackendContract().test_params_are_points_of_the_space
    with pytest.raises(AssertionError, match=message):
        law(lambda: backend(PROBLEM))


def test_a_backend_that_keeps_the_law_passes():
    """The backend from which the faulty ones differ in one thing breaks no law of params."""
    BackendContract().test_params_are_points_of_the_space(lambda: Even(PROBLEM))
