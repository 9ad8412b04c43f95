"""A wide and deep model: searched, confirmed, refitted, kept, and used with raw rows."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.datasets
import yaml
from support.studies import run_here

import searchlab
from searchlab.inference.pyfunc import _load_pyfunc
from searchlab.journal.layout import study_layout
from searchlab.report.results import model_metrics

pytestmark = pytest.mark.keras

FACTORY = """
import keras

def build(units, *, input_shape):
    wide = keras.Input(input_shape["wide"], name="wide")
    deep = keras.Input(input_shape["deep"], name="deep")
    hidden = keras.layers.Dense(units, "relu")(deep)
    both = keras.layers.concatenate([wide, hidden])
    model = keras.Model([deep, wide], keras.layers.Dense(1)(both))
    model.compile(keras.optimizers.Adam(0.03), "mse", metrics=["mae"])
    return model

def build_auxiliary(units, *, input_shape):
    wide = keras.Input(input_shape["wide"], name="wide")
    deep = keras.Input(input_shape["deep"], name="deep")
    hidden = keras.layers.Dense(units, "relu")(deep)
    main = keras.layers.Dense(1, name="main")(keras.layers.concatenate([wide, hidden]))
    aux = keras.layers.Dense(1, name="aux")(hidden)
    model = keras.Model([wide, deep], {"main": main, "aux": aux})
    model.compile(
        keras.optimizers.Adam(0.03),
        {"main": "mse", "aux": "mae"},
        loss_weights={"main": 0.9, "aux": 0.1},
        metrics={"main": ["mae"]},
    )
    return model

@keras.saving.register_keras_serializable()
class WideAndDeep(keras.Model):
    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units
        self.hidden = keras.layers.Dense(units, "relu")
        self.last = keras.layers.Dense(1)

    def call(self, inputs):
        wide, deep = inputs
        return self.last(keras.layers.concatenate([wide, self.hidden(deep)]))

    def get_config(self):
        return {**super().get_config(), "units": self.units}

def build_class(units):
    model = WideAndDeep(units)
    model.compile(keras.optimizers.Adam(0.03), "mse", metrics=["mae"])
    return model
"""
INPUTS = {"wide": ["sex", "bmi"], "deep": ["bmi", "s[0-9]", "bp"]}


def ran(base, monkeypatch, build, **more):
    """Run a study of patients with diabetes, whose progression is to be predicted."""
    (base / "own.py").write_text(FACTORY)
    study = {
        "name": "patients",
        "data": {"dataset": "diabetes", "inputs": INPUTS, "target_transform": "standard"},
        "model": f"own.py:{build}",
        "space": {"units": {"choice": [4, 8]}},
        "search": {"backend": "randomized", "trials": 1},
        "training": {"epochs": 8, "batch_size": 16, "early_stopping": {"patience": 4}},
        "evaluation": {"holdout": 0.2},
        "trackers": [],
        **more,
    }
    (base / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    monkeypatch.chdir(base)
    return run_here(base / "study.yaml")


def test_a_functional_model_gets_its_columns_on_every_road(tmp_path, monkeypatch) -> None:
    """Trials, confirmation, refit, predictions, evaluation and MLflow's model agree with Keras."""
    record = ran(tmp_path, monkeypatch, "build", confirm={"top": 1, "seeds": 1})
    assert record.counts() == {"COMPLETE": 1}
    assert record.trials[0].outcome.unfused == "its model has several inputs"
    linear = record.baselines["linear"].metrics["mae"]
    assert model_metrics(record)["mae"] < 1.15 * linear
    package = study_layout("patients", tmp_path).refit
    model = searchlab.load_model(package)
    X, y = sklearn.datasets.load_diabetes(return_X_y=True, as_frame=True)
    rows = X.iloc[:50]
    # The same by hand: scaled columns in the order of the study, then Keras' model alone.
    scaled = model._preprocessing.transform(rows)
    names = ["sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
    deep = [names.index(name) for name in ("bmi", "s1", "s2", "s3", "s4", "s5", "s6", "bp")]
    outputs = model.keras.predict({"wide": scaled[:, :2], "deep": scaled[:, deep]})
    transform = model.manifest.rows.transform
    wanted = outputs[:, 0] * transform.deviation + transform.mean
    assert model.predict(rows.drop(columns="age")) == pytest.approx(wanted, rel=1e-4)
    assert model.evaluate(rows, y[:50])["mae"] == pytest.approx(
        np.abs(wanted - y[:50]).mean(), rel=1e-4
    )
    served = _load_pyfunc(str(package)).predict(rows)
    assert served["target"].to_numpy() == pytest.approx(wanted, rel=1e-4)


def test_an_auxiliary_output_is_trained_and_the_first_one_predicts(tmp_path, monkeypatch) -> None:
    """The objective is the main output's loss; predictions, metrics and scores are its own."""
    data = {"dataset": "diabetes", "inputs": INPUTS, "target_transform": "standard"}
    record = ran(
        tmp_path,
        monkeypatch,
        "build_auxiliary",
        data={**data, "target": {"main": "target", "aux": "target"}},
        objective={"metric": "val_main_loss"},
        confirm=0,
        execution={"executor": "inline"},
    )
    assert record.counts() == {"COMPLETE": 1}
    assert all("several outputs" in each.error.message for each in record.baselines.values())
    model = searchlab.load_model(study_layout("patients", tmp_path).refit)
    X, y = sklearn.datasets.load_diabetes(return_X_y=True, as_frame=True)
    predicted = model.predict(X)
    scores = model.evaluate(X, y)
    assert scores["main_mae"] == pytest.approx(np.abs(predicted - y).mean(), rel=1e-4)
    assert scores["rmse"] == pytest.approx(np.sqrt(((predicted - y) ** 2).mean()), rel=1e-4)
    deviation = model.manifest.rows.transform.deviation
    assert scores["main_loss"] == pytest.approx((scores["rmse"] / deviation) ** 2, rel=1e-3)
    assert scores["loss"] == pytest.approx(0.9 * scores["main_loss"] + 0.1 * scores["aux_loss"])
    assert list(model.table(X[:3])) == ["target"]


@pytest.mark.long
def test_a_model_of_a_class_takes_a_tuple_and_loads_again(tmp_path, monkeypatch) -> None:
    """With folds, a class that unpacks its inputs is trained, kept and used like any other."""
    more = {"evaluation": {"folds": 2}, "confirm": 0, "baselines": False}
    record = ran(tmp_path, monkeypatch, "build_class", **more)
    assert record.counts() == {"COMPLETE": 1}
    model = searchlab.load_model(study_layout("patients", tmp_path).refit)
    X, y = sklearn.datasets.load_diabetes(return_X_y=True, as_frame=True)
    assert model.evaluate(X, y)["r2"] > 0.2
