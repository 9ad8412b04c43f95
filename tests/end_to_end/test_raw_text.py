"""A model that begins with text: searched, kept, loaded and served with the texts of a file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from support.studies import run_here

import searchlab
from searchlab.data.example import load_example
from searchlab.inference.evaluation import evaluate_on
from searchlab.inference.flavor import signature
from searchlab.inference.pyfunc import _load_pyfunc
from searchlab.journal.layout import study_layout
from searchlab.report.results import model_metrics

pytestmark = pytest.mark.keras

FACTORY = """
import keras

def build(units, meta):
    words = keras.layers.TextVectorization(50, output_mode="multi_hot")
    words.adapt(meta["texts"])
    model = keras.Sequential([
        words, keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid")
    ])
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    return model
"""
SENTENCES = {"good": ["I love it", "a great film"], "bad": ["I hate it", "a dull film"]}


def reviews(rows: int, seed: int) -> pd.DataFrame:
    """Return reviews with a number that makes each different."""
    rng = np.random.default_rng(seed)
    y = rng.choice(list(SENTENCES), rows)
    text = [f"{rng.choice(SENTENCES[each])}, {number} of 10!" for number, each in enumerate(y)]
    return pd.DataFrame({"review": text, "y": y})


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A study of raw text, and its directory; fused programs are asked for, as by default."""
    base = tmp_path_factory.mktemp("texts")
    reviews(160, 1).to_csv(base / "t.csv", index=False)
    (base / "own.py").write_text(FACTORY)
    study = {
        "name": "reviews",
        "data": {"path": "t.csv", "target": "y", "text": "raw"},
        "model": "own.py:build",
        "space": {"units": {"choice": [4, 8]}},
        "search": {"backend": "randomized", "trials": 1},
        "training": {"epochs": 6, "batch_size": 16},
        "evaluation": {"holdout": 0.2},
        "confirm": 0,
        "trackers": [],
    }
    (base / "study.yaml").write_text(yaml.safe_dump(study))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)
        yield run_here(base / "study.yaml"), base


def test_it_is_searched_in_the_ordinary_way_and_learns(ran) -> None:
    """No trial fails, each says why it was trained alone, and the words tell the class."""
    record, _ = ran
    assert record.counts() == {"COMPLETE": 1}
    assert model_metrics(record)["accuracy"] == 1.0
    assert {name for name, each in record.baselines.items() if each.error is None} >= {"logistic"}


def test_new_texts_are_predicted_by_every_road(ran) -> None:
    """`predict`, a frame in MLflow's model and `evaluate` take the file's own texts."""
    _, base = ran
    package = study_layout("reviews", base).refit
    model, new = searchlab.load_model(package), reviews(20, 2)
    assert list(model.predict(new[["review"]])) == list(new["y"])
    assert list(model.predict([["a great film"], ["I hate it"]])) == ["good", "bad"]
    assert list(model.predict([{"review": None}])) in (["good"], ["bad"])
    served = _load_pyfunc(str(package)).predict(new[["review"]])
    assert list(served["y"]) == list(new["y"])
    new.to_csv(base / "new.csv", index=False)
    assert evaluate_on(model, str(base / "new.csv")).metrics["accuracy"] == 1.0
    inputs = signature(model.manifest.rows, load_example(package)).inputs.to_dict()
    assert [(each["name"], each["type"]) for each in inputs] == [("review", "string")]
