"""Fused training equals the ordinary way, and no training notices its neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from searchlab.training.job import Work
from searchlab.trial import TrialState

pytestmark = pytest.mark.keras

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
REGRESSION = {"dataset": "diabetes"}
CANCER = {"dataset": "breast_cancer"}
WEIGHTED = {"path": "t.csv", "target": "y", "weight": "w"}


@pytest.fixture(scope="module")
def benches(tmp_path_factory):
    """Makes studies, each once: `benches(data, folds=2)`."""
    from training.fused.fused_support import EPOCHS, Bench

    made = {}

    def bench(data=None, folds=None, batch=16, **training):
        key = repr((data, folds, batch, training))
        if key not in made:
            directory = tmp_path_factory.mktemp("study")
            rng = np.random.default_rng(1)
            table = pd.DataFrame(rng.normal(size=(170, 4)), columns=list("abcd"))
            table["w"] = np.arange(170) / 50
            table["y"] = np.where(table.a + table.b > 0.5, "p", np.where(table.c > 0, "q", "r"))
            table.to_csv(directory / "t.csv", index=False)
            evaluation = {"holdout": 0.2} if folds is None else {"folds": folds}
            training = {"epochs": EPOCHS, "batch_size": batch, **training}
            made[key] = Bench(directory, data, evaluation=evaluation, training=training)
        return made[key]

    return bench


EQUAL = {
    # optimisers and activations; softplus(0) and sigmoid(0) are not 0
    "sgd": ({}, {}),
    "momentum-tanh": ({}, {"optimizer": "momentum", "activation": "tanh"}),
    "nesterov-elu": ({}, {"optimizer": "nesterov", "activation": "elu"}),
    "rmsprop-selu": ({}, {"optimizer": "RMSprop", "activation": "selu"}),
    "centered-swish": ({}, {"optimizer": "centered", "activation": "swish"}),
    "adam-gelu": ({}, {"optimizer": "Adam", "activation": "gelu"}),
    "amsgrad-sigmoid": ({}, {"optimizer": "amsgrad", "activation": "sigmoid"}),
    "adamw-softplus": ({}, {"optimizer": "AdamW", "activation": "softplus"}),
    "clipnorm": ({}, {"optimizer": "clipnorm"}),
    "global_clipnorm": ({}, {"optimizer": "global_clipnorm"}),
    "clipvalue": ({}, {"optimizer": "clipvalue"}),
}


@pytest.mark.parametrize("case", EQUAL)
def test_fused_training_equals_fit(benches, case):
    """Reports of all epochs, scores and counts of epochs are those of the ordinary way."""
    from training.fused.fused_support import Driver, assert_same, run_alone
    import time

    where, params = EQUAL[case]
    job = benches(**where).job(**params)
    t=time.time()
    driver = Driver(1)
    r = driver.run([job])[0]
    t1=time.time()
    w = run_alone(job)
    print("XX", case, "fused", t1-t, "alone", time.time()-t1, driver.made, *map(str, driver.methods))
    if hasattr(r[1],"epochs"):
        print("XX", case, "maxrel", max(abs(a.metrics[k]-b.metrics[k])/(abs(b.metrics[k])+1e-9) for a,b in zip(r[0],w[0]) for k in b.metrics), w[1].scores)
    assert_same(r, w)
