"""The test score holds for new rows: later days, and patients that no part of the data has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from searchlab.data.prepare import prepare
from searchlab.data.prepared import open_data
from searchlab.data.preprocessing import load_preprocessing
from searchlab.study.spec import StudySpec


def scores(base: Path, known: pd.DataFrame, new: pd.DataFrame, **data: Any) -> tuple[float, float]:
    """Return the score of a model on the test rows of a data set, and on rows that come later.

    Accuracy for the target `sick`, mean absolute error for others.
    """
    known.to_csv(base / "known.csv", index=False)
    keys = {"path": "known.csv", "target": known.columns[-1], **data}
    prepare(
        StudySpec.from_dict({"name": "s", "data": keys, "space": {"n": {"int": [1, 2]}}}),
        base,
        base / "data",
    )
    rows = open_data(base / "data")
    sick = keys["target"] == "sick"
    model = (ExtraTreesClassifier if sick else ExtraTreesRegressor)(100, random_state=0)
    model.fit(rows.x_train, rows.y_train)
    later = load_preprocessing(base / "data" / "preprocessing.skops").transform(new)
    found = []
    for x, y in ((rows.x_test, rows.y_test), (later, new[keys["target"]].to_numpy())):
        predicted = model.predict(x)
        found.append(float((predicted == y).mean() if sick else np.abs(predicted - y).mean()))
    return found[0], found[1]


def test_by_time_the_test_error_is_that_of_later_days(tmp_path: Path) -> None:
    """A price that wanders is easy to guess between known days, and hard afterwards."""
    rng, day = np.random.default_rng(3), np.arange(2880)
    frame = pd.DataFrame({"day": day, "weekday": day % 7})
    frame["price"] = 0.05 * day + np.cumsum(rng.normal(0, 1, len(day)))
    known, later = frame[:2400], frame[2400:]
    test, true = scores(tmp_path, known, later)
    assert true > 5 * test, "divided by chance, the test says nothing about later days"
    test, true = scores(tmp_path, known, later, split={"by": "time", "column": "day"})
    assert 0.75 * true < test < 1.25 * true


def test_by_group_the_test_accuracy_is_that_of_new_patients(tmp_path: Path) -> None:
    """Measurements tell who a patient is, and nothing of the illness."""
    rng, each = np.random.default_rng(1), 30
    patient = np.repeat(np.arange(100), each)
    centers, sick = rng.normal(0, 3, (100, 6)), rng.integers(0, 2, 100)
    frame = pd.DataFrame(
        centers[patient] + rng.normal(0, 0.3, (len(patient), 6)), columns=[*"abcdef"]
    )
    frame = frame.assign(patient=[f"p{number}" for number in patient], sick=sick[patient])
    known, new = frame[patient < 60], frame[patient >= 60]
    test, true = scores(tmp_path, known, new, drop=["patient"])
    assert test > true + 0.3, "divided by chance, the test knows its patients"
    test, true = scores(tmp_path, known, new, split={"groups": "patient"})
    assert abs(test - true) < 0.15
