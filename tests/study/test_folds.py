"""A study file with test folds stands for a study of each fold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from searchlab.errors import InputError
from searchlab.study.changes import differences
from searchlab.study.file import StudyFile
from searchlab.study.folds import each_fold, refuse_folds
from searchlab.testing.doubles import study


def file(**data: int) -> StudyFile:
    """Return a file of a study of iris."""
    spec = study(data={"dataset": "iris", **data}, registered_model="flowers")
    return StudyFile(spec, Path("iris.yaml"), "")


def test_each_test_fold_has_a_study_of_its_own() -> None:
    """It has its own name, so that it resumes by itself, and its model competes with no other."""
    studies = [each.spec for each in each_fold(file(test_folds=3))]
    assert [each.name for each in studies] == ["small-fold-1", "small-fold-2", "small-fold-3"]
    assert [each.data.test_fold for each in studies] == [1, 2, 3]
    assert {each.registered_model for each in studies} == {None}
    assert [each.key for each in differences(*studies[:2])] == ["data.test_fold", "name"]


def test_one_fold_or_none_is_the_study_itself() -> None:
    """A fold that is named is an ordinary study, under the name and with the model of its file."""
    for given in (file(), file(test_folds=3, test_fold=2)):
        assert each_fold(given) == [given]
        refuse_folds(given.spec)


def test_a_study_that_stands_for_several_is_not_run_as_one() -> None:
    """The message says how to run them, and a name that would grow too long is refused."""
    with pytest.raises(InputError, match=r"3 studies.*data.test_fold=1 with name=small-fold-1"):
        refuse_folds(file(test_folds=3).spec)
    given = file(test_folds=3)
    long = replace(given, spec=given.spec.model_copy(update={"name": "n" * 78}))
    with pytest.raises(InputError, match="too long for the name of a study: give a shorter --name"):
        each_fold(long)
