"""The columns of each input of a model: by name, pattern or kind, and where their values are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from searchlab.data.prepare import prepare
from searchlab.data.prepared import PreparedData, open_data
from searchlab.errors import DataError
from searchlab.study.spec import StudySpec

WORDS = ["sea view", "near the park", "old house", "new roof and park", "quiet sea"]


def study(inputs: Any, **data: Any) -> StudySpec:
    """Return a study of t.csv with three folds."""
    data = {"path": "t.csv", "target": "y", "inputs": inputs, **data}
    values = {"name": "s", "data": data, "space": {"n": {"int": [1, 2]}}, "search": {"trials": 1}}
    return StudySpec.from_dict({**values, "evaluation": {"folds": 3}})


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A directory with a table of numbers, categories, dates and two columns of text."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "area_in": rng.normal(80, 20, 90),
            "area_out": rng.normal(20, 5, 90),
            "zone": rng.choice(["a", "b", "c"], 90),
            "built": pd.date_range("2001-01-01", periods=90, freq="17D").strftime("%Y-%m-%d"),
            "note": [f"{rng.choice(WORDS)} {number}" for number in range(90)],
            "more": [f"{rng.choice(WORDS)} number {number}" for number in range(90)],
            "y": rng.normal(size=90),
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path


def prepared(base: Path, inputs: Any, **data: Any) -> PreparedData:
    prepare(study(inputs, **data), base, base / "data")
    return open_data(base / "data")


def test_columns_are_named_by_name_pattern_or_kind_and_may_be_in_several_inputs(base: Path) -> None:
    """Each input has the values that its columns become, in the order in which they are named."""
    data = prepared(base, {"wide": ["zone", "area_out"], "deep": ["area_*", "date"]})
    names = data.meta["inputs"]
    found = {name: [names[place] for place in places]
             for name, places in data.summary.inputs.items()}  # fmt: skip
    assert found["wide"] == ["zone_a", "zone_b", "zone_c", "area_out"]
    assert found["deep"][:2] == ["area_in", "area_out"]
    assert all(name.startswith("built") for name in found["deep"][2:])
    assert len(found["deep"]) > 2
    assert data.summary.given_shape == {"wide": (4,), "deep": (len(found["deep"]),)}
    assert data.meta["input_shape"] == data.summary.given_shape


def test_columns_that_no_input_has_are_left_out_and_told(base: Path) -> None:
    """The model and the rows that it takes later know nothing of them."""
    summary = prepare(study({"deep": "number", "wide": "zone"}), base, base / "data")
    assert summary.columns == ("area_in", "area_out", "zone")
    left = {each.name: each.why for each in summary.understood if each.role == "dropped"}
    assert left == dict.fromkeys(["built", "note", "more"], "data.inputs")
    assert "the model's input 'deep' gets area_in, area_out" in summary.notes


def test_words_that_only_a_fold_knows_stay_in_the_input_of_their_column(base: Path) -> None:
    """With five words a column, a fold's differ from all rows', and none lands in the other's."""
    data = prepared(base, {"first": "note", "second": ["more"]}, text={"size": 5})
    frame = pd.read_csv(base / "t.csv")
    frame["note"] = ""
    frame.loc[:9, "note"] = "sea"  # so that there is something to learn
    frame.to_csv(base / "t.csv", index=False)
    prepare(study({"first": "note", "second": ["more"]}, text={"size": 5}), base, base / "other")
    other = open_data(base / "other")
    for number in range(3):
        own, changed = data.fold(number), other.fold(number)
        places = list(data.summary.inputs["second"])
        changed_places = list(other.summary.inputs["second"])
        assert np.array_equal(own.x_train[:, places], changed.x_train[:, changed_places])


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"wide": ["zonne"]}, r"no feature 'zonne'; did you mean 'zone'\?: correct data.inputs.w"),
        ({"wide": ["room_*"]}, r"no feature 'room_\*'; the columns are .*: correct data.inputs"),
        ({"wide": ["boolean"]}, "no feature is a boolean: correct data.inputs.wide"),
        ({"wide": ["y"]}, "no feature 'y'"),
    ],
)
def test_a_column_that_is_not_there_is_told_with_its_input(
    base: Path, inputs: Any, said: str
) -> None:
    """One line names the input and the column, and the nearest one."""
    with pytest.raises(DataError, match=said):
        prepared(base, inputs)


def test_arrays_have_no_columns_to_divide(base: Path) -> None:
    """Pictures are refused, with what to leave out."""
    np.savez(base / "t.npz", X=np.ones((30, 4, 4, 3)), y=np.arange(30.0))
    with pytest.raises(DataError, match=r"data.inputs is for columns, .*\(4, 4, 3\): leave it out"):
        prepared(base, {"wide": ["a"]}, path="t.npz")


@pytest.mark.parametrize("inputs", [{}, {"wide": []}, {"wide": 3}, ["wide"]])
def test_an_input_without_columns_is_no_study(inputs: Any) -> None:
    """A study file cannot say less than one column for an input."""
    with pytest.raises(ValidationError, match=r"data\.inputs"):
        study(inputs)
