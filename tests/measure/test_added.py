"""Metrics that a study names: scikit-learn's values, for every form of target and output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as scikit

from searchlab.data.target import Unseen, fit_target

pytestmark = pytest.mark.keras

ROWS = 240
rng = np.random.default_rng(8)
X = rng.normal(size=(ROWS, 4)).astype(np.float32)
SCORE = X @ [1.0, -0.5, 0.3, 0.1] + rng.normal(size=ROWS)
TWO = (SCORE > 0.4).astype(np.int64)
THREE = np.digitize(SCORE, [-0.8, 0.9]).astype(np.int64)
WEIGHTS = rng.uniform(0, 3, ROWS).astype(np.float32)

FORMS = {
    "sigmoid": (1, "sigmoid", "binary_crossentropy", False, TWO),
    "logits of two": (1, None, "BinaryCrossentropy", True, TWO),
    "softmax of two": (2, "softmax", "sparse_categorical_crossentropy", False, TWO),
    "softmax": (3, "softmax", "sparse_categorical_crossentropy", False, THREE),
    "one-hot": (3, "softmax", "categorical_crossentropy", False, THREE),
    "logits": (3, None, "SparseCategoricalCrossentropy", True, THREE),
}


def model_of(units, activation, loss, logits=False, **compiled):
    import keras

    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation)])
    made = getattr(keras.losses, loss)(from_logits=True) if logits else loss
    model.compile("sgd", made, **compiled)
    return model


def measured(model, names, y, w, classes, transform=None):
    from searchlab.measure.added import add_metrics
    from searchlab.measure.feed import Feed
    from searchlab.measure.form import Form
    from searchlab.measure.goal import Goal
    from searchlab.measure.meter import Meter

    add_metrics(model, names, classes)
    goal = Goal.one(Form.of(model.loss, model.output_shape, classes), model.loss)
    transform = transform or fit_target("none", y, Path(), classes=bool(classes), free=True)
    t = transform.apply(y) if transform else y
    return Meter(model, goal, transform, 32, Feed((4,)))(Unseen(X, t, y, w))


def likely(model, logits):
    """Return probabilities of each class (n, classes)."""
    from scipy.special import expit, softmax

    outputs = model.predict(X, verbose=0).astype(np.float64)
    if outputs.shape[1] == 1:
        second = expit(outputs[:, 0]) if logits else outputs[:, 0]
        return np.stack([1 - second, second], axis=1)
    return softmax(outputs, axis=1) if logits else outputs


@pytest.mark.parametrize("weighted", [False, True], ids=["all alike", "weighted"])
@pytest.mark.parametrize("form", FORMS)
def test_metrics_of_classes_are_those_of_scikit_learn(form, weighted):
    """Precision, recall and F1 are of the second class of two, else means over classes."""
    units, activation, loss, logits, y = FORMS[form]
    model, w = model_of(units, activation, loss, logits), WEIGHTS if weighted else None
    classes = int(y.max()) + 1
    names = ["f1", "precision", "recall", "balanced_accuracy", "auc", "accuracy"]
    found = measured(model, names, y, w, classes)
    chances = likely(model, logits)
    hard, rows = chances.argmax(axis=1), {"sample_weight": w}
    how = {"average": "binary" if classes == 2 else "macro", "zero_division": 0, **rows}
    assert found["f1"] == pytest.approx(scikit.f1_score(y, hard, **how), abs=1e-5)
    assert found["precision"] == pytest.approx(scikit.precision_score(y, hard, **how), abs=1e-5)
    assert found["recall"] == pytest.approx(scikit.recall_score(y, hard, **how), abs=1e-5)
    balanced = scikit.balanced_accuracy_score(y, hard, **rows)
    assert found["balanced_accuracy"] == pytest.approx(balanced, abs=1e-5)
    if not logits:
        assert found["accuracy"] == pytest.approx(scikit.accuracy_score(y, hard, **rows), abs=1e-5)
    area = (
        scikit.roc_auc_score(y, chances[:, 1], **rows)
        if classes == 2
        else np.mean([scikit.roc_auc_score(y == k, chances[:, k], **rows) for k in range(classes)])
    )
    assert found["auc"] == pytest.approx(area, abs=5e-3)  # Keras sums over 200 thresholds


@pytest.mark.parametrize("transformed", ["none", "standard"])
def test_metrics_of_quantities_are_those_of_scikit_learn(transformed):
    """They are in the target's own units, also if the model is fitted to others."""
    y = (20 + 5 * SCORE).astype(np.float32)
    model = model_of(1, None, "mse")
    found = measured(
        model,
        ["r2", "mape", "rmse", "mae"],
        y,
        WEIGHTS,
        0,
        fit_target(transformed, y, Path(), classes=False, free=True),
    )
    transform = fit_target(transformed, y, Path(), classes=False, free=True)
    outputs = model.predict(X, verbose=0)
    own = np.asarray(transform.undo(outputs) if transform else outputs).reshape(-1)
    rows = {"sample_weight": WEIGHTS}
    assert found["r2"] == pytest.approx(scikit.r2_score(y, own, **rows), rel=1e-4)
    mape = 100 * scikit.mean_absolute_percentage_error(y, own, **rows)
    assert found["mape"] == pytest.approx(mape, rel=1e-4)
    squared = scikit.mean_squared_error(y, own, **rows)
    assert found["rmse"] == pytest.approx(squared**0.5, rel=1e-4)
    assert found["mae"] == pytest.approx(scikit.mean_absolute_error(y, own, **rows), rel=1e-4)


def test_a_class_that_no_row_has_and_no_model_names_does_not_count():
    """As in scikit-learn, means are over the classes that occur."""
    model = model_of(5, "softmax", "sparse_categorical_crossentropy")
    model.layers[-1].set_weights(
        [model.layers[-1].get_weights()[0], np.array([0, 0, 0, -99, -99.0])]
    )
    found = measured(model, ["f1", "balanced_accuracy"], THREE, None, 5)
    hard = likely(model, False).argmax(axis=1)
    assert found["f1"] == pytest.approx(scikit.f1_score(THREE, hard, average="macro"), abs=1e-5)
    balanced = scikit.balanced_accuracy_score(THREE, hard)
    assert found["balanced_accuracy"] == pytest.approx(balanced, abs=1e-5)


def test_a_metric_that_the_factory_compiles_stays_its_own():
    """A model's own metric of the name is used, and nothing is added for it."""
    import keras

    own = keras.metrics.F1Score(average="micro", name="f1")
    model = model_of(3, "softmax", "categorical_crossentropy", metrics=[own, "accuracy"])
    found = measured(model, ["f1", "accuracy", "recall"], THREE, None, 3)
    assert set(found) == {"loss", "f1", "accuracy", "recall"}
    hard = likely(model, False).argmax(axis=1)
    micro = scikit.f1_score(THREE, hard, average="micro")
    assert found["f1"] == pytest.approx(micro, abs=1e-5)


def test_what_is_saved_needs_no_searchlab(tmp_path):
    """Metrics of searchlab's are taken off before saving; the optimizer keeps its state."""
    from searchlab.measure.added import add_metrics
    from searchlab.measure.of_classes import without_own

    model = model_of(3, "softmax", "sparse_categorical_crossentropy")
    add_metrics(model, ["f1", "auc"], 3)
    model.fit(X, THREE, epochs=1, verbose=0)
    steps = int(model.optimizer.iterations)
    without_own(model)
    model.save(tmp_path / "model.keras")
    import keras

    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.optimizer.iterations) == steps > 0
    assert "searchlab" not in str(loaded.get_compile_config())


def test_a_model_that_measures_itself_gets_no_metric():
    """Its own way may not know what to do with one, so that the check tells what is missing."""
    import keras

    from searchlab.measure.added import add_metrics, takes_more

    class Own(keras.Sequential):
        def test_step(self, data):
            return super().test_step(data)

    model = Own([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    add_metrics(model, ["f1"], 3)
    assert not takes_more(model)
    assert model.evaluate(X, THREE, verbose=0, return_dict=True).keys() == {"loss", "accuracy"}
