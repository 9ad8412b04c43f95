"""Losses and metrics that make one number of several rows are fused, with the values of `fit`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.keras

CANCER = {"dataset": "breast_cancer"}
PRICES = {"path": "p.csv", "target": "y"}
WEIGHTED = {**PRICES, "weight": "w"}
EPOCHS = 4


@pytest.fixture(scope="module")
def benches(tmp_path_factory):
    """Create each study once: `benches(data, folds)`."""
    from support.fused import Bench

    made = {}

    def bench(data=PRICES, folds=None):
        key = repr((data, folds))
        if key not in made:
            directory = tmp_path_factory.mktemp("study")
            rng = np.random.default_rng(1)
            table = pd.DataFrame(rng.normal(size=(170, 4)), columns=list("abcd"))
            table["y"] = table.a + 0.5 * table.b**2 + 0.1 * table.c
            if "weight" in data:
                table["w"] = np.arange(170) / 50
            table.to_csv(directory / "p.csv", index=False)
            evaluation = {"holdout": 0.2} if folds is None else {"folds": folds}
            training = {"epochs": EPOCHS, "batch_size": 32}
            made[key] = Bench(directory, data, evaluation=evaluation, training=training)
            made[key].file = "several_rows_factories.py"
        return made[key]

    return bench


MAPPED = "exact widths, exact rows, XLA, mapped"
DIRECT = "padded widths, exact rows, XLA, direct"
EQUAL = {  # the study, the factory's params, and the method
    "scalar-r2-folds": (
        {"folds": 3},
        {"loss": "scalar", "metrics": ["r2", "scalar", "mae"]},
        DIRECT,
    ),
    "root-R2Score-dropout": (
        {},
        {"loss": "root", "metrics": ["R2Score", "spread"], "layer": "dropout", "l2": 0.01},
        DIRECT,
    ),
    "sum": ({}, {"loss": "sum", "metrics": ["mae"]}, DIRECT),
    "own": ({}, {"loss": "own"}, DIRECT),
    "crossentropy-auc": (
        {"data": CANCER},
        {"loss": "crossentropy", "metrics": ["auc", "spread"], "last": "sigmoid"},
        DIRECT,
    ),
    "scalar-weights": ({"data": WEIGHTED}, {"loss": "scalar"}, DIRECT),
    "quantile-lambda": ({}, {"loss": "quantile", "metrics": ["r2"], "layer": "lambda"}, MAPPED),
    "mse-FBeta-F1": (
        {"data": CANCER},
        {"loss": "binary", "metrics": ["FBeta", "F1", "spread"], "last": "sigmoid"},
        DIRECT,
    ),
}


REPRESENTATIVE = {"root-R2Score-dropout"}


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=[] if c in REPRESENTATIVE else pytest.mark.long) for c in EQUAL]
)
def test_what_looks_at_several_rows_is_fused_as_in_fit(benches, case):
    """All epochs' losses and metrics, and the scores, equal those of ordinary training."""
    from support.fused import Driver, assert_same, run_alone

    where, params, method = EQUAL[case]
    job = benches(**where).job(0, "model", epochs=EPOCHS, **params)
    driver = Driver(1)
    found = driver.run([job])[0]
    assert [str(each) for each in driver.methods] == [method]
    assert_same(found, run_alone(job))


def test_slots_share_a_program_and_change_no_bit(benches):
    """Trials with a loss of their own code share one program, each as if it were alone in it."""
    from support.fused import Driver, plain

    given = [{"units": 9, "rate": 0.01}, {"units": 20, "rate": 0.03}, {"units": 5, "rate": 0.001}]
    params = {"loss": "root", "metrics": ["R2Score", "spread"], "epochs": 2}
    bench = benches()
    jobs = [bench.job(number, "model", **params, **each) for number, each in enumerate(given)]
    driver = Driver(1)
    together = driver.run(jobs)
    assert driver.made == 1
    alone = driver.run([bench.job(7, "model", **params, **given[2])])
    assert plain(alone[7]) == plain(together[2])


def test_metrics_that_only_the_study_names_are_fused_as_in_fit(tmp_path):
    """The factory compiles neither F1 nor the area under the curve, and both are in the reports."""
    from support.fused import EPOCHS, Bench, Driver, assert_same, run_alone

    stopping = {"monitor": "val_auc", "patience": 2}
    training = {"epochs": EPOCHS, "batch_size": 16, "early_stopping": stopping}
    bench = Bench(tmp_path, objective={"metric": "val_f1"}, training=training)
    job = bench.job()
    driver = Driver(1)
    found, alone = driver.run([job])[0], run_alone(job)
    assert driver.made == 1
    assert_same(found, alone)
    reports, outcome = alone
    assert {"val_f1", "val_auc"} <= reports[0].metrics.keys()
    assert outcome.value == outcome.metrics["val_f1"] > 0
