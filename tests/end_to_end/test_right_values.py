"""Scores are right, whoever trains: recomputed by scikit-learn from the model's own predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import dummy, metrics

import searchlab
from searchlab.journal.home import load_record

pytestmark = pytest.mark.keras

FACTORY = """
import keras
from keras import ops

def rmsle(y, predicted):
    predicted = ops.maximum(predicted, 0.0)
    return ops.sqrt(ops.mean(ops.square(ops.log1p(predicted) - ops.log1p(y))))

def r2(y, predicted):
    left = ops.sum(ops.square(y - predicted))
    return 1 - left / ops.sum(ops.square(y - ops.mean(y)))

def prices(units=8, input_shape=None):
    bias = keras.initializers.Constant(9.0)
    model = keras.Sequential([
        keras.Input(input_shape),
        keras.layers.Dense(units, "relu"),
        keras.layers.Dense(1, "exponential", bias_initializer=bias),
    ])
    model.compile(keras.optimizers.Adam(0.01), rmsle, metrics=[rmsle, r2, "mae"])
    return model

def f1(y, predicted):
    hard = ops.round(predicted)
    both = ops.sum(ops.cast(y, "float32") * hard)
    return 2 * both / (ops.sum(ops.cast(y, "float32")) + ops.sum(hard))

def classes(units=8, input_shape=None):
    model = keras.Sequential([
        keras.Input(input_shape),
        keras.layers.Dense(units, "relu"),
        keras.layers.Dense(1, "sigmoid"),
    ])
    own = keras.metrics.F1Score(threshold=0.5, name="keras_f1")
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=[f1, own])
    return model
"""


def frame(rows: int, seed: int) -> pd.DataFrame:
    """Return rows with a price over decades, a class of few rows, and weights of two sizes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3))
    good = rng.random(rows) < 0.5
    slope = np.where(good, 3, -3)
    return pd.DataFrame(X, columns=list("abc")).assign(
        price=np.exp(10 + X[:, 0] + 0.5 * X[:, 1] + 0.1 * rng.normal(size=rows)).round(2),
        late=np.where(X[:, 0] + X[:, 1] > 1, "yes", "no"),
        line=slope * X[:, 0] + 0.1 * rng.normal(size=rows),
        w=np.where(good, 1.0, 0.001),
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with the rows to learn from, the test rows and the factories."""
    directory = tmp_path_factory.mktemp("values")
    frame(400, 1).to_csv(directory / "rows.csv", index=False)
    frame(130, 2).to_csv(directory / "test.csv", index=False)
    (directory / "own.py").write_text(FACTORY)
    return directory


def run(place, executor: str, target: str, model: Any = "mlp", **data: Any):
    """Run a study of two trials; return its record, its model and the test rows."""
    others = {"price", "late", "line", "w"} - {target, data.get("weight")}
    learned = {"learning_rate": {"float": [0.003, 0.03]}} if model == "mlp" else {}
    study = {
        "name": f"{target}-{executor}-{'mlp' if model == 'mlp' else 'own'}",
        "data": {
            "path": "rows.csv",
            "test_path": "test.csv",
            "target": target,
            "drop": sorted(others),
            **data,
        },
        "model": model,
        "space": learned or {"units": {"int": [4, 16]}},
        "search": {"trials": 2, "options": {"pruner": "none"}},
        "training": {"epochs": 8, "batch_size": 32},
        "execution": {"executor": executor},
        "trackers": [],
        "confirm": 0,
    }
    result = searchlab.run_study(study, directory=place)
    assert result.state == "finished", result
    return load_record(study["name"], place), result.model(), pd.read_csv(place / "test.csv")


@pytest.mark.parametrize("executor", ["fused", pytest.param("inline", marks=pytest.mark.long)])
def test_prices_are_learned_in_logarithms_and_scored_in_prices(place, executor):
    """`auto` takes logarithms; mae, R2, baselines and predictions are in the target's units."""
    record, model, test = run(place, executor, "price")
    assert model.manifest.rows.transform.kind == "log1p"
    predicted, y = model.predict(test), test["price"]
    mae = metrics.mean_absolute_error(y, predicted)
    assert record.stopped.metrics["mae"] == pytest.approx(mae, rel=1e-3)
    measured = model.evaluate(test, y)
    assert measured["mae"] == pytest.approx(mae, rel=1e-4)
    assert measured["rmse"] == pytest.approx(metrics.root_mean_squared_error(y, predicted))
    assert measured["r2"] == pytest.approx(metrics.r2_score(y, predicted))
    transform = model.manifest.rows.transform
    loss = np.mean((transform.apply(predicted) - transform.apply(y)) ** 2)
    assert record.stopped.metrics["loss"] == pytest.approx(loss, rel=1e-3)
    learned = np.log1p(pd.read_csv(place / "rows.csv")["price"])
    constant = dummy.DummyRegressor().fit(np.zeros((400, 1)), learned).predict(np.zeros((130, 1)))
    wanted = metrics.mean_absolute_error(y, np.expm1(constant))
    assert record.baselines["dummy"].metrics["mae"] == pytest.approx(wanted, rel=1e-3)
    assert mae < wanted


@pytest.mark.parametrize("executor", ["fused", pytest.param("process", marks=pytest.mark.long)])
def test_functions_that_look_at_all_rows_have_their_values(place, executor):
    """R2 and rmsle as functions are those of all test rows, and the model has its own units."""
    record, model, test = run(place, executor, "price", "own.py:prices")
    assert model.manifest.rows.transform.kind == "none"
    predicted, y = model.predict(test), test["price"]
    r2 = metrics.r2_score(y, predicted)
    rmsle = metrics.root_mean_squared_log_error(y, predicted)
    for found in (record.stopped.metrics, model.evaluate(test, y)):
        assert found["r2"] == pytest.approx(r2, rel=1e-3)
        assert found["rmsle"] == pytest.approx(rmsle, rel=1e-3)
        assert found["loss"] == pytest.approx(rmsle, rel=1e-3)
    if executor == "fused":
        assert {trial.outcome.unfused for trial in record.trials.values()} == {None}


@pytest.mark.parametrize("executor", ["fused", pytest.param("process", marks=pytest.mark.long)])
def test_an_f1_is_an_f1(place, executor):
    """As a function or as Keras' class, F1 over a column of classes is scikit-learn's."""
    record, model, test = run(place, executor, "late", "own.py:classes")
    f1 = metrics.f1_score(test["late"], model.predict(test), pos_label="yes")
    for found in (record.stopped.metrics, model.evaluate(test, test["late"])):
        assert found["f1"] == pytest.approx(f1, rel=1e-3)
        assert found["keras_f1"] == pytest.approx(f1, rel=1e-3)


@pytest.mark.parametrize("executor", ["fused", pytest.param("process", marks=pytest.mark.long)])
def test_weights_count_in_what_is_reported(place, executor):
    """With weights that hide half of the rows, mae, rmse, R2 and baselines see the other half."""
    record, model, test = run(place, executor, "line", weight="w")
    predicted, y, w = model.predict(test), test["line"], test["w"]
    mae = metrics.mean_absolute_error(y, predicted, sample_weight=w)
    assert record.stopped.metrics["mae"] == pytest.approx(mae, rel=1e-3)
    measured = model.evaluate(test, y, w)
    assert measured["mae"] == pytest.approx(mae, rel=1e-4)
    assert measured["r2"] == pytest.approx(metrics.r2_score(y, predicted, sample_weight=w))
    plain = metrics.mean_absolute_error(y, predicted)
    assert plain > 2 * mae
    assert record.baselines["linear"].metrics["mae"] < 0.2
