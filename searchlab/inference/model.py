"""A trained model that takes raw rows: see `Model`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from searchlab.data.preprocessing import WIDEST, Preprocessing
from searchlab.errors import DataError
from searchlab.inference.inputs import Rows, as_rows
from searchlab.inference.measure import encode, row_weights, scores
from searchlab.inference.outputs import Outputs
from searchlab.package.load import PackagedCode
from searchlab.package.manifest import Manifest

Array = np.ndarray[Any, Any]

_VALUES = 16_000_000  # of inputs in memory at a time, float32
_BATCH = 256


class Model:
    """A trained Keras model with its preprocessing: raw rows in, answers out.

    Attributes:
        keras: the Keras model itself, which takes preprocessed rows.
        manifest: where the model comes from, and what it needs.
    """

    def __init__(
        self, keras: Any, preprocessing: Preprocessing, manifest: Manifest, code: PackagedCode
    ) -> None:
        self.keras = keras
        self.manifest = manifest
        self._preprocessing = preprocessing
        self._code = code
        self._outputs = Outputs(keras.loss, len(manifest.rows.labels))

    def __repr__(self) -> str:
        of = self.manifest
        return f"<Model {of.study!r} of trial {of.trial}: {of.rows.task}, {of.rows.target}>"

    def predict(self, rows: Rows) -> Array:
        """Predicts the target.

        Args:
            rows: n raw rows as the data set has them, without the target. A frame or a list of
                dicts with at least the feature columns in any order, an array (n, columns) in
                their order, or images (n, height, width, ...).

        Returns:
            Quantities, float32 (n,), or class labels (n,) in the types that the data set has.

        Raises:
            DataError: if the rows are not like those of the data set.
        """
        return self._answers(self._raw(self._checked(rows)))

    def predict_proba(self, rows: Rows) -> Array:
        """Predicts how probable each class is.

        Args:
            rows: see `predict`.

        Returns:
            Probabilities, float64 (n, classes), in the order of `manifest.rows.labels`.

        Raises:
            DataError: if the rows are not like those of the data set.
            PackageError: if the model has no probabilities.
        """
        if not self._outputs.has_probabilities:  # it need not predict to say so
            return self._outputs.probabilities(np.empty((0, 1)))
        return self._outputs.probabilities(self._raw(self._checked(rows)))

    def table(self, rows: Rows) -> pd.DataFrame:
        """Predicts the target and, for classes, how probable each is.

        Args:
            rows: see `predict`.

        Returns:
            A frame with a row each: a column named as the target, and `probability_LABEL` for
            each class. A frame's rows keep their index.

        Raises:
            DataError: if the rows are not like those of the data set.
        """
        checked = self._checked(rows)
        outputs = self._raw(checked)
        columns = {self.manifest.rows.target: self._answers(outputs)}
        if self._outputs.has_probabilities:
            probabilities = self._outputs.probabilities(outputs)
            for number, label in enumerate(self.manifest.rows.labels):
                columns[f"probability_{label}"] = probabilities[:, number]
        index = checked.index if isinstance(checked, pd.DataFrame) else None
        return pd.DataFrame(columns, index=index)

    def evaluate(self, rows: Rows, target: Any, weights: Any = None) -> dict[str, float]:
        """Measures the model on rows whose target is known.

        Args:
            rows: see `predict`.
            target: the true values (n,), labels as the data set has them.
            weights: how much each row counts in Keras' metrics (n,), or None.

        Returns:
            The metrics that the model was compiled with, as Keras names them, and `rmse` and
            `r2` of quantities, `balanced_accuracy` of classes.

        Raises:
            DataError: if the rows are not like those of the data set, or the target has values
                that the model does not know.
        """
        checked = self._checked(rows)
        y = encode(pd.Series(target), self.manifest.rows)
        if len(y) != len(checked) or len(y) == 0:
            raise DataError(f"there are {len(checked)} rows and {len(y)} targets: give one a row")
        w = None if weights is None else row_weights(pd.Series(weights))
        with self._code.active():
            x = self._preprocessing.transform(checked)
            values = self.keras.evaluate(
                x, y, sample_weight=w, batch_size=_BATCH, verbose=0, return_dict=True
            )
            outputs = self.keras.predict(x, batch_size=_BATCH, verbose=0)
        classes = bool(self.manifest.rows.labels)
        answers = self._outputs.numbers(outputs) if classes else self._outputs.quantities(outputs)
        measured = {name: float(value) for name, value in values.items()}
        return {**scores(y, answers, classes=classes), **measured}

    def _checked(self, rows: Rows) -> pd.DataFrame | Array:
        return as_rows(rows, self.manifest.rows)

    def _raw(self, rows: pd.DataFrame | Array) -> Array:
        """What the Keras model puts out, (n, units) or (n,), a part of the rows at a time."""
        if len(rows) == 0:  # scikit-learn transforms at least one row
            return np.empty((0, max(1, len(self.manifest.rows.labels))), np.float32)
        step = max(1, _VALUES // self._width)
        parts = [self._part(rows[start : start + step]) for start in range(0, len(rows), step)]
        return np.concatenate(parts)

    def _part(self, rows: pd.DataFrame | Array) -> Array:
        x = self._preprocessing.transform(rows)
        with self._code.active():
            return np.asarray(self.keras.predict(x, batch_size=_BATCH, verbose=0))

    @property
    def _width(self) -> int:
        """The most values that one row becomes."""
        schema = self.manifest.rows
        if not schema.kinds:
            return math.prod(schema.shape)
        return sum(WIDEST if kind in {"category", "text"} else 1 for kind in schema.kinds.values())

    def _answers(self, outputs: Array) -> Array:
        labels = self.manifest.rows.labels
        if not labels:
            return self._outputs.quantities(outputs)
        return np.array(labels)[self._outputs.numbers(outputs)]
