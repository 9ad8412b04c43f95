"""The score of a trial is that of scikit-learn's cross-validation of a pipeline, whoever trains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import searchlab
from searchlab.data.columns.encoders import target_encoder
from searchlab.journal.home import load_record

pytestmark = pytest.mark.keras

SEED, RATE = 5, 0.1

FACTORY = """
import keras

def one_step(rate=0.1, input_shape=None, meta=None):
    layers = [keras.Input(input_shape)]
    if meta["scale"] == "none":
        layers.append(keras.layers.Normalization(mean=meta["mean"], variance=meta["variance"]))
    layers.append(keras.layers.Dense(1, kernel_initializer="zeros"))
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"])
    return model
"""


class OneStep(RegressorMixin, BaseEstimator):
    """A linear model after one step of gradient descent from zero, as the factory's is."""

    def fit(self, X, y):
        X = np.column_stack([X, np.ones(len(X))])
        self.weights_ = RATE * 2 / len(X) * X.T @ y
        return self

    def predict(self, X):
        return np.column_stack([X, np.ones(len(X))]) @ self.weights_


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with rows whose categories would give the target away, and the factory."""
    directory = tmp_path_factory.mktemp("folds")
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"a": rng.lognormal(sigma=2, size=180), "b": rng.normal(size=180)})
    frame["c"] = [f"c{number}" for number in rng.integers(0, 45, 180)]
    frame["y"] = np.exp(0.4 * rng.normal(size=180) + 0.3 * frame["b"])
    frame.to_csv(directory / "rows.csv", index=False)
    (directory / "own.py").write_text(FACTORY)
    return directory


def expected(place, transform: str) -> list[float]:
    """Return the absolute error of each fold, where searchlab or the factory scales."""
    rows = pd.read_csv(place / "rows.csv")
    rest, _ = train_test_split(rows, test_size=0.2, random_state=SEED)
    train, _ = train_test_split(rest, test_size=0.2, random_state=SEED)
    columns = [
        ("number", StandardScaler(), ["a", "b"]),
        ("category", make_pipeline(target_encoder("regression"), StandardScaler()), ["c"]),
    ]
    last = OneStep()
    if transform == "log1p":
        logarithm = FunctionTransformer(np.log1p, np.expm1, check_inverse=False)
        undone = make_pipeline(logarithm, StandardScaler())
        last = TransformedTargetRegressor(last, transformer=undone)
    scores = cross_val_score(
        make_pipeline(ColumnTransformer(columns), last),
        train.drop(columns="y"),
        train["y"],
        cv=KFold(3),
        scoring="neg_mean_absolute_error",
    )
    return (-scores).tolist()


@pytest.mark.parametrize("executor", ["fused", pytest.param("inline", marks=pytest.mark.long)])
def test_trials_score_as_pipelines_do(place, executor):
    """For each value of the data's params, categories, scales and logarithms are the fold's own."""
    study = {
        "name": executor,
        "data": {
            "path": "rows.csv",
            "target": "y",
            "scale": {"choice": ["standard", "none"]},
            "categories": "target",
            "target_transform": {"choice": ["none", "log1p"]},
        },
        "model": "own.py:one_step",
        "space": {"rate": {"choice": [RATE]}},
        "objective": {"metric": "val_mae"},
        "search": {"backend": "randomized", "trials": 4, "seed": SEED},
        "training": {"epochs": 1, "batch_size": 1000, "early_stopping": None},
        "evaluation": {"folds": 3},
        "execution": {"executor": executor},
        "trackers": [],
        "confirm": 0,
        "baselines": False,
    }
    result = searchlab.run_study(study, directory=place)
    assert result.state == "finished", result
    record = load_record(executor, place)
    tried = set()
    for trial in record.trials.values():
        params = trial.trial.suggestion.params
        scale, transform = params["data.scale"], params["data.target_transform"]
        tried.add((scale, transform))
        wanted = expected(place, transform)
        assert trial.outcome.scores == pytest.approx(wanted, rel=1e-4), (scale, transform)
        assert trial.outcome.unfused is None
    assert len(tried) == 4, "without replacement"
    won = record.trials[record.stopped.winner].trial.suggestion.params
    model = result.model()
    assert model.manifest.params == won
    assert model.manifest.rows.transform.kind == won["data.target_transform"]
    assert np.isfinite(model.predict(pd.read_csv(place / "rows.csv"))).all()
