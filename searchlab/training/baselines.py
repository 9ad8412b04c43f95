"""Simple models to compare with: is a tuned network worth it?

They are scikit-learn's, fitted to the rows that the study's model is fitted to, and measured on the
test rows with what the network is compiled with: its loss and its metrics. So each number stands
beside the network's own of that name, but for the penalties of regularisers, which only it has.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from searchlab.core.arrays import Array
from searchlab.data.prepare import PreparedData
from searchlab.private.keras import compiled_arguments
from searchlab.training.build import build
from searchlab.training.final import final_rows
from searchlab.training.job import BaselineJob, Measured

_SMALLEST = 1e-7  # Keras clips probabilities to it
_ON_DECISIONS = ("acc", "precision", "recall", "f1")  # metrics that need no probabilities


def fit_baseline(job: BaselineJob, data: PreparedData) -> Measured:
    """Fits the job's simple model.

    Args:
        job: its trial is one whose model measures what the study's does.
        data: the prepared data.

    Returns:
        The metrics on the test rows.
    """
    estimator = _estimator(job.baseline, data.summary.task, job.trial.seed)
    x, y, w = data.fitting(final_rows(job, data))
    estimator.fit(_flat(x), y, sample_weight=w)
    predicted, sure = _predicted(estimator, _flat(data.x_test), len(data.summary.classes))
    metrics = _measured(predicted, build(job, data), data)
    if not sure:
        metrics = {
            name: value
            for name, value in metrics.items()
            if any(word in name for word in _ON_DECISIONS)
        }
    return Measured(job.number, metrics)


def _estimator(name: str, task: str, seed: int) -> Any:
    from sklearn import dummy, ensemble, linear_model

    classes = task != "regression"
    match name:
        case "dummy":
            return dummy.DummyClassifier() if classes else dummy.DummyRegressor()
        case "linear":
            return linear_model.LinearRegression()
        case "logistic":
            return linear_model.LogisticRegression(max_iter=1000)
        case "perceptron":
            return linear_model.Perceptron(random_state=seed)
        case _:
            boosting = "HistGradientBoosting" + ("Classifier" if classes else "Regressor")
            return getattr(ensemble, boosting)(random_state=seed)


def _flat(x: Array) -> Array:
    """One row of numbers each, for images too."""
    return np.asarray(x).reshape(len(x), -1)


def _predicted(estimator: Any, x: Array, classes: int) -> tuple[Array, bool]:
    """Quantities (n, 1), or probabilities (n, classes); and whether those are more than yes or no.

    Every class has rows to fit, so the columns are the classes in the order of their numbers.
    """
    if not classes:
        return estimator.predict(x).reshape(-1, 1), True
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(x), True
    return np.eye(classes)[estimator.predict(x)], False


def _measured(predicted: Array, model: Any, data: PreparedData) -> dict[str, float]:
    """What the network's loss and metrics say of predictions that are not its own."""
    config = compiled_arguments(model)
    one_unit = tuple(model(np.asarray(data.x_test[:1])).shape[1:]) in ((), (1,))
    if data.summary.classes and one_unit:
        predicted = predicted[:, 1:]  # of the second class
    if _from_logits(config["loss"]):
        likely = np.clip(predicted, _SMALLEST, 1 - _SMALLEST)
        predicted = np.log(likely) - (np.log1p(-likely) if one_unit else 0)
    probe = keras.Sequential([keras.Input(predicted.shape[1:]), keras.layers.Identity()])
    measures = {key: config.get(key) for key in ("loss", "metrics", "weighted_metrics")}
    probe.compile(optimizer="sgd", **measures)
    values = probe.evaluate(
        predicted.astype(np.float32),
        np.asarray(data.y_test),
        sample_weight=data.w_test,
        verbose=0,
        return_dict=True,
    )
    return {name: float(value) for name, value in values.items()}


def _from_logits(loss: Any) -> bool:
    """Whether a loss, as given to `compile`, wants logits; those given by name do not."""
    return hasattr(loss, "get_config") and bool(loss.get_config().get("from_logits"))
