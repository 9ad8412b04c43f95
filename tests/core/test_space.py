"""The search space: invalid params, membership of points, and active params."""

import numpy as np
import pytest

from searchlab.core.domains import Choice, Float, Int, When
from searchlab.core.space import SearchSpace


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Int(3, 0), "above the high end"),
        (lambda: Int(0, 4, log=True), "start at 1"),
        (lambda: Int(0, 4, step=0), "at least 1"),
        (lambda: Int(0, 5, step=2), "end at 4"),
        (lambda: Int(1, 5, step=2, log=True), "exclude each other"),
        (lambda: Float(0.0, 1.0, log=True), "above 0"),
        (lambda: Float(1.0, 0.5), "above the high end"),
        (lambda: Float(0.0, float("inf")), "finite"),
        (lambda: Float(0.0, 1.0, step=0.0), "above 0"),
        (lambda: Float(0.0, 1.0, step=1e-5), "makes 100,001 values, more than 100,000"),
        (lambda: Choice(()), "at least one"),
        (lambda: Choice(("a", "b", "a")), "twice"),
        (lambda: Choice((1.0, float("nan"))), "finite"),
    ],
)
def test_impossible_params_are_refused(make, message):
    """A range or choice that cannot be sampled is rejected with the reason."""
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Int(1.5, 3), "low must be a whole number, got 1.5"),
        (lambda: Int(1, float("nan")), "high must be a whole number, got nan"),
        (lambda: Int("1", 3), "low must be a whole number, got '1'"),
        (lambda: Int(True, 3), "low must be a whole number, got True"),
        (lambda: Int(1, 3, step=0.5), "step must be a whole number, got 0.5"),
        (lambda: Int(1, 3, log="yes"), "log must be True or False, got 'yes'"),
        (lambda: Int(1, 3, when="n_hidden"), "when must be a When, such as"),
        (lambda: Float(None, 1.0), "low must be a number, got None"),
        (lambda: Float(0.0, "1"), "high must be a number, got '1'"),
        (lambda: Float(0.0, 10**400), "high is too large"),
        (lambda: Float(0.0, 1.0, step="a"), "step must be a number, got 'a'"),
        (lambda: Choice(5), r"give a list of choices, such as \[5\]"),
        (lambda: Choice("relu"), r"give a list of choices, such as \['relu'\]"),
        (lambda: Choice({"relu", "elu"}), "a set has no fixed order"),
        (lambda: Choice({"relu": 1}), "a dict has no fixed order"),
        (lambda: Choice([[1], [2]]), r"must be plain values .*, got \[1\]: write lists as"),
        (lambda: Choice(["relu"], when="n_hidden"), "when must be a When, such as"),
        (lambda: When("activation", "relu"), r"give a list of values, such as \['relu'\]"),
        (lambda: When("n_hidden", 1), r"give a list of values, such as \[1\]"),
        (lambda: When("n_hidden", []), "give at least one value of n_hidden"),
    ],
)
def test_values_of_another_type_are_refused_at_once(make, message):
    """A program that passes a text for a number learns that where it makes the param."""
    with pytest.raises(ValueError, match=message):
        make()


def test_the_values_of_other_libraries_become_plain_ones():
    """NumPy's numbers, and the numbers of an array, are kept as Python's own."""
    whole, real = Int(np.int64(1), np.int8(3)), Float(np.float64(0.5), np.int64(1))
    choice, when = Choice(np.array([1, 2])), When("a", [np.int64(1)])
    assert (whole, real) == (Int(1, 3), Float(0.5, 1.0))
    assert {type(each) for each in (whole.low, whole.high)} == {int}
    assert {type(each) for each in (real.low, real.high)} == {float}
    assert [type(each) for each in (*choice.values, *when.values)] == [int] * 3


def test_contains_tells_types_apart():
    """A param contains its values with their Python type only: True is not 1, and 1 is not 1.0."""
    assert Int(0, 3).contains(2)
    assert not Int(0, 3).contains(True)
    assert not Int(0, 3).contains(2.0)
    assert not Int(0, 4, step=2).contains(3)
    assert Float(0.0, 1.0).contains(1.0)
    assert not Float(0.0, 1.0).contains(1)
    assert Choice((1, "1", None)).contains(None)
    assert not Choice((1, "1", None)).contains(True)


def test_choices_that_python_thinks_equal_are_different_values():
    """1, 1.0 and True may all appear in one choice, each with its own index."""
    choice = Choice((1, True, 1.0))
    assert [choice.index(value) for value in (1, True, 1.0)] == [0, 1, 2]


SPACE = SearchSpace(
    {
        "n_hidden": Int(0, 2),
        "n_neurons": Int(1, 9, when=When("n_hidden", (1, 2))),
        "dropout": Float(0.0, 0.5, when=When("n_neurons", (9,))),
    }
)


def test_a_param_whose_condition_does_not_hold_is_left_out():
    """Conditions are transitive: a param that depends on an inactive one is inactive too."""
    assert SPACE.active({"n_hidden": 0, "n_neurons": 9, "dropout": 0.1}) == {"n_hidden": 0}
    assert SPACE.active({"n_hidden": 1, "n_neurons": 9, "dropout": 0.1}) == {
        "n_hidden": 1,
        "n_neurons": 9,
        "dropout": 0.1,
    }


def test_a_point_has_exactly_the_active_params():
    """A point with a missing or an extra param is not in the space."""
    assert SPACE.contains({"n_hidden": 0})
    assert SPACE.contains({"n_hidden": 1, "n_neurons": 3})
    assert not SPACE.contains({"n_hidden": 1})
    assert not SPACE.contains({"n_hidden": 0, "n_neurons": 3})


def test_conditions_on_unknown_params_or_values_are_refused():
    """A condition must name an earlier param and one of its values."""
    with pytest.raises(ValueError, match="which comes below it: move it above"):
        SearchSpace({"a": Int(0, 1, when=When("b", (1,))), "b": Int(0, 1)})
    with pytest.raises(ValueError, match="which it never is"):
        SearchSpace({"b": Int(0, 1), "a": Int(0, 1, when=When("b", (7,)))})


@pytest.mark.parametrize(
    ("domains", "count"),
    [
        ({"a": Int(0, 3), "b": Choice(("x", "y"))}, 8),
        ({"a": Int(0, 10, step=5), "b": Float(0.0, 0.4, step=0.1)}, 15),
        ({"a": Float(1.0, 1.0)}, 1),
        ({"a": Int(0, 3), "b": Float(0.0, 1.0)}, None),
    ],
)
def test_the_points_of_a_space_are_counted(domains, count):
    """A space of steps and choices has a finite count; one with a continuous range has none."""
    assert SearchSpace(domains).count == count
