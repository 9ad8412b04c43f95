"""Preprocessing of rows to a model's input, fitted once and kept with the model."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from searchlab.core.arrays import Array
from searchlab.data.load import Kind, Table, tidy
from searchlab.errors import DataError

CHUNK = 1024
"""The number of rows to transform at a time, so that images are never in memory twice."""

WIDEST = 200
"""The maximum of columns that one column of categories or text becomes."""

_TRUSTED = ["numpy.dtype"]  # besides scikit-learn's classes, which skops trusts by itself


class Preprocessing(Protocol):
    """Fitted preprocessing of the data set's raw rows to a model's input."""

    def transform(self, raw: pd.DataFrame | Array) -> Array:
        """Convert raw rows to float32 input.

        Args:
            raw: a frame with the feature columns in any order, or an array like the data set's.

        Raises:
            DataError: if the rows differ in kind from those it was fitted on.
        """

    def treatments(self) -> dict[str, str]:
        """Return what is done with each column, in a few words; "" is the name of an array."""


class ColumnPreprocessing:
    """Preprocessing of columns: fill and scale numbers, one-hot encode categories, weigh words."""

    def __init__(self, kinds: Mapping[str, Kind], transformer: ColumnTransformer) -> None:
        self.kinds = kinds
        self.transformer = transformer

    @classmethod
    def fit(cls, X: pd.DataFrame, kinds: Mapping[str, Kind], scale: str) -> ColumnPreprocessing:
        """Fit on the training rows.

        Raises:
            DataError: if they leave nothing to fit on.
        """
        empty = [name for name in kinds if X[name].isna().all()]
        if empty:
            raise DataError(
                f"column {empty[0]!r} has no values in the training rows: add it to data.drop"
            )
        transformer = _transformer(kinds, scale)
        try:
            transformer.fit(_filled(X, kinds))
        except ValueError as error:  # TfidfVectorizer found no words
            texts = [name for name, kind in kinds.items() if kind == "text"]
            if not texts:
                raise
            raise DataError(
                f"the words of {', '.join(texts)} cannot be used ({error}): add it to data.drop"
            ) from None
        return cls(kinds, transformer)

    def transform(self, raw: pd.DataFrame | Array) -> Array:
        """Transform rows; see `Preprocessing`."""
        if isinstance(raw, np.ndarray):
            if raw.shape[1:] != (len(self.kinds),):
                raise DataError(
                    f"the rows have shape {raw.shape[1:]} instead of ({len(self.kinds)},): "
                    f"give the columns {', '.join(self.kinds)}"
                )
            raw = pd.DataFrame(raw, columns=list(self.kinds))
        filled = _filled(tidy(raw, self.kinds), self.kinds)
        with np.errstate(over="ignore"):  # checked below
            x = np.asarray(self.transformer.transform(filled)).astype(np.float32)
        wrong = np.argwhere(~np.isfinite(x))
        if len(wrong):  # columns of numbers come first, and only they can overflow
            names = [name for name, kind in self.kinds.items() if kind == "number"]
            raise DataError(
                f"row {raw.index[wrong[0][0]]}: column {names[wrong[0][1]]!r} is too large once "
                f"scaled: correct it"
            )
        return x

    def treatments(self) -> dict[str, str]:
        """Return what is done with each column; see `Preprocessing`."""
        said: dict[str, str] = {}
        for step, transformer, columns in self.transformer.transformers_:
            names = [columns] if isinstance(columns, str) else list(columns)
            said |= {name: _treatment(step, transformer, place) for place, name in enumerate(names)}
        return said


class ImagePreprocessing:
    """Preprocessing of images: `(pixel - offset) / scale`, in float32."""

    def __init__(self, shape: tuple[int, ...], offset: float, scale: float) -> None:
        self.shape = shape
        self.offset = offset
        self.scale = scale

    @classmethod
    def fit(cls, X: Array, rows: Array, scale: str) -> ImagePreprocessing:
        """Fit on the training rows."""
        offset, width = 0.0, 1.0
        if scale == "standard":
            offset, variance = moments(X, rows)
            width = math.sqrt(variance)
        elif scale == "minmax":
            bounds = [(part.min(), part.max()) for part in _chunks(X, rows)]
            offset = float(min(low for low, _ in bounds))
            width = float(max(high for _, high in bounds)) - offset
        return cls(X.shape[1:], offset, width or 1.0)

    def transform(self, raw: pd.DataFrame | Array) -> Array:
        """Transform rows; see `Preprocessing`."""
        images = np.asarray(raw)
        if images.shape[1:] != self.shape:
            raise DataError(f"the rows have shape {images.shape[1:]} instead of {self.shape}")
        x = images.astype(np.float32)
        x -= np.float32(self.offset)
        x /= np.float32(self.scale)
        if not np.isfinite(x).all():
            raise DataError("an array has values that are not finite: fill or leave out such rows")
        return x

    def treatments(self) -> dict[str, str]:
        """Return what is done with the array; see `Preprocessing`."""
        if (self.offset, self.scale) == (0.0, 1.0):
            return {"": "as it is"}
        return {"": f"minus {self.offset:.4g}, divided by {self.scale:.4g}"}


def fit_preprocessing(
    table: Table, rows: Array, scale: str
) -> ColumnPreprocessing | ImagePreprocessing:
    """Fit the preprocessing of a table's features.

    Args:
        table: the data set.
        rows: the numbers of the training rows (n,), the only ones used.
        scale: "standard", "minmax" or "none".

    Raises:
        DataError: if these rows leave nothing to fit on.
    """
    if isinstance(table.X, pd.DataFrame):
        return ColumnPreprocessing.fit(table.X.iloc[rows], table.kinds, scale)
    return ImagePreprocessing.fit(table.X, rows, scale)


def save_preprocessing(preprocessing: ColumnPreprocessing | ImagePreprocessing, path: Path) -> None:
    """Write fitted preprocessing as plain values and scikit-learn's objects.

    Args:
        preprocessing: the preprocessing, which `load_preprocessing` reads.
        path: the file, which is replaced.

    Raises:
        OSError: if it cannot be written.
    """
    import skops.io  # takes seconds, as it imports all of scikit-learn

    if isinstance(preprocessing, ColumnPreprocessing):
        kinds = dict(preprocessing.kinds)
        state = {"kinds": kinds, "transformer": preprocessing.transformer}
    else:
        shape, offset, scale = preprocessing.shape, preprocessing.offset, preprocessing.scale
        state = {"kinds": {}, "shape": list(shape), "offset": offset, "scale": scale}
    skops.io.dump(state, path)


def load_preprocessing(path: Path) -> Preprocessing:
    """Load fitted preprocessing without running code from the file.

    Args:
        path: a file that `save_preprocessing` wrote.

    Raises:
        DataError: if it cannot be read, or contains types other than scikit-learn's.
    """
    import skops.io

    try:
        strange = sorted(set(skops.io.get_untrusted_types(file=path)) - set(_TRUSTED))
        if strange:
            raise DataError(
                f"{path.name}: contains {strange[0]}, which preprocessing never needs: do not use "
                f"this file; run the study again to write it anew"
            )
        state = skops.io.load(path, trusted=_TRUSTED)
        if state["kinds"]:
            return ColumnPreprocessing(state["kinds"], state["transformer"])
        return ImagePreprocessing(tuple(state["shape"]), state["offset"], state["scale"])
    except (OSError, ValueError, TypeError, LookupError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path.name}: cannot be read as preprocessing ({error}): run the study again to "
            f"write it anew"
        ) from None


def _transformer(kinds: Mapping[str, Kind], scale: str) -> ColumnTransformer:
    names: dict[str, list[str]] = {kind: [] for kind in ("number", "boolean", "category", "text")}
    for name, kind in kinds.items():
        names[kind].append(name)
    scalers = {"standard": [StandardScaler()], "minmax": [MinMaxScaler()], "none": []}
    # Always fill: values may be missing only in later rows.
    numbers = make_pipeline(SimpleImputer(strategy="median"), *scalers[scale])
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=WIDEST, sparse_output=False
    )
    steps = [
        ("number", numbers, names["number"]),
        ("boolean", SimpleImputer(strategy="most_frequent"), names["boolean"]),
        ("category", categories, names["category"]),
        *(
            (f"text{index}", TfidfVectorizer(max_features=WIDEST), name)
            for index, name in enumerate(names["text"])
        ),
    ]
    return ColumnTransformer([step for step in steps if step[2]], sparse_threshold=0)


def _treatment(step: str, transformer: Any, place: int) -> str:
    """Say what a fitted step does with its column at a place among the step's columns."""
    if step == "boolean":
        return "0 or 1"
    if step == "category":
        found = len(transformer.categories_[place])
        return f"one-hot, {min(found, WIDEST)} columns" + (f" of {found}" * (found > WIDEST))
    if step.startswith("text"):
        return f"TF-IDF of {len(transformer.vocabulary_)} words"
    names = {"standardscaler": "mean 0, deviation 1", "minmaxscaler": "0 to 1"}
    return next(
        (text for name, text in names.items() if name in transformer.named_steps), "as it is"
    )


def _filled(X: pd.DataFrame, kinds: Mapping[str, Kind]) -> pd.DataFrame:
    """Replace missing categories by one of their own, and missing texts by empty ones."""
    fill = {"category": "(missing)", "text": ""}
    return X.fillna({name: fill[kind] for name, kind in kinds.items() if kind in fill})


def _chunks(X: Array, rows: Array) -> Iterable[Array]:
    return (X[rows[start : start + CHUNK]] for start in range(0, len(rows), CHUNK))


def moments(X: Array, rows: Array) -> tuple[float, float]:
    """Compute mean and variance over all values of some rows without a float64 copy.

    Args:
        X: an array (n, ...) of numbers.
        rows: the numbers of the rows (m,), at least one.
    """
    size = len(rows) * math.prod(X.shape[1:])
    mean = sum(float(part.sum(dtype=np.float64)) for part in _chunks(X, rows)) / size
    squares = sum(
        float(np.square(part.astype(np.float64) - mean).sum()) for part in _chunks(X, rows)
    )
    return mean, squares / size
