"""Data with params of the search: the arrays of each combination."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from searchlab.core.domains import Params
from searchlab.core.trial import Suggestion, Trial
from searchlab.data.prepare import prepare
from searchlab.data.prepared import open_data
from searchlab.engine.jobs import Jobs
from searchlab.errors import DataError
from searchlab.journal.layout import refit_data, study_data
from searchlab.study.spec import StudySpec


def study(**data: Any) -> StudySpec:
    """Return a study of t.csv."""
    data = {"path": "t.csv", "target": "y", **data}
    space = {"n": {"int": [1, 2]}}
    values = {"name": "s", "data": data, "space": space, "objective": {"metric": "val_mae"}}
    return StudySpec.from_dict(values)


def write(base: Path) -> None:
    """Write numbers, categories and a target that grows exponentially."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"a": rng.normal(3, 2, 90), "c": rng.choice(["x", "y", "z"], 90)})
    frame["y"] = np.exp(frame["a"]) + (frame["c"] == "x")
    frame.to_csv(base / "t.csv", index=False)


def test_each_combination_has_the_arrays_of_its_values(tmp_path: Path) -> None:
    """A trial's job finds what a study with these values as fixed keys would have prepared."""
    write(tmp_path)
    sought = study(
        scale={"choice": ["standard", "quantile"]},
        categories={"choice": ["one_hot", "ordinal"]},
        target_transform={"choice": ["log1p", "none"]},
    )
    directory = tmp_path / "s"
    summary = prepare(sought, tmp_path, directory / "data")
    assert summary.target_transform == "one of log1p, none"
    assert any("data.scale is a param of the search" in note for note in summary.notes)
    params: Params = {
        "n": 1,
        "data.scale": "quantile",
        "data.categories": "ordinal",
        "data.target_transform": "log1p",
    }
    trial = Trial(0, Suggestion(params, epochs=1), seed=1)
    job = Jobs(sought, tmp_path, directory).trial(trial)
    assert study_data(job.data) == study_data(refit_data(job.data)) == directory / "data"
    prepare(job.spec, tmp_path, tmp_path / "fixed")
    assert (
        job.spec.data
        == study(scale="quantile", categories="ordinal", target_transform="log1p").data
    )
    for own, fixed in (
        (job.data, tmp_path / "fixed"),
        (refit_data(job.data), refit_data(tmp_path / "fixed")),
    ):
        found, wanted = open_data(own), open_data(fixed)
        for name in ("x_train", "x_test", "t_train", "y_test"):
            np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
        assert found.transform == wanted.transform


def test_a_combination_that_does_not_fit_is_named(tmp_path: Path) -> None:
    """The message says with which of the values the data cannot be prepared."""
    write(tmp_path)
    frame = pd.read_csv(tmp_path / "t.csv")
    frame["y"] -= 1000
    frame.to_csv(tmp_path / "t.csv", index=False)
    spec = study(target_transform={"choice": ["none", "log1p"]})
    with pytest.raises(DataError, match=r"with data\.target_transform=log1p: data\.target_trans"):
        prepare(spec, tmp_path, tmp_path / "data")
