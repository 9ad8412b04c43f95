"""From a checked data set to the arrays that trainings read.

All trainings of a study, in whatever process, map the same files into memory. The splits are
those that scikit-learn's `train_test_split`, `KFold` and `StratifiedKFold` make of the study's
seed, so that a plain script can repeat them. Preprocessing is fitted on the training rows only.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from searchlab.errors import DataError
from searchlab.study.spec import StudySpec
from searchlab.training.data import Table, load
from searchlab.training.preprocessing import (
    CHUNK,
    Array,
    Preprocessing,
    fit_preprocessing,
    moments,
    save_preprocessing,
)

Folds = tuple[tuple[Array, Array], ...]

_PARTS = ("train", "validation", "test")
_SUMMARY, _FOLDS, _PREPROCESSING = "summary.json", "folds.npz", "preprocessing.skops"


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

    def as_dict(self) -> dict[str, Any]:
        """The summary as plain values for JSON; `from_dict` reads it again."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DataSummary:
        """The summary that `as_dict` wrote."""
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**plain)


@dataclass(frozen=True)
class PreparedData:
    """The arrays of a study, mapped from files and read-only.

    Attributes:
        x_train: float32 (rows, *input_shape); x_validation and x_test likewise.
        y_train: float32 (rows,) for a regression, else int64 class numbers; the others likewise.
        folds: pairs of rows to fit and rows to score, both counted within the training rows; one
            pair for a hold-out.
        summary: what the data set is.
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
    folds: Folds
    summary: DataSummary
    meta: dict[str, Any]


def prepare(spec: StudySpec, base: Path, directory: Path) -> DataSummary:
    """Loads, checks, splits and preprocesses a study's data set, and writes the arrays.

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
        saved = json.loads((directory / _SUMMARY).read_text(encoding="utf-8"))
        summary = DataSummary.from_dict(saved["summary"])
        arrays = {
            f"{axis}_{part}": np.load(directory / f"{axis}_{part}.npy", mmap_mode="r")
            for part in _PARTS
            for axis in "xy"
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
    meta = _meta(summary, arrays["x_train"], arrays["y_train"]) | saved["statistics"]
    return PreparedData(**arrays, folds=folds, summary=summary, meta=meta)


# ---- splitting


@dataclass(frozen=True)
class _Splitter:
    """Divides rows as scikit-learn does, and says first why it could not.

    Attributes:
        y: the target (rows,), class numbers if there are classes.
        classes: the classes as text; empty for a regression.
        seed: the seed of all divisions.
    """

    y: Array
    classes: tuple[str, ...]
    seed: int

    def divide(self, rows: Array, fraction: float, key: str) -> tuple[Array, Array]:
        """The rows that stay, and those that `key` of the study takes away."""
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
        """The folds that `cv=count` makes in scikit-learn."""
        self.check(rows, count, "evaluation.folds")
        folds = StratifiedKFold(count) if self.classes else KFold(count)
        return tuple(folds.split(np.zeros(len(rows)), self.y[rows]))

    def check(self, rows: Array, least: int, key: str) -> None:
        """Raises DataError if there are not `least` rows, of each class if there are classes."""
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


def _split(splitter: _Splitter, spec: StudySpec) -> tuple[dict[str, Array], Folds]:
    rows = np.arange(len(splitter.y))
    rows, test = splitter.divide(rows, spec.data.test, "data.test")
    train, validation = splitter.divide(rows, spec.data.validation, "data.validation")
    parts = {"train": train, "validation": validation, "test": test}
    if spec.evaluation.folds is not None:
        return parts, splitter.folds(train, spec.evaluation.folds)
    fit, score = splitter.divide(train, float(spec.evaluation.holdout or 0), "evaluation.holdout")
    places = np.empty(len(splitter.y), np.int64)  # where each row is among the training rows
    places[train] = np.arange(len(train))
    return parts, ((places[fit], places[score]),)


# ---- writing


def _write(table: Table, spec: StudySpec, directory: Path) -> DataSummary:
    y, classes = _encoded(table)
    parts, folds = _split(_Splitter(y, classes, spec.search.seed), spec)
    preprocessing = fit_preprocessing(table, parts["train"], spec.data.scale)
    directory.mkdir(parents=True)
    for part, rows in parts.items():
        _write_inputs(directory / f"x_{part}.npy", table.X, rows, preprocessing)
        np.save(directory / f"y_{part}.npy", y[rows])
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
    saved = {"summary": summary.as_dict(), "statistics": _statistics(x_train, spec.data.scale)}
    (directory / _SUMMARY).write_text(json.dumps(saved, indent=1), encoding="utf-8")
    return summary


def _encoded(table: Table) -> tuple[Array, tuple[str, ...]]:
    """The target as a model learns it, and the classes as text."""
    if table.task == "regression":
        return table.y.astype(np.float32), ()
    classes, numbers = np.unique(table.y, return_inverse=True)
    return numbers.astype(np.int64), tuple(str(value) for value in classes.tolist())


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
