"""The division of rows: for training, early stopping and the test, and into folds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from searchlab.core.arrays import Array
from searchlab.errors import DataError
from searchlab.study.spec import StudySpec

Folds = tuple[tuple[Array, Array], ...]


@dataclass(frozen=True)
class Splitter:
    """A splitter of rows as scikit-learn's, which explains first why it cannot split.

    Attributes:
        y: the target (rows,), class numbers if there are classes.
        classes: the classes as text; empty for a regression.
        seed: the seed of all splits.
    """

    y: Array
    classes: tuple[str, ...]
    seed: int

    def divide(self, rows: Array, fraction: float, key: str) -> tuple[Array, Array]:
        """Return the remaining rows, and those that the study's `key` splits off."""
        self.check(rows, 2, key)
        taken = math.ceil(fraction * len(rows))
        least = max(1, len(self.classes))
        if min(taken, len(rows) - taken) < least:
            raise DataError(
                f"too few rows: {key} of {fraction:g} would take {taken} of {len(rows)}, and "
                f"either side needs {least} or more: add rows, or change {key}"
            )
        stay, leave = train_test_split(
            rows,
            test_size=fraction,
            random_state=self.seed,
            stratify=self.y[rows] if self.classes else None,
        )
        return stay, leave

    def folds(self, rows: Array, count: int) -> Folds:
        """Return scikit-learn's folds for `cv=count`."""
        self.check(rows, count, "evaluation.folds")
        folds = StratifiedKFold(count) if self.classes else KFold(count)
        return tuple(folds.split(np.zeros(len(rows)), self.y[rows]))

    def check(self, rows: Array, least: int, key: str) -> None:
        """Raise DataError for fewer than `least` rows, or rows of a class."""
        if len(rows) < least:
            raise DataError(
                f"too few rows: {key} needs {least}, and has {len(rows)} of {len(self.y)}: add rows"
            )
        for number in range(len(self.classes)):
            count = int((self.y[rows] == number).sum())
            if count < least:
                total = int((self.y == number).sum())
                raise DataError(
                    f"class {self.classes[number]!r} has only {total} rows: {key} needs {least} "
                    f"and has {count} of them: add rows, or merge or leave out the class"
                )


def split(splitter: Splitter, spec: StudySpec) -> tuple[dict[str, Array], Folds]:
    """Divide all rows as a study asks.

    Returns:
        The rows for "train", "validation" and "test"; and pairs of rows to fit and rows to score,
        both counted within the training rows, one pair for a hold-out.

    Raises:
        DataError: if there are too few rows (of any class, if there are classes).
    """
    rows = np.arange(len(splitter.y))
    rows, test = splitter.divide(rows, spec.data.test, "data.test")
    train, validation = splitter.divide(rows, spec.data.validation, "data.validation")
    parts = {"train": train, "validation": validation, "test": test}
    if spec.evaluation.folds is not None:
        return parts, splitter.folds(train, spec.evaluation.folds)
    fit, score = splitter.divide(train, float(spec.evaluation.holdout or 0), "evaluation.holdout")
    places = np.empty(len(splitter.y), np.int64)  # the position of each row among the training rows
    places[train] = np.arange(len(train))
    return parts, ((places[fit], places[score]),)
