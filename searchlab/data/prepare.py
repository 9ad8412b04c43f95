"""From a checked data set to the arrays that trainings read.

All trainings of a study, in whatever process, map the same files into memory. The splits are
those that scikit-learn's `train_test_split`, `KFold` and `StratifiedKFold` make of the study's
seed, so that a plain script can repeat them. Preprocessing is fitted on the training rows only.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.codec import decode, encode
from searchlab.data.example import save_example
from searchlab.data.load import Table, load
from searchlab.data.preprocessing import (
    CHUNK,
    Array,
    Preprocessing,
    fit_preprocessing,
    moments,
    save_preprocessing,
)
from searchlab.data.schema import RowSchema
from searchlab.data.splits import Folds, Splitter, split
from searchlab.data.weights import check_parts, class_weights
from searchlab.errors import DataError
from searchlab.journal.layout import refit_data
from searchlab.study.spec import StudySpec

_PARTS = ("train", "validation", "test")
_SUMMARY, _FOLDS, _PREPROCESSING = "summary.json", "folds.npz", "preprocessing.skops"
_ROWS = "rows.json"


@dataclass(frozen=True)
class DataSummary:
    """What a prepared data set is.

    Attributes:
        name: a short name.
        source: "sklearn:digits", or the path as the study file writes it.
        digest: SHA-256 of the data set's content.
        rows: how many rows it has.
        columns: the names of the raw features; empty for images.
        target: the name of the target.
        task: "regression", "binary" or "multiclass".
        classes: the classes as text, in the order of their numbers; empty for a regression.
        input_shape: the shape of one row as the model sees it.
        train: how many rows are for training; the folds are of these.
        validation: how many rows early stopping looks at.
        test: how many rows are only used once, at the end.
    """

    name: str
    source: str
    digest: str
    rows: int
    columns: tuple[str, ...]
    target: str
    task: str
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class _Saved:
    """What is kept of prepared data beside the arrays.

    Attributes:
        summary: what the data set is.
        statistics: the part of a model factory's `meta` on how the inputs are scaled.
        weighted: whether the rows have weights.
        class_weight: the weight of each class by its number, or None.
    """

    summary: DataSummary
    statistics: Mapping[str, Any]
    weighted: bool
    class_weight: tuple[float, ...] | None


@dataclass(frozen=True)
class PreparedData:
    """The arrays of a study, mapped from files and read-only.

    Attributes:
        x_train: float32 (rows, *input_shape); x_validation and x_test likewise.
        y_train: float32 (rows,) for a regression, else int64 class numbers; the others likewise.
        w_train: the rows' weights in the loss, float32 (rows,); the others likewise; None if the
            study has none.
        folds: pairs of rows to fit and rows to score, both counted within the training rows; one
            pair for a hold-out.
        summary: what the data set is.
        class_weight: the weight in the training loss of each class, by its number, or None.
        meta: what model factories may ask for. Under scikeras' keys what scikeras says of
            `x_train` and `y_train`; and `task`, `input_shape`, `scale`, `mean` and `variance` (of
            the columns of `x_train`, or of all its pixels).
    """

    x_train: Array
    y_train: Array
    x_validation: Array
    y_validation: Array
    x_test: Array
    y_test: Array
    w_train: Array | None
    w_validation: Array | None
    w_test: Array | None
    folds: Folds
    summary: DataSummary
    class_weight: Mapping[int, float] | None
    meta: dict[str, Any]

    def fitting(self, rows: Array) -> tuple[Array, Array, Array | None]:
        """Some rows as a training is given them.

        Args:
            rows: the rows (n,), counted within the training rows.

        Returns:
            The inputs (n, *input_shape), the targets (n,), and the weights in the training loss,
            float32 (n,): the weight of each row times that of its class; None if there are neither.
        """
        x, y = self.x_train[rows], self.y_train[rows]
        w = None if self.w_train is None else self.w_train[rows]
        if self.class_weight is None:
            return x, y, w
        by_class = [self.class_weight[number] for number in range(len(self.summary.classes))]
        weights: Array = np.array(by_class, np.float32)[y]
        return x, y, weights if w is None else weights * w


def prepare(spec: StudySpec, base: Path, directory: Path) -> DataSummary:
    """Loads, checks, splits and preprocesses a study's data set, and writes the arrays.

    If the winner is to be refitted, `refit_data(directory)` has all of it once more, with the rows
    for early stopping among those for training; the preprocessing is fitted to all of these.

    The directory appears whole or not at all; one that exists is replaced.

    Args:
        spec: the study.
        base: the directory of the study file.
        directory: where the arrays go.

    Raises:
        DataError: if the data set cannot be used as the study wants, or cannot be written.
    """
    table = load(spec.data, base)
    new = directory.with_name(f".{directory.name}.{os.getpid()}")
    old = directory.with_name(f"{new.name}.old")
    try:
        summary = _write(table, spec, new)
        if spec.refit:
            _write(table, spec, refit_data(new), whole=True)
        if directory.exists():
            directory.rename(old)
        new.rename(directory)
    except DataError as error:
        raise DataError(f"{table.source}: {error}") from None
    except OSError as error:
        raise DataError(
            f"{directory}: the arrays cannot be written ({error.strerror}): make room or give "
            f"access, then run the study again"
        ) from None
    finally:
        for left in directory.parent.glob(f".{directory.name}.*"):  # those of killed processes too
            shutil.rmtree(left, ignore_errors=True)
    return summary


def open_data(directory: Path) -> PreparedData:
    """Maps what `prepare` wrote into memory.

    Raises:
        DataError: if it is not there or damaged.
    """
    try:
        saved = decode(_Saved, json.loads((directory / _SUMMARY).read_text(encoding="utf-8")))
        arrays = {
            f"{axis}_{part}": np.load(directory / f"{axis}_{part}.npy", mmap_mode="r")
            for part in _PARTS
            for axis in ("xyw" if saved.weighted else "xy")
        }
        with np.load(directory / _FOLDS) as file:
            folds = tuple(
                (file[f"arr_{index}"], file[f"arr_{index + 1}"])
                for index in range(0, len(file.files), 2)
            )
    except (OSError, ValueError, TypeError, LookupError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{directory}: the prepared data cannot be read ({error}): delete this directory and "
            f"run the study again"
        ) from None
    summary, classes = saved.summary, saved.class_weight
    meta = {**_meta(summary, arrays["x_train"], arrays["y_train"]), **saved.statistics}
    return PreparedData(
        **{**dict.fromkeys(f"w_{part}" for part in _PARTS), **arrays},
        folds=folds,
        summary=summary,
        class_weight=None if classes is None else dict(enumerate(classes)),
        meta=meta,
    )


def read_schema(directory: Path) -> RowSchema:
    """What the raw rows look like that the data in a directory were prepared from."""
    saved = json.loads((directory / _ROWS).read_text(encoding="utf-8"))
    return decode(RowSchema, saved)


# ---- writing


def _write(table: Table, spec: StudySpec, directory: Path, *, whole: bool = False) -> DataSummary:
    y, labels = _encoded(table)
    classes = tuple(map(str, labels))
    parts, folds = split(Splitter(y, classes, spec.search.seed), spec)
    if whole:
        parts["train"] = np.concatenate([parts["train"], parts["validation"]])
    if table.w is not None:
        check_parts(table.w, parts, folds)
    weights = class_weights(spec.training, y[parts["train"]], classes, table.target)
    preprocessing = fit_preprocessing(table, parts["train"], spec.data.scale)
    directory.mkdir(parents=True)
    for part, rows in parts.items():
        _write_inputs(directory / f"x_{part}.npy", table.X, rows, preprocessing)
        np.save(directory / f"y_{part}.npy", y[rows])
        if table.w is not None:
            np.save(directory / f"w_{part}.npy", table.w[rows])
    save_preprocessing(preprocessing, directory / _PREPROCESSING)
    np.savez(directory / _FOLDS, *(rows for pair in folds for rows in pair))
    x_train = np.load(directory / "x_train.npy", mmap_mode="r")
    summary = DataSummary(
        name=table.name,
        source=table.source,
        digest=table.digest,
        rows=len(y),
        columns=tuple(table.kinds),
        target=table.target,
        task={0: "regression", 2: "binary"}.get(len(classes), "multiclass"),
        classes=classes,
        input_shape=x_train.shape[1:],
        **{part: len(rows) for part, rows in parts.items()},
    )
    statistics = _statistics(x_train, spec.data.scale)
    saved = _Saved(summary, statistics, weighted=table.w is not None, class_weight=weights)
    (directory / _SUMMARY).write_text(json.dumps(encode(saved), indent=1), encoding="utf-8")
    schema = RowSchema.of(table, spec.data, summary.task, labels)
    (directory / _ROWS).write_text(json.dumps(encode(schema), indent=1), encoding="utf-8")
    save_example(table.X, schema, parts["train"], directory)
    return summary


def _encoded(table: Table) -> tuple[Array, tuple[Any, ...]]:
    """The target as a model learns it, and the classes as the data set has them."""
    if table.task == "regression":
        return table.y.astype(np.float32), ()
    classes, numbers = np.unique(table.y, return_inverse=True)
    return numbers.astype(np.int64), tuple(classes.tolist())


def _write_inputs(
    path: Path, X: pd.DataFrame | Array, rows: Array, preprocessing: Preprocessing
) -> None:
    written: Array | None = None
    for start in range(0, len(rows), CHUNK):
        chosen = rows[start : start + CHUNK]
        x = preprocessing.transform(X.iloc[chosen] if isinstance(X, pd.DataFrame) else X[chosen])
        if written is None:
            shape = (len(rows), *x.shape[1:])
            written = np.lib.format.open_memmap(path, "w+", dtype=np.float32, shape=shape)
        written[start : start + CHUNK] = x


def _statistics(x: Array, scale: str) -> dict[str, Any]:
    if x.ndim > 2:  # noqa: PLR2004 - images
        mean, variance = moments(x, np.arange(len(x)))
        return {"scale": scale, "mean": mean, "variance": variance}
    mean, variance = x.mean(axis=0, dtype=np.float64), x.var(axis=0, dtype=np.float64)
    return {"scale": scale, "mean": mean.tolist(), "variance": variance.tolist()}


def _meta(summary: DataSummary, x: Array, y: Array) -> dict[str, Any]:
    """What scikeras' estimators say of their data after `fit(x, y)`, and our own words for it."""
    meta = {
        "n_features_in_": x.shape[1],
        "X_shape_": x.shape,
        "X_dtype_": x.dtype,
        "y_dtype_": y.dtype,
        "y_ndim_": y.ndim,
        # scikeras takes whole-number quantities for classes; here the task has been settled.
        "target_type_": "continuous" if summary.task == "regression" else summary.task,
        "n_outputs_": 1,
        "n_outputs_expected_": 1,
        "task": summary.task,
        "input_shape": summary.input_shape,
    }
    if summary.classes:
        meta |= {"classes_": np.arange(len(summary.classes)), "n_classes_": len(summary.classes)}
    return meta
