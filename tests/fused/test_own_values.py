"""No trial is trained with another's value, wherever the factory has put it."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.keras

VALUES = (0.3, 2.0)
HOLDING = [
    *("lambda_activation", "default_argument", "lambda_layer", "partial_of_keras"),
    *("partial_of_own", "callable_object", "bound_method", "changed_container", "own_layer"),
    *("own_layers_attribute", "keras_layers_attribute", "adapted", "replaced_method"),
    *("variables_penalty", "own_penalty", "own_constraint", "loss_function", "loss_object"),
    *("metric_function", "wrapped_metric", "models_attribute"),
]
LEAVING = {
    "attributed": "the variable with_attribute of leaving_factories",
    "hidden_global": "the variable SLOPE of leaving_factories",
    "default_container": "the variable default_container of leaving_factories",
    "shared_cell": "the variable keep of leaving_factories",
    "class_attribute": "the variable BY_CLASS of leaving_factories",
    "environment": "the environment variable SLOPE",
    "epsilon": "Keras' epsilon",
    "precision": "Keras' dtype policy",
}
MORE = {"default_container", "shared_cell", "class_attribute"}  # other places of one kind


@pytest.fixture(name="jobs", scope="module")
def _jobs(tmp_path_factory):
    """Make the jobs of some trials: `jobs(file, factory, values)`."""
    from support.fused import Bench

    bench = Bench(tmp_path_factory.mktemp("study"))

    def make(file, factory, values=VALUES, seed=7):
        given = [
            bench.job(number, epochs=2, seed=seed, slope=value)
            for number, value in enumerate(values)
        ]
        model = {"model": f"{file}_factories.py:{factory}"}
        return [replace(job, spec=job.spec.model_copy(update=model)) for job in given]

    return make


def structures(jobs):
    """Return the structures of the jobs' models."""
    from searchlab.data.prepared import open_data
    from searchlab.fused.sharing import Sharing
    from searchlab.fused.structure import structure_of
    from searchlab.training.build import build, make_variables

    found = []
    for job in jobs:
        data = open_data(job.data)
        model = build(job, data)
        make_variables(model, data)
        # Equal params: the model alone must tell.
        found.append(structure_of(model, {}, Sharing()))
    return found


@pytest.mark.parametrize("factory", HOLDING)
def test_models_of_different_values_share_no_program(jobs, factory):
    """Different values make other structures, or are numbers of theirs, even without the params."""
    one, other = VALUES
    first, same, another = structures(jobs("holding", factory, (one, one, other)))
    assert (first, first.numbers) == (same, same.numbers)
    assert (first, first.numbers) != (another, another.numbers)


def test_functional_models_share_a_program_whatever_their_names():
    """Keras counts the layers that a process has made in their names."""
    import keras

    from searchlab.fused.sharing import Sharing
    from searchlab.fused.structure import structure_of

    def structure():
        inputs = keras.Input((3,))
        outputs = keras.layers.Dense(1)(keras.layers.Dense(4)(inputs))
        model = keras.Model(inputs, outputs)
        model.compile("sgd", "mse")
        model.optimizer.build(model.trainable_variables)
        return structure_of(model, {}, Sharing())

    assert structure() == structure()


def test_a_model_that_the_seed_decides_shares_no_program(jobs):
    """The same params with another seed, as in confirmation, are another model."""
    first = structures(jobs("holding", "random_closure"))
    other = structures(jobs("holding", "random_closure", seed=8))
    assert first[0] != other[0]
    assert first == structures(jobs("holding", "random_closure"))


def test_all_factories_are_tried():
    """No factory of the files is forgotten in the lists above."""
    from fused import holding_factories, leaving_factories

    for module, names in (
        (holding_factories, [*HOLDING, "random_closure"]),
        (leaving_factories, LEAVING),
    ):
        functions = dict(inspect.getmembers(module, inspect.isfunction)).items()
        given = {name for name, each in functions if "slope" in inspect.signature(each).parameters}
        assert given - {"leaky"} == set(names)


@pytest.mark.parametrize(
    "factory",
    [
        pytest.param(each, marks=[] if each == "lambda_activation" else pytest.mark.long)
        for each in HOLDING
    ],
)
def test_each_value_is_trained_as_alone(jobs, factory):
    """Fused beside each other, trials have the scores that each has alone, in another process."""
    from support.fused import Declined, assert_same, run_alone, run_fused

    given = jobs("holding", factory)
    wanted = [run_alone(job) for job in given]
    assert not np.isclose(wanted[0][1].metrics["val_loss"], wanted[1][1].metrics["val_loss"]) or (
        "metric" in factory
    )
    for number, found in run_fused(given).items():
        assert not isinstance(found[1], Declined), found[1].reason
        assert_same(found, wanted[number])


@pytest.mark.parametrize(
    "factory",
    [pytest.param(each, marks=pytest.mark.long if each in MORE else []) for each in LEAVING],
)
def test_values_that_outlive_a_call_end_fusing(jobs, factory):
    """A change that no source tells is noticed at the call that makes it; the reason names it."""
    from support.fused import Declined, Driver, run_alone

    given = jobs("leaving", factory, (0.0, *VALUES))
    results = Driver(1).run(given[1:])
    for _, end in results.values():
        assert isinstance(end, Declined), end
        assert f"its code changes {LEAVING[factory]}, which another trial's" in end.reason
    if factory not in ("precision", "epsilon"):  # which only change digits here
        low, high = (run_alone(job)[1].metrics["val_loss"] for job in given[1:])
        assert low != high
