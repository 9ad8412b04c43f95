"""Convert a checked data set to the arrays that trainings read.

All trainings of a study, in any process, map the same files into memory. The splits are those of
scikit-learn's `train_test_split`, `KFold` and `StratifiedKFold` with the study's seed, so that a
plain script can repeat them. Preprocessing is fitted on the training rows only.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.core.atomic import whole_directory
from searchlab.core.codec import encode
from searchlab.data.arrays import CHUNK, ArrayPreprocessing, moments
from searchlab.data.choices import choose
from searchlab.data.columns.encoders import Choices
from searchlab.data.columns.preprocessing import ColumnPreprocessing
from searchlab.data.example import save_example
from searchlab.data.load import Table, load
from searchlab.data.looking.columns import describe
from searchlab.data.looking.look import look
from searchlab.data.looking.view import View
from searchlab.data.prepared import FOLDS, ROWS, SUMMARY, DataSummary, Saved
from searchlab.data.preprocessing import Preprocessing, fit_preprocessing, save_preprocessing
from searchlab.data.schema import RowSchema
from searchlab.data.schemes import Folds
from searchlab.data.splits import split
from searchlab.data.target import fit_target
from searchlab.data.weights import check_parts, class_weights
from searchlab.errors import DataError
from searchlab.factories.find import BUILT_IN
from searchlab.journal.layout import refit_data
from searchlab.study.spec import StudySpec

_PREPROCESSING = "preprocessing.skops"
_STEP = 8192  # rows of a table that are transformed at a time


def prepare(spec: StudySpec, base: Path, directory: Path) -> DataSummary:
    """Load, check, split and preprocess a study's data set, and write the arrays.

    If the winner is to be refitted, `refit_data(directory)` contains all arrays again, with the
    early-stopping rows among the training rows, to all of which the preprocessing is fitted.

    The directory appears whole or not at all and replaces an existing one.

    Args:
        spec: the study.
        base: the directory of the study file.
        directory: the directory for the arrays.

    Raises:
        DataError: if the data set cannot be used as the study asks, or cannot be written.
    """
    table = load(spec.data, base)
    try:
        with whole_directory(directory, lasting=False) as new:
            summary = _write(table, spec, base, new)
            if spec.refit:
                _write(table, spec, base, refit_data(new), whole=True)
    except DataError as error:
        raise DataError(f"{table.source}: {error}") from None
    except OSError as error:
        raise DataError(
            f"{directory}: the arrays cannot be written ({error.strerror}): make room or give "
            f"access, then run the study again"
        ) from None
    return summary


# ---- writing


def _write(
    table: Table, spec: StudySpec, base: Path, directory: Path, *, whole: bool = False
) -> DataSummary:
    y, labels = _encoded(table)
    classes = tuple(map(str, labels))
    splits = split(y, classes, table.division, spec)
    parts, folds = splits.parts(refit=whole), splits.folds
    if table.w is not None:
        check_parts(table.w, parts, folds)
    weights = class_weights(spec.training, y[parts["train"]], classes, table.target)
    transform = fit_target(
        spec.data.target_transform,
        y[parts["train"]],
        base,
        classes=bool(classes),
        free=spec.factory.factory in BUILT_IN,
    )
    task = {0: "regression", 2: "binary"}.get(len(classes), "multiclass")
    choices = choose(spec, table, task, base)
    seen = np.arange(len(parts["train"])) if whole else _seen(choices, folds, parts["train"])
    preprocessing, x_seen = fit_preprocessing(table, parts["train"][seen], choices, y)
    directory.mkdir(exist_ok=True)
    for part, rows in parts.items():
        _write_inputs(directory / f"x_{part}.npy", table.X, rows, preprocessing)
        np.save(directory / f"y_{part}.npy", y[rows])
        if transform:
            np.save(directory / f"t_{part}.npy", transform.apply(y[rows]))
        if table.w is not None:
            np.save(directory / f"w_{part}.npy", table.w[rows])
    x_train = np.load(directory / "x_train.npy", mmap_mode="r+")
    if x_seen is not None:
        x_train[seen] = x_seen  # in which no row has seen its own target
        x_train.flush()
    save_preprocessing(preprocessing, directory / _PREPROCESSING)
    np.savez(directory / FOLDS, *(rows for pair in folds for rows in pair))
    inputs = x_train.shape[1] if isinstance(table.X, pd.DataFrame) else None
    view = View(table, y, classes, parts, spec.data, inputs, transform)
    summary = DataSummary(
        name=table.name,
        source=table.source,
        digest=table.digest,
        rows=len(y),
        columns=tuple(table.kinds),
        target=table.target,
        task=task,
        classes=classes,
        input_shape=x_train.shape[1:],
        train=len(parts["train"]),
        validation=len(parts["validation"]),
        test=len(parts["test"]),
        findings=() if whole else look(view),
        notes=_notes(table, choices, spec),
        understood=() if whole else describe(table, spec.data, preprocessing, transform),
        target_transform=str(transform),
        target_why=transform.why,
    )
    statistics = {"scale": choices.scale, **_statistics(x_train, preprocessing)}
    scored = spec.evaluation.class_weight
    saved = Saved(summary.brief, statistics, table.w is not None, weights, scored, transform)
    (directory / SUMMARY).write_text(json.dumps(encode(saved), indent=1), encoding="utf-8")
    schema = RowSchema.of(table, spec.data, summary.task, labels)
    schema = replace(schema, transform=transform, class_weight=weights if scored else None)
    (directory / ROWS).write_text(json.dumps(encode(schema), indent=1), encoding="utf-8")
    save_example(table.X, schema, parts["train"], directory)
    return summary


def _notes(table: Table, choices: Choices, spec: StudySpec) -> tuple[str, ...]:
    read = () if table.dialect is None else tuple(table.dialect.described())
    folds = () if spec.data.test_folds is None else (f"the test is {spec.data.test_text}",)
    return (*read, *((choices.note,) if choices.note else ()), *folds)


def _seen(choices: Choices, folds: Folds, train: Array) -> Array:
    """Return which training rows the preprocessing is fitted to.

    They are all, unless an encoding looks at the target: it must not see that of scored rows.

    Raises:
        DataError: if there are several folds, each of which would need another encoding.
    """
    if choices.categories != "target":
        return np.arange(len(train))
    if len(folds) != 1:
        raise DataError(
            "data.categories: target would show each fold the targets it is scored on: use "
            "one_hot, or a holdout in place of folds"
        )
    return folds[0][0]


def _encoded(table: Table) -> tuple[Array, tuple[Any, ...]]:
    """Return the target as numbers, and the classes as in the data set."""
    if table.task == "regression":
        return table.y.astype(np.float32), ()
    classes, numbers = np.unique(table.y, return_inverse=True)
    return numbers.astype(np.int64), tuple(classes.tolist())


def _write_inputs(
    path: Path, X: pd.DataFrame | Array, rows: Array, preprocessing: Preprocessing
) -> None:
    if not len(rows):  # scikit-learn transforms no empty arrays
        _write_inputs(path, X, np.arange(1), preprocessing)
        np.save(path, np.load(path)[:0])
        return
    written: Array | None = None
    step = _STEP if isinstance(X, pd.DataFrame) else CHUNK
    for start in range(0, len(rows), step):
        chosen = rows[start : start + step]
        x = preprocessing.transform(X.iloc[chosen] if isinstance(X, pd.DataFrame) else X[chosen])
        if written is None:
            shape = (len(rows), *x.shape[1:])
            written = np.lib.format.open_memmap(path, "w+", dtype=np.float32, shape=shape)
        written[start : start + step] = x


def _statistics(
    x: Array, preprocessing: ColumnPreprocessing | ArrayPreprocessing
) -> dict[str, Any]:
    if isinstance(preprocessing, ColumnPreprocessing):
        mean, variance = x.mean(axis=0, dtype=np.float64), x.var(axis=0, dtype=np.float64)
        names = {"inputs": list(preprocessing.inputs), "sizes": preprocessing.sizes}
        return {"mean": mean.tolist(), "variance": variance.tolist(), **names}
    channels = preprocessing.channels
    mean, variance = moments(x, np.arange(len(x)), channels)
    if channels == 1:
        return {"mean": float(mean[0]), "variance": float(variance[0])}
    return {"mean": mean.tolist(), "variance": variance.tolist()}
