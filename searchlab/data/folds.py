"""The arrays of folds: each has preprocessing of its own, which has seen no row that scores it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from searchlab.core.arrays import Array
from searchlab.core.codec import encode
from searchlab.data.columns.encoders import Choices
from searchlab.data.columns.preprocessing import ColumnPreprocessing
from searchlab.data.inputs import Aligned, Transform, figures, write_parts
from searchlab.data.load import Table
from searchlab.data.prepared import FOLD, SavedFold, fold_directory
from searchlab.data.preprocessing import Fitted, fit_preprocessing
from searchlab.data.schemes import Folds
from searchlab.data.target import TargetTransform

_Weights = tuple[float, ...] | None


def write_folds(
    directory: Path,
    table: Table,
    y: Array,
    choices: Choices,
    parts: Mapping[str, Array],
    folds: Folds,
    whole: tuple[Fitted, TargetTransform, _Weights],
    learn: tuple[Callable[[Array], TargetTransform], Callable[[Array], _Weights]],
) -> None:
    """Write the training and early-stopping rows as each fold's own preprocessing makes them.

    Args:
        directory: the prepared data.
        table: the data set.
        y: the target of all rows as numbers.
        choices: the encodings.
        parts: the rows of each part.
        folds: pairs of rows to fit and rows to score, both counted within the training rows.
        whole: the preprocessing, the transformation of the target and the weights of classes that
            are learned of all training rows; the inputs have the same places.
        learn: how such a transformation and such weights are learned of the target of some rows.

    Raises:
        DataError: if a fold's rows leave nothing to fit on.
    """
    fit_target, weigh = learn
    for number, (fit, _) in enumerate(folds):
        rows = parts["train"][fit]
        own, x_fit = fit_preprocessing(table, rows, choices, y)
        transform, weights = fit_target(y[rows]), weigh(y[rows])
        if (own, transform, weights) == whole:  # nothing was learned, as with scale: none
            continue
        place = fold_directory(directory, number)
        place.mkdir()
        seen = {part: parts[part] for part in ("train", "validation")}
        for part in seen if transform else ():
            np.save(place / f"t_{part}.npy", transform.apply(y[parts[part]]))
        if own == whole[0]:
            x = np.load(directory / "x_train.npy", mmap_mode="r")
        else:
            placed, x_fit = _aligned(own, whole[0], x_fit)
            x = write_parts(place, table.X, seen, placed, (fit, x_fit))
        saved = SavedFold(figures(x, fit, own), transform, weights)
        (place / FOLD).write_text(json.dumps(encode(saved)), encoding="utf-8")


def _aligned(own: Fitted, whole: Fitted, x: Array | None) -> tuple[Transform, Array | None]:
    """Return a fold's preprocessing, and its own output, with inputs where all rows have them."""
    if not isinstance(own, ColumnPreprocessing) or not isinstance(whole, ColumnPreprocessing):
        return own, x
    aligned = Aligned(own, whole)
    return aligned, None if x is None else aligned.placed(x)
