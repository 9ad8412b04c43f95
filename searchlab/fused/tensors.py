"""A study's rows as tensors that all programs read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from searchlab.core.arrays import Array
from searchlab.data.prepared import PreparedData
from searchlab.data.target import TargetTransform, Unseen
from searchlab.private.keras import shuffled_batches


@dataclass(frozen=True)
class Tensors:
    """All rows of a study: first the training rows, then the early-stopping and test rows.

    Attributes:
        fitted: inputs, targets as models are fitted to them, targets in their own units and, if
            there are any, weights in the training loss: tensors (rows, ...).
        scored: the same with the weights used to score unseen rows.
        train: number of training rows.
        validation: numbers of the early-stopping rows, int32.
        test: numbers of the test rows, int32.
        longest: the largest number of rows in an epoch or a score.
        transform: the transformation of the target for models.
        classes: the number of classes; 0 for a quantity.
    """

    fitted: tuple[Any, ...]
    scored: tuple[Any, ...]
    train: int
    validation: Array
    test: Array
    longest: int
    transform: TargetTransform
    classes: int

    @classmethod
    def of(cls, data: PreparedData) -> Tensors:
        """Convert a prepared data set to tensors."""
        train, validation, test = len(data.x_train), len(data.x_validation), len(data.x_test)
        x = tf.constant(np.concatenate([data.x_train, data.x_validation, data.x_test]))
        y = tf.constant(np.concatenate([data.y_train, data.y_validation, data.y_test]))
        t = y
        if data.transform:
            t = tf.constant(np.concatenate([data.t_train, data.t_validation, data.t_test]))
        fitted, scored = [x, t, y], [x, t, y]
        _, _, fit = data.fitting(np.arange(train))
        if fit is not None:
            others = np.ones(validation + test, np.float32)  # never fitted, so any weight does
            fitted.append(tf.constant(np.concatenate([fit, others])))
        weights = [data.unseen(part).w for part in ("train", "validation", "test")]
        if weights[0] is not None:
            parts: list[Any] = list(weights)
            scored.append(tf.constant(np.concatenate(parts)))
        numbers = np.arange(train + validation + test, dtype=np.int32)
        return cls(
            tuple(fitted),
            tuple(scored),
            train,
            numbers[train : train + validation],
            numbers[train + validation :],
            max(train, validation, test),
            data.transform,
            len(data.summary.classes),
        )

    def unseen(self, rows: Array) -> Unseen:
        """Return rows to measure a model on as a `Meter` takes them."""
        x, t, y, *w = (np.asarray(tf.gather(each, rows)) for each in self.scored)
        return Unseen(x, t, y, w[0] if w else None)


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
