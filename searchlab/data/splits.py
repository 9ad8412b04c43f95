"""The division of rows: for training, early stopping and the test, and into folds.

Each scheme does with rows what a splitter of scikit-learn does with the study's seed, so that a
plain script can repeat it. Rows of the same time are one step of `TimeSeriesSplit`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from searchlab.core.arrays import Array
from searchlab.data.division import Division
from searchlab.data.parts import PARTS, Assignment, Part
from searchlab.data.schemes import ByChance, ByGroup, ByTime, Folds, Scheme
from searchlab.errors import DataError
from searchlab.study.spec import StudySpec

_PARTS: dict[str, Part] = {
    "training": "train",
    "early-stopping": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class Splits:
    """The rows of each part.

    Attributes:
        train: the numbers of the training rows (n,), which the folds divide.
        validation: those of the early-stopping rows.
        test: those of the test rows; empty if the study has none.
        refit: those that a refit is fitted to: all but the test's, and the gap before them.
        folds: pairs of rows to fit and rows to score, both counted within the training rows, one
            pair for a hold-out.
    """

    train: Array
    validation: Array
    test: Array
    refit: Array
    folds: Folds

    def parts(self, *, refit: bool) -> dict[str, Array]:
        """Return the rows of "train", "validation" and "test", of a refit or before it."""
        train = self.refit if refit else self.train
        return {"train": train, "validation": self.validation, "test": self.test}


def split(y: Array, classes: tuple[str, ...], found: Division, spec: StudySpec) -> Splits:
    """Divide all rows as a study asks.

    Args:
        y: the target (rows,), class numbers if there are classes.
        classes: the classes as text; empty for a regression.
        found: what the data set says about the division.
        spec: the study.

    Raises:
        DataError: if there are too few rows, groups or times, or if a part lacks a class.
    """
    scheme = _scheme(y, classes, found, spec)
    rest, validation, test = _given(found.assigned, len(y))
    if spec.data.test_folds is not None:
        if len(test):
            raise DataError("there are test rows, and data.test_folds makes others: leave it out")
        fit, score = scheme.outer(rest, spec.data.test_folds)[(spec.data.test_fold or 1) - 1]
        rest, test = rest[fit], rest[score]
    elif not len(test) and spec.data.tested:
        rest, test = scheme.divide(rest, spec.data.test, "data.test")
    rest = scheme.apart(rest, test, "test")
    validation = scheme.apart(validation, test, "test")
    if len(validation):
        train = scheme.apart(rest, validation, "early-stopping")
    else:
        train, validation = scheme.divide(rest, spec.data.validation, "data.validation")
    if spec.evaluation.folds is not None:
        folds = scheme.folds(train, spec.evaluation.folds, spec.evaluation.repeats)
    else:
        fraction = float(spec.evaluation.holdout or 0)
        fit, score = scheme.divide(train, fraction, "evaluation.holdout")
        places = np.empty(len(y), np.int64)  # the position of each row among the training rows
        places[train] = np.arange(len(train))
        folds = ((places[fit], places[score]),)
    both = np.concatenate([train, validation])
    refit = np.concatenate([both, rest[~np.isin(rest, both)]])
    splits = Splits(train, validation, test, refit, folds)
    _check_classes(y, classes, splits, found.assigned)
    return splits


def _scheme(y: Array, classes: tuple[str, ...], found: Division, spec: StudySpec) -> Scheme:
    asked, seed = spec.data.split, spec.search.seed
    if asked is not None and asked.by is not None:
        order = np.arange(len(y)) if found.codes is None else found.codes
        return ByTime(order, found.labels, asked.gap)
    if found.codes is None:
        return ByChance(y, y if classes else None, classes, "class", seed)
    if asked is not None and asked.groups is not None:
        return ByGroup(found.codes, found.labels, y, classes, seed)
    return ByChance(y, found.codes, found.labels, "stratum", seed)


def _given(assigned: Assignment | None, rows: int) -> tuple[Array, Array, Array]:
    """Return the rows that can be divided, and those that are given for validation and test."""
    if assigned is None:
        return np.arange(rows), np.arange(0), np.arange(0)
    return assigned.rows("train"), assigned.rows("validation"), assigned.rows("test")


def _check_classes(
    y: Array, classes: tuple[str, ...], splits: Splits, assigned: Assignment | None
) -> None:
    """Refuse a class that a part lacks: nothing would be learned of it, or said about it."""
    given = set() if assigned is None else {part for part in PARTS if len(assigned.rows(part))}
    named = {"training": splits.train, "early-stopping": splits.validation, "test": splits.test}
    if not classes:
        return
    for number, (fit, score) in enumerate(splits.folds):
        one = len(splits.folds) == 1
        of = "of the hold-out" if one else f"of fold {number}"
        named[f"fitted rows {of}"] = splits.train[fit]
        named[f"scored rows {of}"] = splits.train[score]
    for name, rows in named.items():
        absent = np.flatnonzero(np.bincount(y[rows], minlength=len(classes)) == 0)
        if len(absent) and len(rows):
            where = name if "rows" in name else f"{name} rows"
            own = _PARTS.get(name) in given
            remedy = (
                "add rows of it to them" if own else "change their share or search.seed, add rows"
            )
            raise DataError(
                f"class {classes[absent[0]]!r} is missing in the {where}: {remedy}, or leave out "
                "the class"
            )
