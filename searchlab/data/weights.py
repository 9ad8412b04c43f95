"""The weights of rows and classes.

Row weights weigh the loss wherever it is computed, as Keras' `sample_weight` does; class weights
weigh the training loss alone, as Keras' `class_weight` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from searchlab.core.arrays import Array
from searchlab.data.reading.raw import did_you_mean
from searchlab.data.schemes import Folds
from searchlab.errors import DataError
from searchlab.study.training import TrainingSpec


def check_parts(w: Array, parts: Mapping[str, Array], folds: Folds) -> None:
    """Refuse weights that leave nothing to learn from or nothing to score.

    Args:
        w: the weights of all rows (n,).
        parts: the rows for "train", "validation" and "test".
        folds: pairs of rows to fit and rows to score, counted within the training rows.

    Raises:
        DataError: if all rows of a part or of a fold have the weight 0.
    """
    named = {"the test rows": parts["test"], "the early-stopping rows": parts["validation"]}
    for number, (fit, score) in enumerate(folds):
        named[f"the rows to fit of fold {number}"] = parts["train"][fit]
        named[f"the rows to score of fold {number}"] = parts["train"][score]
    for name, rows in named.items():
        if len(rows) and not w[rows].any():
            raise DataError(
                f"{name} all have the weight 0, so their loss says nothing: give more rows a "
                "weight, or leave out data.weight"
            )


def weighed_by_class(by_class: Sequence[float], numbers: Array, w: Array | None) -> Array:
    """Multiply rows' weights with those of their classes.

    Args:
        by_class: the weight of each class by its number.
        numbers: the class of each row (n,).
        w: the rows' weights (n,), or None.

    Returns:
        The weights, float32 (n,).
    """
    weights: Array = np.array(by_class, np.float32)[numbers]
    return weights if w is None else weights * w


def class_weights(
    spec: TrainingSpec, y: Array, classes: tuple[str, ...], target: str
) -> tuple[float, ...] | None:
    """Return the weights of the classes in the order of their numbers, or None.

    Args:
        spec: the study's training.
        y: the target of the rows that a model is fitted to (n,): class numbers.
        classes: the classes as text, in the order of their numbers; empty for a regression.
        target: the name of the target.

    Raises:
        DataError: if there are no classes, or no class of a given name.
    """
    given = spec.class_weight
    if given is None:
        return None
    if not classes:
        raise DataError(
            f"training.class_weight is for classes, and the target {target!r} is a quantity: leave "
            "it out, or add task: classification to data"
        )
    if isinstance(given, str):  # "balanced", by scikit-learn's formula
        counts = np.maximum(1, np.bincount(y, minlength=len(classes)))  # a fold may lack a class
        return tuple((len(y) / (len(classes) * counts)).tolist())
    weights = [1.0] * len(classes)
    for label, weight in given.items():
        # YAML's true is Python's True; a class with the text "true" takes precedence.
        name = label if label in classes else label.capitalize()
        if name not in classes:
            raise DataError(
                f"training.class_weight: the target {target!r} has no class {label!r}"
                f"{_hint(label, classes)}"
            )
        weights[classes.index(name)] = weight
    return tuple(weights)


def _hint(label: str, classes: tuple[str, ...]) -> str:
    few = classes[:10]
    listed = f"; the classes are {', '.join(few)}{', ...' if few != classes else ''}"
    return f"{did_you_mean(label, list(classes)) or listed}: correct it"
