"""Arrays: sequences, pictures and whole numbers for an Embedding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from searchlab.data.arrays import ArrayPreprocessing, channels_of
from searchlab.data.prepare import prepare
from searchlab.data.prepared import PreparedData, open_data
from searchlab.data.preprocessing import load_preprocessing
from searchlab.errors import DataError
from searchlab.study.spec import StudySpec

FACTORIES = """
import keras

def with_tokens(n=1, input_shape=None):
    return helper(input_shape)

def helper(shape):
    return keras.layers.Embedding(50, 4)

def without(n=1):
    return keras.layers.Dense(1)
"""


def prepared(base: Path, X: Any, model: str = "models.py:without", **keys: Any) -> PreparedData:
    (base / "models.py").write_text(FACTORIES)
    np.savez(base / "t.npz", X=X, y=np.arange(len(X)) % 2)
    values = {"name": "s", "data": {"path": "t.npz", "target": "y", **keys}, "model": model}
    values |= {"space": {"n": {"int": [1, 2]}}, "search": {"seed": 7}, "refit": False}
    prepare(StudySpec.from_dict(values), base, base / "data")
    return open_data(base / "data")


def sensors(rows: int = 400, steps: int = 12) -> np.ndarray:
    """Pressure around 100,000, vibration around 0.001, and temperature."""
    rng = np.random.default_rng(0)
    parts = [(101_325, 300), (0.001, 0.0005), (20, 1)]
    return np.stack([rng.normal(*part, (rows, steps)) for part in parts], axis=-1)


@pytest.mark.parametrize("scale", ["standard", "minmax", "robust"])
def test_each_channel_of_a_sequence_is_scaled_by_itself(scale: str, tmp_path: Path) -> None:
    """Small vibrations are as large for the model as a large pressure."""
    data = prepared(tmp_path, sensors(), scale=scale)
    x = np.asarray(data.x_train[data.folds[0][0]], np.float64).reshape(-1, 3)
    if scale == "standard":
        np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(x.std(axis=0), 1, rtol=1e-4)
    elif scale == "minmax":
        np.testing.assert_allclose([x.min(axis=0), x.max(axis=0)], [[0] * 3, [1] * 3], atol=1e-5)
    else:
        quartiles = np.percentile(x, [25, 50, 75], axis=0)
        np.testing.assert_allclose(quartiles[1], 0, atol=1e-4)
        np.testing.assert_allclose(quartiles[2] - quartiles[0], 1, rtol=1e-4)
    np.testing.assert_allclose(data.meta["variance"], x.var(axis=0), rtol=1e-4)
    loaded = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    np.testing.assert_array_equal(loaded.transform(sensors()[:9]).shape, (9, 12, 3))


def test_an_unscaled_sequence_tells_its_model_each_channels_size(tmp_path: Path) -> None:
    """A model that normalises by itself gets a mean and a variance for each channel."""
    data = prepared(tmp_path, sensors(), scale="none")
    np.testing.assert_allclose(data.meta["mean"], [101_325, 0.001, 20], rtol=0.02)


@pytest.mark.parametrize(
    ("shape", "dtype", "high", "channels"),
    [
        ((30, 8, 8), np.uint8, 255, 1),
        ((30, 8, 8, 3), np.uint8, 255, 3),
        ((30, 28, 28), np.float64, 1, 1),
        ((30, 8, 8), np.float64, 17, 1),
        ((30, 12, 9), np.float64, 1, 9),
        ((30, 12, 12), np.float64, 900, 12),
        ((30, 12, 1), np.float64, 900, 1),
        ((30, 12, 3), np.uint8, 255, 3),
    ],
)
def test_pictures_without_channels_have_one_scale(
    shape: tuple[int, ...], dtype: Any, high: float, channels: int
) -> None:
    """Bytes, and squares of fractions or small whole numbers, are pictures."""
    values = np.random.default_rng(0).uniform(0, high, shape)
    X = (np.floor(values) if high in {17, 255} else values).astype(dtype)
    assert channels_of(X, np.arange(20)) == channels


def test_large_numbers_keep_their_small_differences() -> None:
    """Seconds since 1970 differ by single seconds, which float32 alone could not tell."""
    X = 1_700_000_000 + np.arange(60.0).reshape(20, 3, 1)
    x = ArrayPreprocessing.fit(X, np.arange(20), "standard").transform(X)
    assert len(np.unique(x)) == 60


def test_a_constant_channel_becomes_zero() -> None:
    """A channel that never changes is not blown up by rounding errors."""
    X = np.full((50, 4, 2), 0.1)
    X[..., 1] = np.random.default_rng(0).normal(size=(50, 4))
    x = ArrayPreprocessing.fit(X, np.arange(50), "standard").transform(X)
    assert np.abs(x[..., 0]).max() < 1e-6


def test_scales_for_columns_are_refused_for_arrays(tmp_path: Path) -> None:
    """Quantiles and transformers of the user's are for columns."""
    with pytest.raises(DataError, match=r"data\.scale: quantile is for columns, and these"):
        prepared(tmp_path, sensors(40), scale="quantile")


def test_whole_numbers_for_an_embedding_are_left_alone(tmp_path: Path) -> None:
    """Tokens reach a model with an Embedding as they are, and others scaled."""
    tokens = np.random.default_rng(0).integers(0, 50, (200, 20))
    data = prepared(tmp_path, tokens, "models.py:with_tokens")
    assert set(np.unique(data.x_train)) <= set(range(50))
    assert data.meta["scale"] == "none"
    for scaled in (
        prepared(tmp_path, tokens),
        prepared(tmp_path, tokens, "models.py:with_tokens", scale="standard"),
        prepared(tmp_path, tokens - 5, "models.py:with_tokens"),
    ):
        fit, _ = scaled.folds[0]
        np.testing.assert_allclose(np.mean(scaled.x_train[fit]), 0, atol=1e-5)


def test_new_rows_are_scaled_as_those_of_the_study_were(tmp_path: Path) -> None:
    """The kept preprocessing has a scale for each channel, and none for tokens."""
    data = prepared(tmp_path, sensors())
    rows = np.arange(400)
    _, test = train_test_split(rows, test_size=0.2, random_state=7, stratify=rows % 2)
    kept = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    np.testing.assert_array_equal(kept.transform(sensors()[test]), data.x_test)
    np.testing.assert_array_equal(kept.transform(sensors()[test[:1]]), data.x_test[:1])

    tokens = np.random.default_rng(0).integers(0, 50, (200, 20))
    prepared(tmp_path, tokens, "models.py:with_tokens")
    kept = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    np.testing.assert_array_equal(kept.transform(tokens), tokens)
