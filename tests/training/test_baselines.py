"""Baseline models: fitted to the network's rows and measured by the same metrics."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from searchlab.core.trial import Suggestion, Trial
from searchlab.errors import ModelError
from searchlab.journal.layout import refit_data
from searchlab.testing.doubles import study
from searchlab.training.job import BaselineJob, baselines

pytestmark = pytest.mark.keras

FACTORY = """
import keras

def build(units=1, activation=None, loss="mse", from_logits=False, own=False, l2=0.0):
    penalty = keras.regularizers.L2(l2) if l2 else None
    layer = keras.layers.Dense(units, activation=activation, kernel_regularizer=penalty)
    model = keras.Sequential([layer])
    if from_logits:
        loss = getattr(keras.losses, from_logits)(from_logits=True)
    metric = "accuracy" if loss != "mse" else mine if own else "mae"
    model.compile("sgd", loss=halved if own else loss, metrics=[metric])
    return model

def halved(y, predicted):
    return keras.losses.mean_squared_error(y, predicted) / 2

class Autoencoder(keras.Model):
    def test_step(self, data):
        return super().test_step((data[0], data[0]))

def build_autoencoder(units=10):
    x = keras.Input((units,))
    model = Autoencoder(x, keras.layers.Dense(units)(x))
    model.compile("sgd", "mse")
    return model

def mine(y, predicted):
    return keras.ops.abs(keras.ops.reshape(y, (-1, 1)) - predicted) * 10
"""


@pytest.fixture
def measure(tmp_path):
    """A function that fits a baseline of a study with this data and a factory of these params."""
    from searchlab.data.prepare import prepare
    from searchlab.data.prepared import open_data
    from searchlab.training.fit import run

    def measure(baseline, dataset, refit=True, folds=None, build="build", **params):
        (tmp_path / "factory.py").write_text(FACTORY)
        evaluation = {"holdout": 0.2} if folds is None else {"folds": folds}
        model = f"factory.py:{build}"
        spec = study(data=dataset, model=model, refit=refit, evaluation=evaluation)
        prepare(spec, tmp_path, tmp_path / "data")
        trial = Trial(3, Suggestion(params, epochs=1), seed=11)
        data = refit_data(tmp_path / "data") if refit else tmp_path / "data"
        job = BaselineJob(
            number=3,
            trial=trial,
            spec=spec,
            base=tmp_path,
            data=data,
            directory=tmp_path,
            baseline=baseline,
        )
        measured = run(job, emit=None)
        if measured.error is not None:
            raise ModelError(measured.error.message)
        return measured.metrics, open_data(data)

    return measure


def rows(data, refit, folds):
    """Return the rows to which a study's model is fitted."""
    fit = np.arange(len(data.x_train)) if folds or refit else data.folds[0][0]
    return data.x_train[fit], data.y_train[fit]


@pytest.mark.parametrize(("refit", "folds"), [(True, None), (False, None), (False, 2)])
def test_a_baseline_is_fitted_to_the_rows_of_the_studys_model(measure, refit, folds):
    """Its scores on the test rows are those of scikit-learn's model fitted to the same rows."""
    from sklearn.linear_model import LinearRegression

    found, data = measure("linear", {"dataset": "diabetes"}, refit, folds)
    model = LinearRegression().fit(*rows(data, refit, folds))
    errors = model.predict(data.x_test) - data.y_test
    assert found["loss"] == pytest.approx(float(np.mean(errors**2)), rel=1e-4)
    assert found["mae"] == pytest.approx(float(np.mean(np.abs(errors))), rel=1e-4)


@pytest.mark.parametrize(
    ("data", "params"),
    [
        ("iris", {"units": 3, "loss": "sparse_categorical_crossentropy", "activation": "softmax"}),
        ("iris", {"units": 3, "from_logits": "SparseCategoricalCrossentropy"}),
        ("breast_cancer", {"loss": "binary_crossentropy", "activation": "sigmoid"}),
        ("breast_cancer", {"from_logits": "BinaryCrossentropy"}),
        ("breast_cancer", {"units": 2, "loss": "sparse_categorical_crossentropy", "l2": 0.1}),
    ],
    ids=["softmax", "logits", "sigmoid", "one-logit", "two-units"],
)
def test_classes_are_measured_with_the_networks_loss(measure, data, params):
    """Whatever the output of the network's last layer, the loss is scikit-learn's log loss."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    found, rows_ = measure("logistic", {"dataset": data}, **params)
    model = LogisticRegression(max_iter=1000).fit(*rows(rows_, refit=True, folds=None))
    expected = log_loss(rows_.y_test, model.predict_proba(rows_.x_test))
    assert found["loss"] == pytest.approx(expected, rel=1e-3)


def test_a_users_own_loss_and_metric_are_used(measure):
    """A custom loss and metric are used without being registered with Keras."""
    plain, _ = measure("linear", {"dataset": "diabetes"})
    own, _ = measure("linear", {"dataset": "diabetes"}, own=True)
    assert own["loss"] == pytest.approx(plain["loss"] / 2, rel=1e-5)
    assert own["mine"] == pytest.approx(plain["mae"] * 10, rel=1e-5)


def test_rows_weigh_what_the_study_says(measure, tmp_path):
    """Row weights apply both to the fit and to the test rows."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"a": rng.normal(size=200), "w": np.arange(200) % 2})
    table["y"] = np.where(table.w > 0, 3 * table.a, rng.normal(size=200) * 50)
    table.to_csv(tmp_path / "t.csv", index=False)
    data = {"path": "t.csv", "target": "y", "task": "regression"}
    heavy, _ = measure("linear", {**data, "weight": "w"})
    light, _ = measure("linear", {**data, "drop": ["w"]})
    assert heavy["loss"] < 1e-6 < light["loss"]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ("diabetes", ("dummy", "linear", "boosting")),
        ("iris", ("dummy", "logistic", "perceptron", "boosting")),
    ],
)
def test_each_task_has_its_baselines(measure, data, names):
    """Each baseline can be fitted, and each that looks at the rows beats the one that does not."""
    task = "regression" if data == "diabetes" else "multiclass"
    assert baselines(task) == names
    params = {} if data == "diabetes" else {
        "units": 3, "loss": "sparse_categorical_crossentropy", "activation": "softmax"
    }  # fmt: skip
    found = {name: measure(name, {"dataset": data}, **params)[0] for name in names}
    assert "loss" not in found.get("perceptron", {})
    losses = {name: each["loss"] for name, each in found.items() if "loss" in each}
    assert max(losses, key=losses.get) == "dummy"


def test_a_model_that_measures_itself_is_compared_with_nothing(measure):
    """An autoencoder's error is that of its input, which a baseline's for the target is not."""
    with pytest.raises(ModelError, match="cannot be compared: the model measures itself"):
        measure("linear", {"dataset": "diabetes"}, build="build_autoencoder")
