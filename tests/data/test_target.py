"""The target: its transformation and back, when `auto` chooses one, and rows without a target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from searchlab.data.load import load
from searchlab.data.prepare import prepare
from searchlab.data.prepared import open_data, read_schema
from searchlab.data.target import TargetTransform, fit_target
from searchlab.errors import DataError
from searchlab.study.data import DataSpec
from searchlab.testing.doubles import study

PRICES = np.exp(np.random.default_rng(1).normal(11, 1.2, 400))
YEARS = np.random.default_rng(2).normal(1990, 9, 400)


def fitted(kind: str, y: np.ndarray, *, free: bool = True) -> TargetTransform:
    return fit_target(kind, y, Path(), classes=False, free=free)


@pytest.mark.parametrize("kind", ["standard", "log1p", "quantile"])
def test_undoing_gives_the_target_back(kind):
    """A transformed target is near mean 0 and deviation 1, and the inverse returns the target."""
    transform = fitted(kind, PRICES)
    values = transform.apply(PRICES)
    assert values.dtype == np.float32
    assert abs(values.mean()) < 0.05
    assert 0.9 < values.std() < 1.1
    np.testing.assert_allclose(transform.undo(values), PRICES, rtol=1e-4)
    column = transform.undo(values[:, None])
    np.testing.assert_array_equal(column[:, 0], transform.undo(values))


def test_the_transformations_are_those_of_scikit_learn():
    """`standard` is StandardScaler's; `log1p` the same of the logarithm."""
    from sklearn.preprocessing import StandardScaler

    column = PRICES[:, None]
    scaled = StandardScaler().fit_transform(column)[:, 0]
    np.testing.assert_allclose(fitted("standard", PRICES).apply(PRICES), scaled, rtol=1e-4)
    logs = StandardScaler().fit_transform(np.log1p(column))[:, 0]
    np.testing.assert_allclose(fitted("log1p", PRICES).apply(PRICES), logs, atol=1e-5)


@pytest.mark.keras
@pytest.mark.parametrize("kind", ["none", "standard", "log1p", "quantile"])
def test_a_program_undoes_as_numpy_does(kind):
    """TensorFlow's inverse equals NumPy's, also beyond the training rows and compiled."""
    import tensorflow as tf

    transform = fitted(kind, PRICES)
    wild = np.concatenate([transform.apply(PRICES)[:50], [-9, 9, 200]]).astype(np.float32)
    compiled = tf.function(transform.tensor, jit_compile=True)
    for undo in (transform.tensor, compiled):
        found = undo(tf.constant(wild[:, None])).numpy()
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found[:, 0], transform.undo(wild), rtol=1e-3)


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (PRICES, "log1p"),  # positive, over decades
        (YEARS, "standard"),  # far from 0
        (YEARS - YEARS.mean(), "standard"),  # wide
        (YEARS / 2000, "standard"),  # narrow
        (np.random.default_rng(3).uniform(0.15, 5, 400), "none"),  # as house values in 100,000s
    ],
)
def test_auto_chooses_by_the_scale(y, kind):
    """`auto` takes logarithms over decades, standardises what is far from 0 and 1, and says why."""
    transform = fitted("auto", y)
    assert transform.kind == kind
    assert bool(transform.why) == (kind != "none")


def test_a_model_of_ones_own_gets_the_target_as_it_is():
    """A loss or last layer of the user's own may count on the units, so only a key changes them."""
    assert not fitted("auto", PRICES, free=False)
    assert fitted("log1p", PRICES, free=False).kind == "log1p"


@pytest.mark.parametrize(
    ("kind", "y", "classes", "says"),
    [
        ("standard", np.arange(3), True, "target_transform is standard, and the target has class"),
        ("log1p", np.array([-1.0, 2, 3]), False, "target has the value -1: use standard or quant"),
    ],
)
def test_what_cannot_be_transformed_is_refused(kind, y, classes, says):
    """Classes, and logarithms of what has none, are refused with the remedy."""
    with pytest.raises(DataError, match=says):
        fit_target(kind, y, Path(), classes=classes, free=True)


OWN = """
import numpy as np

class Root:
    sign = 1
    def fit(self, y):
        self.scale = y.max() ** 0.5
        return self
    def transform(self, y):
        return self.sign * y ** 0.5 / self.scale
    def inverse_transform(self, z):
        return (self.sign * z * self.scale) ** 2

class Falling(Root):
    sign = -1

class Waves(Root):
    def inverse_transform(self, z):
        return np.sin(20 * z)

class Flat(Root):
    def transform(self, y):
        return y[:, 0]

class Needy(Root):
    def __init__(self, power):
        self.power = power
"""


@pytest.mark.parametrize("name", ["Root", "Falling"])
def test_a_transformer_of_ones_own_is_followed_closely(tmp_path, name):
    """Its transformation and inverse are the class's to a ten-thousandth, rising or falling."""
    (tmp_path / "own.py").write_text(OWN)
    transform = fit_target(f"own.py:{name}", PRICES, tmp_path, classes=False, free=False)
    wanted = (1 if name == "Root" else -1) * np.sqrt(PRICES / PRICES.max())
    found = transform.apply(PRICES)
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    np.testing.assert_allclose(transform.undo(found), PRICES, atol=2e-4 * PRICES.std())
    wild = transform.undo(found[:1] * 0 + (1.1 if name == "Root" else -1.1))
    assert wild == pytest.approx(1.21 * PRICES.max(), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Waves", "has an inverse that does not always rise, or always fall"),
        ("Flat", r"makes \(400,\) of \(400, 1\)"),
        ("Needy", "cannot be fitted to the target .TypeError: .*it needs fit, transform and"),
        ("Rot", "Rot"),
    ],
)
def test_a_transformer_that_cannot_be_used_is_refused(tmp_path, name, says):
    """The message names the class, what is wrong and the remedy."""
    (tmp_path / "own.py").write_text(OWN)
    with pytest.raises(DataError, match=f"data.target_transform: .*{says}"):
        fit_target(f"own.py:{name}", PRICES, tmp_path, classes=False, free=False)


def frame(y) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame({"a": rng.normal(size=len(y)), "b": rng.normal(size=len(y)), "y": y})


def test_the_transformation_is_fitted_on_the_training_rows(tmp_path):
    """The moments are those of the fitted rows; own units stay beside; the schema keeps them."""
    frame(PRICES).to_csv(tmp_path / "t.csv", index=False)
    spec = study(data={"path": "t.csv", "target": "y", "target_transform": "standard"}, model="mlp")
    summary = prepare(spec, tmp_path, tmp_path / "data")
    data = open_data(tmp_path / "data")
    y = np.asarray(data.y_train[data.folds[0][0]], np.float64)
    assert data.transform.mean == pytest.approx(y.mean())
    assert data.transform.deviation == pytest.approx(y.std())
    for part in ("train", "validation", "test"):
        own, seen = getattr(data, f"y_{part}"), getattr(data, f"t_{part}")
        np.testing.assert_allclose(seen, (own - y.mean()) / y.std(), atol=1e-5)
    assert summary.target_transform.startswith("standardised (mean ")
    assert read_schema(tmp_path / "data").transform == data.transform
    assert summary.understood[0].treatment.startswith("standardised")


def test_the_books_target_stays_as_it_is():
    """California's house values, 0.15 to 5, need no transformation."""
    y = load(DataSpec(dataset="california_housing"), None).y
    assert not fitted("auto", y)


# ---- missing targets, and classes that look like missing ones


def test_rows_without_a_target_are_left_out_on_request(tmp_path):
    """They are refused with the remedy; with the key they are left out and counted."""
    y = np.where(np.arange(200) % 4 == 0, np.nan, np.arange(200) / 7)
    frame(y).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=r"row 2: .* \(in 50 rows in total\).*missing_target: drop"):
        load(DataSpec(path="t.csv", target="y"), tmp_path)
    table = load(DataSpec(path="t.csv", target="y", missing_target="drop"), tmp_path)
    assert (len(table.y), len(table.X), table.left_out) == (150, 150, 50)
    np.testing.assert_allclose(table.y, y[~np.isnan(y)])
    spec = study(data={"path": "t.csv", "target": "y", "missing_target": "drop"})
    target = prepare(spec, tmp_path, tmp_path / "data").understood[0]
    assert target.missing == 50
    assert "left out" in target.treatment


def test_weights_go_with_their_rows(tmp_path):
    """The weights of the rows that stay are theirs."""
    y = [None if i % 3 == 0 else ("x", "y")[i % 2] for i in range(90)]
    frame(y).assign(w=np.arange(90)).to_csv(tmp_path / "t.csv", index=False)
    spec = DataSpec(path="t.csv", target="y", weight="w", missing_target="drop")
    np.testing.assert_array_equal(load(spec, tmp_path).w, [i for i in range(90) if i % 3])


def test_a_target_without_any_value_is_refused(tmp_path):
    """Nothing is left to learn."""
    frame([np.nan] * 30).to_csv(tmp_path / "t.csv", index=False)
    spec = DataSpec(path="t.csv", target="y", missing_target="drop")
    with pytest.raises(DataError, match="the target 'y' has no value in any row"):
        load(spec, tmp_path)


@pytest.mark.parametrize("word", ["None", "NA", "null", "nan"])
def test_words_for_missing_are_classes_among_classes(tmp_path, word):
    """In a target of text they are classes like any other: garages of type "None", say."""
    labels = [("Attchd", "Detchd", word)[i % 3] for i in range(90)]
    frame(labels).to_csv(tmp_path / "t.csv", index=False)
    table = load(DataSpec(path="t.csv", target="y"), tmp_path)
    assert list(table.y) == labels
