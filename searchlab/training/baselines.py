"""Baselines: simple models that show whether a tuned network is worth its cost.

They are scikit-learn's, fitted to the rows of the study's model, with the same transformed target,
and measured on the same rows by the loss and metrics with which the network is compiled. Each
number is thus comparable with the network's own of that name, except for regularization penalties,
which only the network has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from searchlab.core.arrays import Array
from searchlab.data.prepared import PreparedData
from searchlab.data.target import Unseen
from searchlab.errors import ModelError
from searchlab.measure.feed import Feed
from searchlab.measure.form import Form, from_logits
from searchlab.measure.goal import Goal
from searchlab.measure.inputs import is_text
from searchlab.measure.meter import Meter, measures_itself
from searchlab.private.keras import compiled_arguments
from searchlab.training.build import build, feed_of
from searchlab.training.final import final_rows, measured_rows
from searchlab.training.job import BaselineJob, Measured

_MOST_WORDS = 200  # as many as there are for text that is no raw one
_SMALLEST = 1e-7  # Keras clips probabilities here
_ON_DECISIONS = ("acc", "precision", "recall", "f1")  # metrics that need no probabilities


def fit_baseline(job: BaselineJob, data: PreparedData) -> Measured:
    """Fit the job's baseline.

    Args:
        job: the job; its trial's model has the metrics of the study's model.
        data: the prepared data.

    Returns:
        The metrics on the measured rows: the test's, or without any the early-stopping rows.

    Raises:
        ModelError: if the network measures itself in its own way, so that nothing compares to it.
    """
    model = build(job, data)
    if measures_itself(model):
        raise ModelError("cannot be compared: the model measures itself in a way of its own")
    if data.summary.outputs:
        raise ModelError("cannot be compared: the model has several outputs, each with its loss")
    estimator = _estimator(job.baseline, data.summary.task, job.trial.seed)
    x, t, w = data.fitting(final_rows(job, data))
    numbers = _words(x) if is_text(x) else _flat
    estimator.fit(numbers(x), t, sample_weight=w)
    rows = measured_rows(job, data)
    predicted, sure = _predicted(estimator, numbers(rows.x), len(data.summary.classes))
    metrics = _measured(predicted, model, job, data, rows)
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
    """Flatten each row, images included, to one dimension."""
    return np.asarray(x).reshape(len(x), -1)


def _words(x: Array) -> Callable[[Array], Array]:
    """Return what counts the most frequent words of rows of raw text, weighed by tf-idf."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    def joined(rows: Array) -> list[bytes]:
        return [b" ".join(row) for row in rows.tolist()]

    vectorizer = TfidfVectorizer(max_features=_MOST_WORDS).fit(joined(x))
    return lambda rows: vectorizer.transform(joined(rows)).toarray()


def _predicted(estimator: Any, x: Array, classes: int) -> tuple[Array, bool]:
    """Return quantities (n, 1) or probabilities (n, classes), and whether they are probabilities.

    Every class occurs in the fitted rows, so the columns are the classes in order of their numbers.
    Quantities count as probabilities, hard decisions do not.
    """
    if not classes:
        return estimator.predict(x).reshape(-1, 1), True
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(x), True
    return np.eye(classes)[estimator.predict(x)], False


def _measured(
    predicted: Array, model: Any, job: BaselineJob, data: PreparedData, rows: Unseen
) -> dict[str, float]:
    """Apply the network's loss and metrics to another model's predictions."""
    config = compiled_arguments(model)
    one_unit = tuple(model(feed_of(model, data)(rows.x[:1])).shape[1:]) in ((), (1,))
    if data.summary.classes and one_unit:
        predicted = predicted[:, 1:]  # the second class
    if from_logits(config["loss"]):
        likely = np.clip(predicted, _SMALLEST, 1 - _SMALLEST)
        predicted = np.log(likely) - (np.log1p(-likely) if one_unit else 0)
    probe = keras.Sequential([keras.Input(predicted.shape[1:]), keras.layers.Identity()])
    measures = {key: config.get(key) for key in ("loss", "metrics", "weighted_metrics")}
    probe.compile(optimizer="sgd", **measures)
    form = Form.of(config["loss"], predicted.shape, len(data.summary.classes))
    feed = Feed(predicted.shape[1:])
    meter = Meter(
        probe, Goal.one(form, probe.loss), data.transform, job.spec.training.batch_size, feed
    )
    return meter(Unseen(predicted.astype(np.float32), rows.t, rows.y, rows.w))
