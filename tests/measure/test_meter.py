"""Metrics of all rows at once: those of scikit-learn, whatever the size of a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as scikit

from searchlab.data.target import Unseen, fit_target
from searchlab.errors import ModelError

pytestmark = pytest.mark.keras

ROWS = 203
rng = np.random.default_rng(4)
X = rng.normal(size=(ROWS, 3)).astype(np.float32)
QUANTITY = (X @ [2, -1, 0.5] + rng.normal(size=ROWS)).astype(np.float32)
CLASS = (QUANTITY > 0.3).astype(np.int64)
WEIGHTS = rng.uniform(0, 3, ROWS).astype(np.float32)


def r2(y, predicted):
    """A function as people write it, which looks at all rows that it is given."""
    from keras import ops

    error = ops.sum(ops.square(y - predicted))
    return 1 - error / ops.sum(ops.square(y - ops.mean(y)))


def f1(y, predicted):
    from keras import ops

    y, hard = ops.cast(y, "float32"), ops.round(predicted)
    both = ops.sum(y * hard)
    return 2 * both / (ops.sum(y) + ops.sum(hard))


def model_of(units=1, activation=None, loss="mse", more=(), **compiled):
    import keras

    keras.utils.set_random_seed(3)
    layers = [
        keras.Input((3,)),
        keras.layers.Dense(5, "tanh", kernel_regularizer="l2"),
        *more,
        keras.layers.Dense(units, activation),
    ]
    model = keras.Sequential(layers)
    model.compile("sgd", loss, **compiled)
    return model


def measured(model, t, y=None, w=None, batch=32, transform=None):
    from searchlab.measure.feed import Feed
    from searchlab.measure.form import Form
    from searchlab.measure.goal import Goal
    from searchlab.measure.meter import Meter

    classes = 2 if t.dtype == np.int64 else 0
    form = Form.of(model.loss, model.output_shape, classes)
    none = fit_target("none", t, Path(), classes=False, free=True)
    meter = Meter(model, Goal.one(form, model.loss), transform or none, batch, Feed((3,)))
    return meter(Unseen(X, t, t if y is None else y, w))


@pytest.mark.parametrize("batch", [1, 32, 64, 203, 500])
def test_a_function_is_given_all_rows_at_once(batch):
    """R2 and F1 written as functions are scikit-learn's of all rows, for any size of a batch."""
    model = model_of(metrics=[r2])
    predicted = model.predict(X, verbose=0)[:, 0]
    found = measured(model, QUANTITY, batch=batch)
    assert found["r2"] == pytest.approx(scikit.r2_score(QUANTITY, predicted), rel=1e-4)
    model = model_of(activation="sigmoid", loss="binary_crossentropy", metrics=[f1])
    hard = model.predict(X, verbose=0)[:, 0] > 0.5
    found = measured(model, CLASS, batch=batch)
    assert found["f1"] == pytest.approx(scikit.f1_score(CLASS, hard), rel=1e-4)


def test_a_loss_that_looks_at_several_rows_is_of_all_rows():
    """The root of a mean is not the mean of roots."""
    from keras import ops

    model = model_of(loss=lambda y, p: ops.sqrt(ops.mean(ops.square(y - p))))
    predicted = model.predict(X, verbose=0)[:, 0]
    penalty = 0.01 * float(np.square(model.layers[0].kernel).sum())
    wanted = scikit.root_mean_squared_error(QUANTITY, predicted) + penalty
    for batch in (7, 203):
        assert measured(model, QUANTITY, batch=batch)["loss"] == pytest.approx(wanted, rel=1e-5)


def test_a_class_and_a_closure_of_ones_own_have_their_values():
    """A relative error that adds up, and the loss of a quantile, are scikit-learn's."""
    import keras
    from keras import ops

    class Relative(keras.metrics.Metric):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.sum = self.add_weight(name="sum", initializer="zeros")
            self.rows = self.add_weight(name="rows", initializer="zeros")

        def update_state(self, y, predicted, sample_weight=None):
            error = ops.abs((y - predicted) / y)
            self.sum.assign_add(ops.sum(error))
            self.rows.assign_add(ops.cast(ops.size(error), "float32"))

        def result(self):
            return self.sum / self.rows

    def pinball(q):
        def loss(y, predicted):
            error = y - predicted
            return ops.mean(ops.maximum(q * error, (q - 1) * error), axis=-1)

        return loss

    model = model_of(loss=pinball(0.9), metrics=[Relative(name="relative")])
    predicted = model.predict(X, verbose=0)[:, 0]
    found = measured(model, QUANTITY)
    wanted = scikit.mean_absolute_percentage_error(QUANTITY, predicted)
    assert found["relative"] == pytest.approx(wanted, rel=1e-3)
    penalty = 0.01 * float(np.square(model.layers[0].kernel).sum())
    wanted = scikit.mean_pinball_loss(QUANTITY, predicted, alpha=0.9) + penalty
    assert found["loss"] == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("kind", ["penalties", "batch_norm", "activity", "eager", "classes"])
def test_keras_own_metrics_keep_their_values(kind):
    """Losses, penalties and metrics that are means equal those of `evaluate`."""
    import keras

    more = {
        "batch_norm": [keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)],
        "activity": [keras.layers.ActivityRegularization(l2=0.1)],
    }
    if kind == "classes":
        metrics = ["accuracy", keras.metrics.AUC(), keras.metrics.F1Score(threshold=0.5)]
        model, y = model_of(1, "sigmoid", "binary_crossentropy", metrics=metrics), CLASS
        target = y[:, None]
    else:
        metrics = ["mae", keras.metrics.RootMeanSquaredError(), keras.metrics.R2Score()]
        model, y = model_of(more=more.get(kind, ()), metrics=metrics), QUANTITY
        target = y[:, None]
    model.run_eagerly = kind == "eager"
    wanted = model.evaluate(X, target, batch_size=32, verbose=0, return_dict=True)
    found = measured(model, y)
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)


def test_a_metric_of_several_values_is_refused():
    """One value a class is no score; the message has the remedy."""
    import keras

    metric = keras.metrics.F1Score()
    model = model_of(3, "softmax", "categorical_crossentropy", metrics=[metric])
    with pytest.raises(ModelError, match=r"the metric f1_score has 3 values .* average='macro'"):
        measured(model, CLASS)


def test_a_model_that_measures_itself_does():
    """A `test_step` of the user's own is Keras' to call, so nothing changes there."""
    import keras

    class Own(keras.Sequential):
        def test_step(self, data):
            return {"loss": 7.0, "own": 8.0}

    model = Own([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert measured(model, QUANTITY) == {"loss": 7.0, "own": 8.0}


def test_weights_count_in_every_metric():
    """`metrics` are weighted as `weighted_metrics` are: scikit-learn's numbers with weights."""
    import keras

    model = model_of(metrics=["mae", keras.metrics.R2Score()])
    predicted = model.predict(X, verbose=0)[:, 0]
    found = measured(model, QUANTITY, w=WEIGHTS)
    wanted = scikit.mean_absolute_error(QUANTITY, predicted, sample_weight=WEIGHTS)
    assert found["mae"] == pytest.approx(wanted, rel=1e-5)
    wanted = scikit.r2_score(QUANTITY, predicted, sample_weight=WEIGHTS)
    assert found["r2_score"] == pytest.approx(wanted, rel=1e-4)
    model = model_of(activation="sigmoid", loss="binary_crossentropy", metrics=["accuracy"])
    hard = model.predict(X, verbose=0)[:, 0] > 0.5
    wanted = scikit.accuracy_score(CLASS, hard, sample_weight=WEIGHTS)
    assert measured(model, CLASS, w=WEIGHTS)["accuracy"] == pytest.approx(wanted, rel=1e-5)


def test_weights_that_cannot_count_are_refused():
    """A function that returns one number for all rows cannot weigh them, and is not ignored."""
    with pytest.raises(ModelError, match="weights cannot count in one of the metrics r2"):
        measured(model_of(metrics=[r2]), QUANTITY, w=WEIGHTS)


@pytest.mark.parametrize("kind", ["standard", "log1p", "quantile"])
def test_metrics_are_in_own_units_and_the_loss_is_not(kind):
    """`mae` and `r2` are of undone predictions, the loss of the transformed target."""
    prices = np.exp(QUANTITY + 10).astype(np.float32)
    transform = fit_target(kind, prices, Path(), classes=False, free=True)
    t = transform.apply(prices)
    model = model_of(metrics=["mae", r2])
    outputs = model.predict(X, verbose=0)[:, 0]
    undone = transform.undo(outputs)
    found = measured(model, t, prices, transform=transform)
    assert found["mae"] == pytest.approx(scikit.mean_absolute_error(prices, undone), rel=1e-4)
    assert found["r2"] == pytest.approx(scikit.r2_score(prices, undone), rel=1e-3)
    penalty = 0.01 * float(np.square(model.layers[0].kernel).sum())
    wanted = scikit.mean_squared_error(t, outputs) + penalty
    assert found["loss"] == pytest.approx(wanted, rel=1e-4)
