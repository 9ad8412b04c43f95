"""A study's rows as tensors that all programs read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from searchlab.core.arrays import Array
from searchlab.data.parts import PARTS
from searchlab.data.prepared import PreparedData
from searchlab.data.target import TargetTransform, Unseen, figures_of
from searchlab.private.keras import shuffled_batches


class FoldRows(NamedTuple):
    """The rows of a training, of its fold's own inputs if it has its own.

    Attributes:
        fit: the numbers of the rows to fit, int32.
        score: those of the rows to score on.
        validation: those of the rows to measure each epoch on.
        figures: the figures of the target's transformation, see `target.figures_of`.
    """

    fit: Array
    score: Array
    validation: Array
    figures: Array

    def reordered(self, places: Array) -> FoldRows:
        """Return them with the rows to fit in another order."""
        return FoldRows(self.fit[places], self.score, self.validation, self.figures)


@dataclass(frozen=True)
class Tensors:
    """All rows of a study: first the training rows, then the early-stopping and test rows.

    The training and early-stopping rows follow again for each fold with inputs of its own.

    Attributes:
        fitted: inputs, targets as models are fitted to them, targets in their own units and, if
            there are any, weights in the training loss: tensors (rows, ...).
        scored: the same with the weights used to score unseen rows.
        train: number of training rows.
        validation: numbers of the early-stopping rows, int32.
        test: numbers of the test rows, int32.
        folds: each fold's rows.
        figures: the figures of the target's transformation, see `target.figures_of`.
        longest: the largest number of rows in an epoch or a score.
        transform: the transformation of the target for models.
        classes: the number of classes; 0 for a quantity.
    """

    fitted: tuple[Any, ...]
    scored: tuple[Any, ...]
    train: int
    validation: Array
    test: Array
    folds: tuple[FoldRows, ...]
    figures: Array
    longest: int
    transform: TargetTransform
    classes: int

    @classmethod
    def of(cls, data: PreparedData) -> Tensors:
        """Convert a prepared data set to tensors."""
        train, validation, test = len(data.x_train), len(data.x_validation), len(data.x_test)
        blocks: list[tuple[PreparedData, str]] = [(data, part) for part in PARTS]
        numbers = np.arange(train + validation + test, dtype=np.int32)
        owns = [data.fold(number) for number in range(len(data.folds))]
        figures = figures_of([each.transform for each in (data, *owns)])
        folds, end = [], len(numbers)
        for number, (fit, score) in enumerate(data.folds):
            own, given = owns[number], figures[number + 1]
            start = end if data.has_own(number) else 0
            stop = np.arange(start + train, start + train + validation, dtype=np.int32)
            if data.has_own(number):
                blocks += [(own, "train"), (own, "validation")]
                end += train + validation
            chosen = [(start + rows).astype(np.int32) for rows in (fit, score)]
            folds.append(FoldRows(chosen[0], chosen[1], stop, given))
        x, t, y, w = zip(*(each.unseen(part) for each, part in blocks), strict=True)
        plain = _joined(y)
        common = [_joined(x), _joined(t) if data.transform else plain, plain]
        fitted, scored = list(common), list(common)
        weighed = data.w_train is not None or data.class_weight is not None
        if weighed:  # other rows are never fitted, so any weight does
            sizes = {"validation": validation, "test": test}
            parts = [
                each.fitting(np.arange(train))[2] if part == "train" else np.ones(sizes[part])
                for each, part in blocks
            ]
            fitted.append(_joined([np.asarray(each, np.float32) for each in parts]))
        if w[0] is not None:
            scored.append(_joined(w))
        return cls(
            tuple(fitted),
            tuple(scored),
            train,
            numbers[train : train + validation],
            numbers[train + validation :],
            tuple(folds),
            figures[0],
            max(train, validation, test),
            data.transform,
            len(data.summary.classes),
        )

    def unseen(self, rows: Array) -> Unseen:
        """Return rows to measure a model on as a `Meter` takes them."""
        x, t, y, *w = (np.asarray(tf.gather(each, rows)) for each in self.scored)
        return Unseen(x, t, y, w[0] if w else None)


def _joined(arrays: Sequence[Any]) -> Any:
    return tf.constant(np.concatenate(arrays))


@lru_cache(maxsize=64)
def order(rows: int, seed: int) -> Array:
    """Return the order (rows,) in which Keras' `fit` visits rows after `set_random_seed(seed)`.

    It is the same in every epoch: Keras 3.15 creates a new iterator each time, and TensorFlow
    restarts a data set's shuffling with each iterator. The order comes from Keras' own array
    adapter. Side effect: calls `set_random_seed`.
    """
    keras.utils.set_random_seed(seed)
    numbers = np.arange(rows, dtype=np.int64)
    return np.asarray(next(iter(shuffled_batches(numbers, rows))))
