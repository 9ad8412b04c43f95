"""Every ready study is valid and, shrunk, runs from its file to its model.

Those of digits and California housing run at length in test_road.py, with baselines and all.
"""

import os
from pathlib import Path

import pytest

from searchlab.engine.checks import study_problems
from searchlab.engine.loop import Interrupt
from searchlab.engine.run import run_study
from searchlab.journal.layout import study_layout
from searchlab.study.file import load_study
from searchlab.tracking.memory import MemoryTracker

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))
OTHERS = [
    pytest.param(path, id=path.stem)
    for path in STUDIES
    if path.stem not in ("digits", "california_housing")
]
NEEDS = {"fashion_mnist": "KERAS_HOME"}
UNFUSED = {"wide_and_deep": "its model has several inputs"}
TINY = {
    "search.trials": 2,
    "training.epochs": 2,
    "space.n_neurons": {"int": [1, 8]},
    "confirm": 0,
    "baselines": False,  # of 70,000 images they take longer than all else
}


def test_there_are_ready_studies():
    """The glob below finds the studies that the README names."""
    names = {path.stem for path in STUDIES}
    assert {"digits", "diabetes", "california_housing", "fashion_mnist"} <= names


@pytest.mark.keras
@pytest.mark.long
@pytest.mark.parametrize("path", OTHERS)
def test_a_ready_study_runs(path, tmp_path):
    """With two trials of two epochs each, the study ends with a best trial and a model."""
    needs = NEEDS.get(path.stem)
    if needs and needs not in os.environ:
        pytest.skip(f"{needs} does not say where the data is, and a download is not for a test")
    file = load_study(path, TINY, [study_problems])
    record = run_study(file, tmp_path, lambda _: [MemoryTracker()], Interrupt(), lambda _: None)
    assert record.state == "finished"
    assert len(record.trials) == 2
    assert record.best is not None
    why = UNFUSED.get(path.stem)
    assert {trial.outcome.unfused for trial in record.trials.values()} == {why}
    assert (study_layout(record.spec.name, tmp_path).best / "model.keras").is_file()
