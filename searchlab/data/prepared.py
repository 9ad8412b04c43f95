"""Prepared data: the arrays that trainings read, mapped from files, and the facts about them."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from searchlab.core.arrays import Array, Inputs
from searchlab.core.codec import decode
from searchlab.data.findings import Finding
from searchlab.data.parts import PARTS
from searchlab.data.schema import RowSchema
from searchlab.data.schemes import Folds
from searchlab.data.target import TargetTransform, Unseen
from searchlab.data.understood import Column, Profile
from searchlab.data.weights import weighed_by_class
from searchlab.errors import DataError

SUMMARY, FOLDS, ROWS = "summary.json", "folds.npz", "rows.json"
"""The files beside the arrays: facts, row numbers, and the schema of raw rows."""

FOLD = "fold.json"
"""The file beside a fold's own arrays, with its `SavedFold`."""


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
        raw_text: whether the model's input is text.
        inputs: the places in a row of the values of each input of the model; {} if there is one.
        outputs: the outputs of the model that learn the target, the one that predicts first; () if
            there is one.
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
    raw_text: bool = False
    inputs: Inputs = field(default_factory=dict)
    outputs: tuple[str, ...] = ()

    @property
    def given_shape(self) -> tuple[int, ...] | dict[str, tuple[int, ...]]:
        """The shape of a row as model factories are given it: that of each input by its name."""
        if not self.inputs:
            return self.input_shape
        return {name: (len(places),) for name, places in self.inputs.items()}

    @property
    def unfused(self) -> str | None:
        """The reason why no trial can be trained in a fused program, or None."""
        if self.raw_text:
            return "its input is raw text"
        if self.inputs:
            return "its model has several inputs"
        return "its model has several outputs" if self.outputs else None

    @property
    def profile(self) -> Profile:
        """The data set as it was understood, for people."""
        return Profile(
            source=self.source,
            rows=self.rows,
            parts={part: getattr(self, part) for part in PARTS},
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
class Saved:
    """The part of prepared data besides the arrays.

    Attributes:
        summary: facts about the data set.
        statistics: the part of a model factory's `meta` about the scale of the inputs.
        weighted: whether the rows have weights.
        class_weight: the weight of each class by its number, or None.
        class_scored: whether these weights count on unseen rows, too.
        transform: the transformation of the target for models.
        whole: whether models are fitted to all training rows, as in a refit.
    """

    summary: DataSummary
    statistics: Mapping[str, Any]
    weighted: bool
    class_weight: tuple[float, ...] | None
    class_scored: bool
    transform: TargetTransform
    whole: bool


@dataclass(frozen=True)
class SavedFold:
    """The part of a fold's own data besides the arrays.

    Attributes:
        figures: mean and variance of its inputs.
        transform: the transformation of its target for models.
        class_weight: the weight of each class by its number, or None.
    """

    figures: Mapping[str, Any]
    transform: TargetTransform
    class_weight: tuple[float, ...] | None


@dataclass(frozen=True)
class PreparedData:
    """The arrays of a study, mapped from files and read-only.

    Attributes:
        x_train: float32 (rows, *input_shape), or for a model of raw text UTF-8, bytes
            (rows, columns); x_validation and x_test likewise.
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
        meta: the facts that model factories may ask for: scikeras' keys with its values for the
            rows that a model is fitted to; and `task`, `input_shape`, `scale`, `mean` and
            `variance` (of the columns of `x_train`, of its channels, or of all its pixels), for
            columns `inputs` (their names) and `sizes` (the vocabulary of each that is integers for
            an Embedding); for raw text `texts` (those of the rows that a model is fitted to).
        transform: the transformation of the target for models.
        directory: the directory with the arrays.
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
    directory: Path

    def fold(self, number: int) -> PreparedData:
        """Return the data as the training of a fold has them.

        Inputs and targets were made without a look at the rows that score the fold.

        Raises:
            DataError: if they are missing or damaged.
        """
        own = self._own(number) if self.has_own(number) else self
        rows = self.folds[number][0]
        return replace(own, meta={**own.meta, **_of_rows(self.x_train, rows)})

    def has_own(self, number: int) -> bool:
        """Return whether anything was learned of a fold's own rows."""
        return fold_directory(self.directory, number).exists()

    def _own(self, number: int) -> PreparedData:
        place = fold_directory(self.directory, number)
        with _readable(self.directory):
            saved = decode(SavedFold, json.loads((place / FOLD).read_text(encoding="utf-8")))
            own: dict[str, Any] = {
                file.stem: np.load(file, mmap_mode="r") for file in place.glob("*.npy")
            }
        meta = {**self.meta, **saved.figures}
        weights = _by_number(saved.class_weight)
        return replace(self, **own, meta=meta, transform=saved.transform, class_weight=weights)

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
        return weighed_by_class(by_class, numbers, w)


def open_data(directory: Path) -> PreparedData:
    """Map the arrays that `prepare` wrote into memory.

    Raises:
        DataError: if they are missing or damaged.
    """
    with _readable(directory):
        saved = decode(Saved, json.loads((directory / SUMMARY).read_text(encoding="utf-8")))
        arrays = {
            f"{axis}_{part}": np.load(directory / f"{axis}_{part}.npy", mmap_mode="r")
            for part in PARTS
            for axis in _axes(saved)
        }
        arrays |= {f"t_{part}": arrays.get(f"t_{part}", arrays[f"y_{part}"]) for part in PARTS}
        with np.load(directory / FOLDS) as file:
            folds = tuple(
                (file[f"arr_{index}"], file[f"arr_{index + 1}"])
                for index in range(0, len(file.files), 2)
            )
    summary = saved.summary
    meta = {**_meta(summary, arrays["x_train"], arrays["y_train"]), **saved.statistics}
    every = saved.whole or len(folds) > 1
    x_train = arrays["x_train"]
    meta |= _of_rows(x_train, np.arange(len(x_train)) if every else folds[0][0])
    return PreparedData(
        **{**dict.fromkeys(f"w_{part}" for part in PARTS), **arrays},
        folds=folds,
        summary=summary,
        class_weight=_by_number(saved.class_weight),
        class_scored=saved.class_scored,
        meta=meta,
        transform=saved.transform,
        directory=directory,
    )


def fold_directory(directory: Path, number: int) -> Path:
    """Return where prepared data have the arrays of a fold, if it has its own."""
    return directory / f"fold-{number}"


@contextlib.contextmanager
def _readable(directory: Path) -> Iterator[None]:
    """Turn errors of reading prepared data into one line."""
    try:
        yield
    except (OSError, ValueError, TypeError, LookupError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{directory}: the prepared data cannot be read ({error}): delete this directory and "
            f"run the study again"
        ) from None


def _by_number(weights: tuple[float, ...] | None) -> dict[int, float] | None:
    return None if weights is None else dict(enumerate(weights))


def _axes(saved: Saved) -> str:
    return f"xy{'w' if saved.weighted else ''}{'t' if saved.transform else ''}"


def read_schema(directory: Path) -> RowSchema:
    """Read the schema of the raw rows that the data in a directory were prepared from."""
    saved = json.loads((directory / ROWS).read_text(encoding="utf-8"))
    return decode(RowSchema, saved)


def _of_rows(x: Array, rows: Array) -> dict[str, Any]:
    """Return the facts about the rows (n,) that a model is fitted to, besides `inputs.figures`."""
    shape = {"X_shape_": (len(rows), *x.shape[1:])}
    return shape | {"texts": x[rows]} if x.dtype.kind == "S" else shape


def _meta(summary: DataSummary, x: Array, y: Array) -> dict[str, Any]:
    """Return scikeras' attributes of data after `fit(x, y)`, and our own names for them."""
    meta = {
        "n_features_in_": x.shape[1],
        "X_dtype_": x.dtype,
        "y_dtype_": y.dtype,
        "y_ndim_": y.ndim,
        # scikeras takes whole-number quantities for classes; here the task is known.
        "target_type_": "continuous" if summary.task == "regression" else summary.task,
        "n_outputs_": 1,
        "n_outputs_expected_": 1,
        "task": summary.task,
        "input_shape": summary.given_shape,
    }
    if summary.classes:
        meta |= {"classes_": np.arange(len(summary.classes)), "n_classes_": len(summary.classes)}
    return meta
