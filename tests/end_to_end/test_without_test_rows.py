"""A whole study of a series without test rows: each presentation says what it was measured on."""

import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from support.studies import run_here, write_study

from searchlab.data.prepare import prepare
from searchlab.data.prepared import open_data
from searchlab.inference.card import card
from searchlab.journal.layout import study_layout
from searchlab.package.manifest import Manifest
from searchlab.report.html.report import report_page
from searchlab.report.json import study_json

pytestmark = pytest.mark.keras

STUDY = """\
name: sales
data: {{path: sales.csv, target: y, test: 0, split: {{by: time, column: day, gap: 2}}}}
model: {{factory: mlp, params: {{n_hidden: 1, n_neurons: 4}}}}
space: {{learning_rate: {{float: [0.01, 0.1]}}}}
search: {{backend: {backend}, trials: 2}}
training: {{epochs: 2, early_stopping: null}}
evaluation: {{folds: 2}}
execution: {{executor: {executor}}}
confirm: {{top: 1, seeds: 1}}
"""


@pytest.mark.parametrize(
    ("executor", "backend"),
    [
        pytest.param("inline", "randomized", marks=pytest.mark.long),
        pytest.param("fused", "optuna", marks=pytest.mark.slow),
    ],
)
def test_it_is_measured_on_the_early_stopping_rows(
    tmp_path: Path, executor: str, backend: str
) -> None:
    """Model and baselines have the metrics of the latest days, and a refit has all days."""
    rng, day = np.random.default_rng(0), np.arange(120)
    frame = pd.DataFrame({"day": day[::-1], "a": rng.normal(size=120)})
    frame["y"] = frame["a"] + frame["day"] / 50
    frame.to_csv(tmp_path / "sales.csv", index=False)
    text = STUDY.format(executor=executor, backend=backend)
    record = run_here(write_study(tmp_path / "sales.yaml", text))

    prepare(record.spec, tmp_path, tmp_path / "again")
    data = open_data(tmp_path / "again")
    latest = frame.sort_values("day")["y"].to_numpy()[-24:]
    np.testing.assert_allclose(data.y_validation, latest, rtol=1e-6)
    assert (len(data.y_train), len(data.y_test)) == (94, 0)
    assert [(len(fit), len(score)) for fit, score in data.folds] == [(30, 31), (61, 31)]
    paths = study_layout("sales", tmp_path)
    own = keras.models.load_model(paths.best / "model.keras")
    measured = own.evaluate(data.x_validation, data.y_validation, verbose=0, return_dict=True)
    assert record.stopped is not None
    assert dict(record.stopped.metrics) == pytest.approx(measured, rel=1e-4)
    constant = np.mean((data.y_validation - data.y_train.mean()) ** 2)
    assert record.baselines["dummy"].metrics["loss"] == pytest.approx(constant, rel=1e-4)

    manifest = Manifest.read(paths.refit)
    assert (manifest.refitted, manifest.measured) == (True, "validation")
    assert manifest.metrics == record.stopped.metrics
    said = card(manifest, paths.refit)
    assert "loss, on the early-stopping rows" in said
    assert "fitted to all rows, without early stopping" in said
    assert "There were no test rows." in said
    values = json.loads(json.dumps(study_json(record, None, tmp_path)))
    assert values["measured"] == "validation"
    assert "test" not in values
    assert values["validation"] == pytest.approx(measured, rel=1e-4)
    page = report_page(record)
    assert "on the early-stopping rows" in page
    assert "test score" not in page
    assert "on the test rows" not in page
