"""The keys that divide rows, and the spellings of other tools that lead to them."""

from __future__ import annotations

from typing import Any

import pytest

from searchlab.errors import StudyFileError
from searchlab.study.changes import differences
from searchlab.study.file import study_of_values
from searchlab.study.spec import StudySpec


def loaded(tmp_path: Any, data: dict[str, Any], **keys: Any) -> StudySpec:
    """Return the study of a file with this data."""
    values = {"name": "s", "space": {"n": {"int": [1, 2]}}, "search": {"trials": 2}, **keys}
    values["data"] = {"path": "t.csv", "target": "y", **data}
    return study_of_values(values, tmp_path).spec


@pytest.mark.parametrize(
    ("data", "evaluation", "message"),
    [
        ({"group": "patient"}, {}, "data.group: unknown key; write it as data.split: {groups: pat"),
        ({"groups": "p"}, {}, "data.groups: unknown key; write it as data.split: {groups: p}"),
        ({"split": {"by": "t"}}, {}, "data.split.by: must be time: write {by: time, column: t} if"),
        ({"split": {"group": "p"}}, {}, "data.split.group: unknown key; write it as groups: p"),
        ({"split": {"time": "t"}}, {}, "unknown key; write it as {by: time, column: t}"),
        ({"split": "time"}, {}, "data.split: must be a group of keys, such as {by: time, column"),
        ({"order": "t"}, {}, "data.order: unknown key; write it as data.split: {by: time, column:"),
        ({"stratify": "c"}, {}, "data.stratify: unknown key; write it as data.split: {stratify: c"),
        ({}, {"kind": "time_series"}, "evaluation.kind: unknown key; write the scheme of the folds"
         " as data.split: {by: time, column: when}"),
        ({}, {"order": "date"}, "evaluation.order: unknown key; write it as data.split: {by: time, "
         "column: date}"),
        ({}, {"cv": "GroupKFold"}, "as data.split: {groups: patient}"),
        ({}, {"n_splits": 5}, "evaluation.n_splits: unknown key; write it as folds: 5"),
        ({}, {"outer_folds": 5}, "evaluation.outer_folds: unknown key; write it as data.test_f"),
        ({}, {"n_repeats": 3}, "evaluation.n_repeats: unknown key; write it as repeats: 3"),
    ],
)  # fmt: skip
def test_what_other_tools_call_it_leads_to_the_right_key(
    tmp_path: Any, data: dict[str, Any], evaluation: dict[str, Any], message: str
) -> None:
    """One line names the key that stands for it here, with the value that was given."""
    with pytest.raises(StudyFileError) as caught:
        loaded(tmp_path, data, evaluation={"folds": 3, **evaluation})
    assert [problem for problem in caught.value.problems if message in problem]
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("data", "evaluation", "message"),
    [
        ({"split": {}}, {}, "data.split: needs a scheme: {by: time, column: when}, {groups:"),
        ({"split": {"by": "time", "groups": "p"}}, {}, "has by and groups: keep one of them"),
        ({"split": {"groups": "p", "gap": 3}}, {}, "data.split.gap: goes with by: time only"),
        ({"split": {"groups": "y"}}, {}, "data.split.groups: is 'y', which is also the target"),
        (
            {"split": {"column": "a"}, "weight": "a"},
            {},
            "split.column: is 'a', which is also the w",
        ),
        ({"split": {"groups": "p"}, "features": ["a", "p"]}, {}, "'p', which is also in features"),
        ({"split": {"column": "p"}, "test_path": "b.csv"}, {}, "data.test_path: says the part of"),
        (
            {"test": 0.3, "test_path": "b.csv"},
            {},
            "data.test: is for a part of path, and test_path",
        ),
        ({"test_fold": 2}, {}, "data.test_fold: is one of data.test_folds: give these, too"),
        ({"test_folds": 3, "test_fold": 4}, {}, "data.test_fold: is 4, and there are 3 folds"),
        ({"test_folds": 3, "test": 0}, {}, "data.test_folds: says which rows are the test's"),
        ({"test_folds": 3, "test_path": "b.csv"}, {}, "and so does test_path: leave one"),
        ({"test_folds": 3, "split": {"column": "p"}}, {}, "and so does split.column: leave one"),
        ({"test": -0.1}, {}, "data.test: must be at least 0"),
        ({"validation": 0}, {}, "data.validation: must be above 0"),
        (
            {"split": {"by": "time"}},
            {"repeats": 2},
            "evaluation.repeats: times have one order only",
        ),
        ({}, {"folds": None, "holdout": 0.2, "repeats": 2}, "evaluation.repeats: goes with folds"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(
    tmp_path: Any, data: dict[str, Any], evaluation: dict[str, Any], message: str
) -> None:
    """Two answers to one question are a line, before any file is read."""
    with pytest.raises(StudyFileError) as caught:
        loaded(tmp_path, data, evaluation={"folds": 3, **evaluation})
    (problem,) = caught.value.problems
    assert message in problem


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"split": {"by": "time"}}, "data.split"),
        ({"test": 0}, "data.test"),
        ({"test_path": "b.csv"}, "data.test_path"),
    ],
)
def test_another_division_makes_another_study(
    tmp_path: Any, data: dict[str, Any], key: str
) -> None:
    """A study does not go on with other rows in its parts."""
    before, after = loaded(tmp_path, {}), loaded(tmp_path, data)
    assert all(each.key.startswith(key) for each in differences(before, after))
    assert differences(before, after)
    again = loaded(tmp_path, {}, evaluation={"folds": 3, "repeats": 2})
    assert "evaluation.repeats" in [each.key for each in differences(before, again)]


def test_a_division_is_read_back_as_it_was(tmp_path: Any) -> None:
    """The journal's copy of a study has the same division."""
    spec = loaded(tmp_path, {"split": {"by": "time", "column": "t", "gap": 2}, "test": 0})
    assert StudySpec.from_dict(spec.as_dict()) == spec
