"""Convert a checked data set to the arrays that trainings read.

All trainings of a study, in any process, map the same files into memory. The splits are those of
scikit-learn's `train_test_split`, `KFold` and `StratifiedKFold` with the study's seed, so that a
plain script can repeat them. Preprocessing is fitted on the training rows only.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.core.codec import decode, encode
from searchlab.data.arrays import CHUNK, ArrayPreprocessing, moments
from searchlab.data.choices import choose
from searchlab.data.columns.encoders import Choices
from searchlab.data.columns.preprocessing import ColumnPreprocessing
from searchlab.data.example import save_example
from searchlab.data.findings import Finding
from searchlab.data.load import Table, load
from searchlab.data.looking.columns import describe
from searchlab.data.looking.look import look
from searchlab.data.looking.view import View
from searchlab.data.preprocessing import Preprocessing, fit_preprocessing, save_preprocessing
from searchlab.data.schema import RowSchema
from searchlab.data.schemes import Folds
from searchlab.data.splits import split
from searchlab.data.target import TargetTransform, Unseen, fit_target
from searchlab.data.understood import Column, Profile
from searchlab.data.weights import check_parts, class_weights
from searchlab.errors import DataError
from searchlab.factories.find import BUILT_IN
from searchlab.journal.layout import refit_data
from searchlab.study.spec import StudySpec

_PARTS = ("train", "validation", "test")
_SUMMARY, _FOLDS, _PREPROCESSING = "summary.json", "folds.npz", "preprocessing.skops"
_ROWS = "rows.json"
_STEP = 8192  # rows of a table that are transformed at a time


@dataclass(frozen=True)
class DataSummary:
    """The facts about a prepared data set.

    Attributes:
        name: the name of the data set or of its file.
        source: "sklearn:digits", or the path as in the study file.
        digest: SHA-256 of the data set's content.
        rows: the number of all rows.
        columns: the names of the raw features; empty for images.
        target: the name of the target.
        task: "regression", "binary" or "multiclass".
        classes: the classes as text, in the order of their numbers; empty for a regression.
        input_shape: the shape of one row of the model's input.
        train: the number of training rows, which the folds divide.
        validation: the number of early-stopping rows.
        test: the number of test rows, used only once, at the end.
        target_transform: what the target becomes for the model, in words.
        target_why: why, if that was found out and not asked for; else "".
        understood: the columns, with what is done with each.
        findings: likely mistakes in the data or in their use.
        notes: how the file was read and the model was served, where that had to be found out.
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
    target_transform: str
    target_why: str
    understood: tuple[Column, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def profile(self) -> Profile:
        """The data set as it was understood, for people."""
        return Profile(
            source=self.source,
            rows=self.rows,
            parts={part: getattr(self, part) for part in _PARTS},
            shape=self.input_shape,
            notes=self.notes,
            columns=self.understood,
            findings=self.findings,
        )

    @property
    def brief(self) -> DataSummary:
        """The summary without the columns' details, which can be thousands."""
        return replace(self, understood=())


@dataclass(frozen=True)
class _Saved:
    """The part of prepared data besides the arrays.

    Attributes:
        summary: facts about the data set.
        statistics: the part of a model factory's `meta` about the scale of the inputs.
        weighted: whether the rows have weights.
        class_weight: the weight of each class by its number, or None.
        class_scored: whether these weights count on unseen rows, too.
        transform: the transformation of the target for models.
    """

    summary: DataSummary
    statistics: Mapping[str, Any]
    weighted: bool
    class_weight: tuple[float, ...] | None
    class_scored: bool
    transform: TargetTransform


@dataclass(frozen=True)
class PreparedData:
    """The arrays of a study, mapped from files and read-only.

    Attributes:
        x_train: float32 (rows, *input_shape); x_validation and x_test likewise.
        y_train: float32 (rows,) for a regression, else int64 class numbers; the others likewise.
        t_train: the target as models are fitted to it: transformed, or the same; the others
            likewise.
        w_train: the rows' weights in the loss, float32 (rows,); the others likewise; None if the
            study has none.
        folds: pairs of rows to fit and rows to score, both counted within the training rows; one
            pair for a hold-out.
        summary: facts about the data set.
        class_weight: the weight in the training loss of each class, by its number, or None.
        class_scored: whether the weights of classes count on unseen rows, too.
        meta: the facts that model factories may ask for: scikeras' keys with its values for
            `x_train` and `y_train`; and `task`, `input_shape`, `scale`, `mean` and `variance` (of
            the columns of `x_train`, of its channels, or of all its pixels), for columns `inputs`
            (their names) and `sizes` (the vocabulary of each that is integers for an Embedding).
        transform: the transformation of the target for models.
    """

    x_train: Array
    y_train: Array
    t_train: Array
    x_validation: Array
    y_validation: Array
    t_validation: Array
    x_test: Array
    y_test: Array
    t_test: Array
    w_train: Array | None
    w_validation: Array | None
    w_test: Array | None
    folds: Folds
    summary: DataSummary
    class_weight: Mapping[int, float] | None
    class_scored: bool
    meta: dict[str, Any]
    transform: TargetTransform

    def fitting(self, rows: Array) -> tuple[Array, Array, Array | None]:
        """Return some rows as the arguments of a training.

        Args:
            rows: the rows (n,), counted within the training rows.

        Returns:
            The inputs (n, *input_shape), the targets (n,) as models are fitted to them, and the
            weights in the training loss, float32 (n,): the weight of each row times that of its
            class; None without either.
        """
        x, t = self.x_train[rows], self.t_train[rows]
        w = None if self.w_train is None else self.w_train[rows]
        return x, t, self._by_class(t, w)

    def unseen(self, part: str, rows: Array | slice = slice(None)) -> Unseen:
        """Return rows to measure models on.

        Args:
            part: "train", "validation" or "test".
            rows: the rows of this part, or all.
        """
        x, t, y, w = (getattr(self, f"{axis}_{part}") for axis in "xtyw")
        w = None if w is None else w[rows]
        return Unseen(
            x[rows], t[rows], y[rows], self._by_class(t[rows], w) if self.class_scored else w
        )

    def _by_class(self, numbers: Array, w: Array | None) -> Array | None:
        """Multiply rows' weights (or None) with those of their classes, if these have weights."""
        if self.class_weight is None:
            return w
        by_class = [self.class_weight[number] for number in range(len(self.summary.classes))]
        weights: Array = np.array(by_class, np.float32)[numbers]
        return weights if w is None else weights * w


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
    new = directory.with_name(f".{directory.name}.{os.getpid()}")
    old = directory.with_name(f"{new.name}.old")
    try:
        summary = _write(table, spec, base, new)
        if spec.refit:
            _write(table, spec, base, refit_data(new), whole=True)
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
        for left in directory.parent.glob(f".{directory.name}.*"):  # also those of killed processes
            shutil.rmtree(left, ignore_errors=True)
    return summary


def open_data(directory: Path) -> PreparedData:
    """Map the arrays that `prepare` wrote into memory.

    Raises:
        DataError: if they are missing or damaged.
    """
    try:
        saved = decode(_Saved, json.loads((directory / _SUMMARY).read_text(encoding="utf-8")))
        arrays = {
            f"{axis}_{part}": np.load(directory / f"{axis}_{part}.npy", mmap_mode="r")
            for part in _PARTS
            for axis in _axes(saved)
        }
        arrays |= {f"t_{part}": arrays.get(f"t_{part}", arrays[f"y_{part}"]) for part in _PARTS}
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
        class_scored=saved.class_scored,
        meta=meta,
        transform=saved.transform,
    )


def _axes(saved: _Saved) -> str:
    return f"xy{'w' if saved.weighted else ''}{'t' if saved.transform else ''}"


def read_schema(directory: Path) -> RowSchema:
    """Read the schema of the raw rows that the data in a directory were prepared from."""
    saved = json.loads((directory / _ROWS).read_text(encoding="utf-8"))
    return decode(RowSchema, saved)


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
    directory.mkdir(parents=True)
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
    np.savez(directory / _FOLDS, *(rows for pair in folds for rows in pair))
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
        notes=_notes(table, choices),
        understood=() if whole else describe(table, spec.data, preprocessing, transform),
        target_transform=str(transform),
        target_why=transform.why,
    )
    statistics = {"scale": choices.scale, **_statistics(x_train, preprocessing)}
    scored = spec.evaluation.class_weight
    saved = _Saved(summary.brief, statistics, table.w is not None, weights, scored, transform)
    (directory / _SUMMARY).write_text(json.dumps(encode(saved), indent=1), encoding="utf-8")
    schema = RowSchema.of(table, spec.data, summary.task, labels)
    schema = replace(schema, transform=transform, class_weight=weights if scored else None)
    (directory / _ROWS).write_text(json.dumps(encode(schema), indent=1), encoding="utf-8")
    save_example(table.X, schema, parts["train"], directory)
    return summary


def _notes(table: Table, choices: Choices) -> tuple[str, ...]:
    read = () if table.dialect is None else tuple(table.dialect.described())
    return (*read, choices.note) if choices.note else read


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


def _meta(summary: DataSummary, x: Array, y: Array) -> dict[str, Any]:
    """Return scikeras' attributes of data after `fit(x, y)`, and our own names for them."""
    meta = {
        "n_features_in_": x.shape[1],
        "X_shape_": x.shape,
        "X_dtype_": x.dtype,
        "y_dtype_": y.dtype,
        "y_ndim_": y.ndim,
        # scikeras takes whole-number quantities for classes; here the task is known.
        "target_type_": "continuous" if summary.task == "regression" else summary.task,
        "n_outputs_": 1,
        "n_outputs_expected_": 1,
        "task": summary.task,
        "input_shape": summary.input_shape,
    }
    if summary.classes:
        meta |= {"classes_": np.arange(len(summary.classes)), "n_classes_": len(summary.classes)}
    return meta
