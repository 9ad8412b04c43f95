"""Nested folds: each test fold of a study file is the test of a study of its own."""

from __future__ import annotations

from dataclasses import replace

from searchlab.errors import InputError
from searchlab.study.file import StudyFile
from searchlab.study.others import is_name
from searchlab.study.spec import StudySpec

_BETWEEN = "-fold-"


def each_fold(file: StudyFile) -> list[StudyFile]:
    """Return the studies that a file stands for: one for each test fold, or the file's only one.

    Their models are not registered: they show what the whole procedure is worth, and have each
    another test.

    Raises:
        InputError: if the name is too long for one that ends with the number of the fold.
    """
    spec = file.spec
    if not _stands_for_folds(spec):
        return [file]
    return [
        replace(file, spec=_of_fold(spec, fold + 1)) for fold in range(spec.data.test_folds or 0)
    ]


def refuse_folds(spec: StudySpec) -> None:
    """Refuse a study that stands for several.

    Raises:
        InputError: if nothing says which of its test folds is the test.
    """
    if _stands_for_folds(spec):
        raise InputError(
            f"study {spec.name} stands for {spec.data.test_folds} studies, one for each of "
            f"data.test_folds: use searchlab run, or name one fold, such as data.test_fold=1 with "
            f"name={_name(spec, 1)}"
        )


def _stands_for_folds(spec: StudySpec) -> bool:
    return spec.data.test_folds is not None and spec.data.test_fold is None


def _of_fold(spec: StudySpec, fold: int) -> StudySpec:
    name = _name(spec, fold)
    if not is_name(name):
        raise InputError(f"{name!r} is too long for the name of a study: give a shorter --name")
    data = spec.data.model_copy(update={"test_fold": fold})
    return spec.model_copy(update={"name": name, "data": data, "registered_model": None})


def _name(spec: StudySpec, fold: int) -> str:
    return f"{spec.name}{_BETWEEN}{fold}"


def fold_of(study: str, name: str) -> int | None:
    """Return the test fold, from 1, that a study is for by its name; None for another study.

    Args:
        study: the name of the study.
        name: that of the study file which stands for all folds.
    """
    number = study.removeprefix(f"{name}{_BETWEEN}")
    return int(number) if number != study and number.isdecimal() else None
