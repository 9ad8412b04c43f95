"""Models in use: raw rows in every form give the trained Keras model's predictions."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.packages import package_of, table

from searchlab.data.example import load_example
from searchlab.data.preprocessing import load_preprocessing
from searchlab.errors import DataError, PackageError
from searchlab.inference.loading import load_package

pytestmark = pytest.mark.keras
HERE = Path(__file__).parent


def made(directory, data, factory="mlp", **more):
    """Train a model on the data and load it from its package."""
    if factory != "mlp":
        for name in ("model_factories.py", "own_layers.py"):
            shutil.copy(HERE / name, directory)
        factory = f"model_factories.py:{factory}"
    return load_package(package_of(directory, data, factory, **more))


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    return made(tmp_path_factory.mktemp("houses"), table())


def trained(model, directory, rows):
    """Return the Keras model's own outputs for preprocessed rows."""
    steps = load_preprocessing(directory / "data" / "preprocessing.skops")
    return model.keras.predict(steps.transform(rows), verbose=0)


def test_quantities_are_the_trained_models_own(tmp_path):
    """`predict` and `table` return what Keras predicts for the prepared rows."""
    frame = table()
    model = made(tmp_path, frame)
    wanted = trained(model, tmp_path, frame)[:, 0]
    np.testing.assert_allclose(model.predict(frame), wanted, rtol=1e-5)
    found = model.table(frame.set_index(frame.index + 5))
    assert list(found.columns) == ["y"]
    assert list(found.index) == list(frame.index + 5)
    with pytest.raises(PackageError, match="it predicts a quantity"):
        model.predict_proba(frame)


def test_rows_come_in_any_form(houses):
    """Frames in any column order with extra columns, dicts, and arrays predict the same."""
    frame = table()
    wanted = houses.predict(frame)
    features = frame[["size", "rooms", "garden", "town"]]
    for rows in (
        frame[["town", "y", "size", "garden", "rooms"]],
        features.to_numpy(),
        features.to_numpy().tolist(),
        features.to_dict("records"),
    ):
        np.testing.assert_array_equal(houses.predict(rows), wanted)
    assert houses.predict(frame.head(0)).shape == (0,)
    assert houses.predict([]).shape == (0,)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (table().drop(columns="rooms").assign(room=1), "'rooms' is missing; did you mean 'room'"),
        (table().rename(columns={"size": "Size"}), "'size' is missing; did you mean 'Size'"),
        (table().assign(size="large"), "column 'size' must hold numbers"),
        (np.ones((3, 2)), r"the rows have shape \(3, 2\).*columns size, rooms, garden, town"),
        (np.ones(4), r"the rows have shape \(4,\)"),
        ({"size": 1.0}, "give a list with one entry per row"),
        (None, "rows are of type NoneType: give a list"),
        (5, "rows are of type int: give a list"),
        (iter([[1, 2]]), "rows are of type list_iterator: give a list"),
        (np.array(5), "rows are of type ndarray: give a list"),
        ([[1, 2], [1]], "different lengths|the rows have shape"),
    ],
)
def test_rows_that_do_not_fit_are_refused_in_a_line(houses, rows, message):
    """The error names the column or the shape that is wrong."""
    with pytest.raises(DataError, match=message) as caught:
        houses.predict(rows)
    assert "\n" not in str(caught.value)


def test_missing_values_are_filled(houses):
    """A missing number, category or boolean does not prevent a prediction."""
    frame = table().head(3).astype({"rooms": float, "garden": object})
    frame.loc[0, ["size", "rooms", "garden", "town"]] = None
    assert np.isfinite(houses.predict(frame)).all()


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([3, 7, 11], np.int64),
        (["low", "mid", "high"], str),
        ([False, True], bool),
        (["no", "yes"], str),
        ([0.5, 1.5], float),
    ],
)
def test_labels_keep_the_types_of_the_data_set(tmp_path, labels, kind):
    """Number, text and boolean labels keep their types, and each class has a probability."""
    frame = table()
    number = pd.qcut(frame["y"], len(labels), labels=False)
    frame = frame.assign(y=np.array(labels)[number])
    model = made(tmp_path, frame, task="classification")
    found = model.predict(frame)
    assert np.issubdtype(found.dtype, kind)
    assert set(found.tolist()) <= set(labels)
    shown = model.table(frame)
    assert list(shown.columns) == ["y", *(f"probability_{label}" for label in sorted(labels))]
    np.testing.assert_allclose(shown.iloc[:, 1:].sum(axis=1), 1, rtol=1e-5)
    likely = np.array(sorted(labels))[shown.iloc[:, 1:].to_numpy().argmax(axis=1)]
    assert list(likely) == list(found)
    measured = model.evaluate(frame, frame["y"])
    assert measured["balanced_accuracy"] <= 1
    assert measured["accuracy"] == pytest.approx((found == frame["y"].to_numpy()).mean())
    with pytest.raises(DataError, match="is a class that the model does not know"):
        model.evaluate(frame, ["unheard of"] * len(frame))


@pytest.mark.parametrize("factory", ["logit", "two_logits", "two_units"])
def test_outputs_become_two_probabilities(tmp_path, factory):
    """One or two units, probabilities or logits: two columns, and the larger one is the class."""
    frame = table()
    frame = frame.assign(y=np.where(frame["y"] > 3, "yes", "no"))
    model = made(tmp_path, frame, factory)
    outputs = trained(model, tmp_path, frame).astype(np.float64)
    second = {
        "logit": lambda: 1 / (1 + np.exp(-outputs[:, 0])),
        "two_logits": lambda: 1 / (1 + np.exp(outputs[:, 0] - outputs[:, 1])),
        "two_units": lambda: outputs[:, 1],
    }[factory]()
    found = model.predict_proba(frame)
    np.testing.assert_allclose(found, np.stack([1 - second, second], axis=1), atol=1e-5)
    assert list(model.predict(frame)) == ["yes" if each > 0.5 else "no" for each in second]


def test_a_hinge_has_classes_and_no_probabilities(tmp_path):
    """The sign of a hinge output is the class; asking for probabilities is a one-line error."""
    frame = table()
    frame = frame.assign(y=frame["y"] > 3)
    model = made(tmp_path, frame, "hinge")
    assert list(model.predict(frame)) == list(trained(model, tmp_path, frame)[:, 0] > 0)
    assert list(model.table(frame).columns) == ["y"]
    with pytest.raises(PackageError, match="its loss is a hinge"):
        model.predict_proba(frame)


def test_images_are_predicted(tmp_path):
    """Image arrays are accepted as they are; other shapes and frames are refused."""
    rng = np.random.default_rng(3)
    images = rng.integers(0, 255, size=(90, 4, 5)).astype(np.uint8)
    labels = np.arange(90) % 3
    model = made(tmp_path, {"X": images, "y": labels})
    wanted = trained(model, tmp_path, images)
    np.testing.assert_allclose(model.predict_proba(images), wanted, atol=1e-5)
    np.testing.assert_array_equal(model.predict(images.tolist()), wanted.argmax(axis=1))
    with pytest.raises(DataError, match=r"give an array of shape \(rows, 4, 5\)"):
        model.predict(images[0])
    with pytest.raises(DataError, match="takes images"):
        model.predict(table())
    example = load_example(tmp_path / "refit")
    assert example.dtype == np.uint8
    assert example.shape == (5, 4, 5)


def test_a_large_input_is_predicted_in_parts(houses, monkeypatch):
    """Predicting in chunks of rows equals predicting all at once."""
    frame = table()
    wanted = houses.predict(frame)
    monkeypatch.setattr("searchlab.inference.model.VALUES", 7 * 203)
    np.testing.assert_allclose(houses.predict(frame), wanted, rtol=1e-5, atol=1e-6)


def test_a_model_measures_quantities(houses):
    """Keras' metrics, rmse and r2 agree with each other and with the predictions."""
    frame = table()
    measured = houses.evaluate(frame, frame["y"])
    errors = frame["y"] - houses.predict(frame)
    assert measured["loss"] == pytest.approx((errors**2).mean(), rel=1e-4)
    assert measured["rmse"] == pytest.approx(measured["loss"] ** 0.5, rel=1e-4)
    assert {"mae", "r2"} <= set(measured)
    with pytest.raises(DataError, match="row 4: the target 'y' is missing"):
        houses.evaluate(frame, frame["y"].mask(frame.index == 4))
    with pytest.raises(DataError, match="there are 120 rows and 3 targets"):
        houses.evaluate(frame, [1.0, 2.0, 3.0])


def test_the_example_is_as_the_data_set_has_it(tmp_path):
    """The example is five complete raw rows with their original types, and the model takes them."""
    frame = table()
    frame.loc[::2, "size"] = np.nan
    model = made(tmp_path, frame)
    example = load_example(tmp_path / "refit")
    assert example.dtypes.astype(str).to_dict() | {"town": ""} == {
        "size": "float64",
        "rooms": "int64",
        "garden": "bool",
        "town": "",
    }
    assert len(example) == 5
    assert example.merge(frame).shape[0] >= 5
    assert len(model.predict(example)) == 5
