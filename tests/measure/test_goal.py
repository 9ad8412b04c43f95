"""The target of models with several outputs: each output learns it in its own form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from searchlab.data.target import Unseen, fit_target
from searchlab.errors import ModelError

pytestmark = pytest.mark.keras

ROWS = 77
rng = np.random.default_rng(8)
X = rng.normal(size=(ROWS, 3)).astype(np.float32)
Y = (X @ [1, 2, -1] + rng.normal(size=ROWS)).astype(np.float32)
WEIGHTS = rng.uniform(0, 3, ROWS).astype(np.float32)


def functional(structure):
    """A compiled model with the outputs main and aux, whose loss weighs them differently."""
    import keras

    keras.utils.set_random_seed(5)
    x = keras.Input((3,))
    hidden = keras.layers.Dense(4, "tanh", kernel_regularizer="l2")(x)
    main = keras.layers.Dense(1, name="main")(hidden)
    aux = keras.layers.Dense(1, name="aux")(hidden)
    losses = {"main": "mse", "aux": "mae"}
    weights, metrics = {"main": 0.8, "aux": 0.2}, {"main": ["mae"], "aux": ["mse"]}
    model = keras.Model(x, [main, aux] if structure == "list" else {"main": main, "aux": aux})
    if structure == "list":
        losses, weights = list(losses.values()), list(weights.values())
        metrics = list(metrics.values())
    model.compile("sgd", losses, loss_weights=weights, metrics=metrics)
    return model


def goal_of(model, outputs=("main", "aux"), classes=0):
    from searchlab.measure.feed import Feed
    from searchlab.measure.goal import Goal

    return Goal.of(model, Feed((3,)), classes, outputs)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("structure", ["list", "dict"])
def test_losses_and_metrics_of_each_output_are_those_of_keras(structure, weights):
    """Of all rows at once they are what `evaluate` gives of a single batch, under its names."""
    from searchlab.measure.feed import Feed
    from searchlab.measure.meter import Meter

    model = functional(structure)
    goal = goal_of(model)
    none = fit_target("none", Y, Path(), classes=False, free=True)
    found = Meter(model, goal, none, 16, Feed((3,)))(Unseen(X, Y, Y, weights))
    y = goal.array(Y)
    assert set(y) == {"main", "aux"} if structure == "dict" else len(y) == 2
    options = {"batch_size": ROWS, "verbose": 0, "return_dict": True}
    wanted = model.evaluate(X, y, sample_weight=weights, **options)
    losses = ("loss", "main_loss", "aux_loss")
    assert {name: found[name] for name in losses} == pytest.approx(
        {name: wanted[name] for name in losses}, rel=1e-5
    )
    error = np.abs(np.asarray(goal.predicting(model.predict(X, verbose=0)))[:, 0] - Y)
    assert found["main_mae"] == pytest.approx(np.average(error, weights=weights), rel=1e-5)
    assert set(found) == set(wanted)


@pytest.mark.parametrize("structure", ["list", "dict"])
def test_metrics_are_in_the_targets_own_units(structure):
    """The outputs' metrics are undone, each loss is of what the output has learned."""
    from searchlab.measure.feed import Feed
    from searchlab.measure.meter import Meter

    model = functional(structure)
    goal = goal_of(model)
    transform = fit_target("standard", Y * 50, Path(), classes=False, free=True)
    t = transform.apply(Y * 50)
    found = Meter(model, goal, transform, 16, Feed((3,)))(Unseen(X, t, Y * 50, None))
    main = np.asarray(goal.predicting(model.predict(X, verbose=0)))[:, 0]
    assert found["main_loss"] == pytest.approx(np.mean((main - t) ** 2), rel=1e-4)
    undone = transform.undo(main)
    assert found["main_mae"] == pytest.approx(np.mean(np.abs(undone - Y * 50)), rel=1e-4)


def test_each_output_gets_classes_as_its_loss_takes_them():
    """Of three classes, one output learns one-hot rows and the other one class numbers."""
    import keras

    x = keras.Input((3,))
    outputs = [keras.layers.Dense(3, "softmax", name=name)(x) for name in ("main", "aux")]
    model = keras.Model(x, outputs)
    losses = ["categorical_crossentropy", "sparse_categorical_crossentropy"]
    model.compile("sgd", dict(zip(("main", "aux"), losses, strict=True)))
    one_hot, numbers = goal_of(model, ("aux", "main"), 3).array(np.array([0, 2]))
    assert one_hot.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert numbers.tolist() == [0, 2]
    assert goal_of(model, ("aux", "main"), 3).main == 1


def refused(model, outputs):
    with pytest.raises(ModelError) as raised:
        goal_of(model, outputs)
    return str(raised.value)


def test_outputs_that_do_not_fit_are_told_in_one_line():
    """Each message names the output, and what to write."""
    import keras

    model = functional("list")
    assert refused(model, ()).endswith("as target: {main: COLUMN, aux: COLUMN}")
    said = refused(model, ("mian", "aux"))
    assert said.startswith("the model has no output 'mian'; did you mean 'main'?")
    one = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    one.compile("sgd", "mse")
    assert "the model has one output" in refused(one, ("main", "aux"))
