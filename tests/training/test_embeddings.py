"""The check that an Embedding gets whole numbers that it has vectors for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from searchlab.data.prepare import prepare
from searchlab.data.prepared import open_data
from searchlab.errors import ModelError
from searchlab.study.spec import StudySpec

pytestmark = pytest.mark.keras


def checked(base: Path, build: Any, tokens: Any, **keys: Any) -> None:
    import keras

    from searchlab.training.embeddings import check_embeddings

    np.savez(base / "t.npz", X=tokens, y=np.arange(len(tokens)) % 2)
    values = {"name": "s", "data": {"path": "t.npz", "target": "y", **keys}}
    values |= {"space": {"n": {"int": [1, 2]}}, "refit": False}
    prepare(StudySpec.from_dict(values), base, base / "data")
    data = open_data(base / "data")
    check_embeddings("models.py:build", build(keras, data.summary.input_shape), data)


def functional(keras: Any, shape: Any) -> Any:
    given = keras.Input(shape)
    found = keras.layers.Embedding(50, 4)(given)
    return keras.Model(given, keras.layers.Dense(1)(keras.layers.Flatten()(found)))


def sequential(keras: Any, shape: Any) -> Any:
    layers = [keras.Input(shape), keras.layers.Embedding(50, 4), keras.layers.Flatten()]
    return keras.Sequential([*layers, keras.layers.Dense(1)])


def counting_from_one(keras: Any, shape: Any) -> Any:
    given = keras.Input(shape)
    found = keras.layers.Embedding(50, 4)(keras.layers.Rescaling(1, offset=1)(given))
    return keras.Model(given, keras.layers.Flatten()(found))


TOKENS = np.random.default_rng(0).integers(0, 50, (200, 20))


@pytest.mark.parametrize("build", [functional, sequential])
def test_scaled_tokens_are_refused_and_plain_ones_pass(build: Any, tmp_path: Path) -> None:
    """A standardised token is no token, whatever the kind of model; the remedy is named."""
    checked(tmp_path, build, TOKENS, scale="none")
    with pytest.raises(ModelError, match=r"models.py:build: its Embedding takes whole numbers and "
                       r"gets .*, because data.scale is standard: write scale: none"):  # fmt: skip
        checked(tmp_path, build, TOKENS, scale="standard")


def test_tokens_without_a_vector_are_refused(tmp_path: Path) -> None:
    """A number at or above input_dim, also one that the model itself makes, is named."""
    with pytest.raises(ModelError, match=r"has vectors for 0 to 49 and gets \d+: give it a larger"):
        checked(tmp_path, functional, TOKENS + 1, scale="none")
    with pytest.raises(ModelError, match="has vectors for 0 to 49 and gets 50"):
        checked(tmp_path, counting_from_one, TOKENS, scale="none")
    checked(tmp_path, counting_from_one, TOKENS % 49, scale="none")


def test_the_embedding_of_one_of_several_inputs_sees_the_columns_of_that_input(
    tmp_path: Path,
) -> None:
    """Scaled numbers of the other input are no tokens; those of its own are refused."""
    import keras

    from searchlab.training.embeddings import check_embeddings

    rng = np.random.default_rng(1)
    columns = {"zone": rng.choice(["a", "b"], 60), "area": rng.normal(size=60)}
    frame = pd.DataFrame({**columns, "y": rng.normal(size=60)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = {"path": "t.csv", "target": "y", "categories": "integer"}
    data["inputs"] = {"tokens": ["zone"], "numbers": ["area"]}
    values = {"name": "s", "data": data, "space": {"n": {"int": [1, 2]}}, "refit": False}
    values |= {"model": "own.py:build", "search": {"trials": 1}}
    prepare(StudySpec.from_dict(values), tmp_path, tmp_path / "data")
    prepared = open_data(tmp_path / "data")
    tokens, numbers = keras.Input((1,), name="tokens"), keras.Input((1,), name="numbers")
    for looked_up, other in ((tokens, numbers), (numbers, tokens)):
        vectors = keras.layers.Flatten()(keras.layers.Embedding(3, 2)(looked_up))
        both = keras.layers.Concatenate()([vectors, other])
        model = keras.Model([tokens, numbers], keras.layers.Dense(1)(both))
        if looked_up is tokens:
            check_embeddings("own.py:build", model, prepared)
            continue
        with pytest.raises(ModelError, match="its Embedding takes whole numbers and gets"):
            check_embeddings("own.py:build", model, prepared)
