"""A trained model that takes raw rows: see `Model`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import VALUES, Array
from searchlab.data.preprocessing import Preprocessing
from searchlab.data.target import Unseen
from searchlab.data.weights import weighed_by_class
from searchlab.errors import DataError
from searchlab.inference.inputs import Rows, as_rows
from searchlab.inference.measure import encode, row_weights, scores
from searchlab.inference.outputs import Outputs
from searchlab.measure.added import add_metrics
from searchlab.measure.feed import Feed
from searchlab.measure.goal import Goal, main_loss
from searchlab.measure.inputs import is_text
from searchlab.measure.meter import Meter
from searchlab.package.load import PackagedCode
from searchlab.package.manifest import Manifest

_BATCH = 256


class Model:
    """A trained Keras model with its preprocessing: raw rows in, predictions out.

    Attributes:
        keras: the Keras model, which takes preprocessed rows.
        manifest: the model's origin and requirements.
    """

    def __init__(
        self, keras: Any, preprocessing: Preprocessing, manifest: Manifest, code: PackagedCode
    ) -> None:
        self.keras = keras
        self.manifest = manifest
        self._preprocessing = preprocessing
        self._code = code
        self._outputs = Outputs(main_loss(keras, manifest.rows.outputs), len(manifest.rows.labels))

    def __repr__(self) -> str:
        of = self.manifest
        return f"<Model {of.study!r} of trial {of.trial}: {of.rows.task}, {of.rows.target}>"

    def predict(self, rows: Rows) -> Array:
        """Predict the target.

        Args:
            rows: n raw rows in the data set's form, without the target: a frame or a list of dicts
                with at least the feature columns in any order, an array (n, columns) in their
                order, or images (n, height, width, ...).

        Returns:
            Quantities, float32 (n,), or class labels (n,) with the data set's types.

        Raises:
            DataError: if the rows do not match the data set's schema.
        """
        return self._answers(self._raw(self._checked(rows)))

    def predict_proba(self, rows: Rows) -> Array:
        """Predict the probability of each class.

        Args:
            rows: see `predict`.

        Returns:
            Probabilities, float64 (n, classes), in the order of `manifest.rows.labels`.

        Raises:
            DataError: if the rows do not match the data set's schema.
            PackageError: if the model does not predict probabilities.
        """
        if not self._outputs.has_probabilities:  # raise without predicting first
            return self._outputs.probabilities(np.empty((0, 1)))
        return self._outputs.probabilities(self._raw(self._checked(rows)))

    def table(self, rows: Rows) -> pd.DataFrame:
        """Predict the target and, for classes, their probabilities.

        Args:
            rows: see `predict`.

        Returns:
            A frame with one row per input row: the rows' id if the data set has one and the rows
            bring it, a column named after the target, and `probability_LABEL` for each class. The
            rows of a frame keep their index.

        Raises:
            DataError: if the rows do not match the data set's schema.
        """
        checked = self._checked(rows)
        outputs = self._raw(checked)
        columns = {self.manifest.rows.target: self._answers(outputs)}
        if self._outputs.has_probabilities:
            probabilities = self._outputs.probabilities(outputs)
            for number, label in enumerate(self.manifest.rows.labels):
                columns[f"probability_{label}"] = probabilities[:, number]
        if not isinstance(checked, pd.DataFrame):
            return pd.DataFrame(columns)
        predicted = pd.DataFrame(columns, index=checked.index)
        id_name = self.manifest.rows.id
        if id_name is not None and id_name in checked:
            predicted.insert(0, id_name, checked[id_name])
        return predicted

    def evaluate(self, rows: Rows, target: Any, weights: Any = None) -> dict[str, float]:
        """Evaluate the model on rows whose target is known.

        Args:
            rows: see `predict`.
            target: the true values (n,), with labels as in the data set.
            weights: the weight of each row in all metrics (n,), or None; the study's weights of
                classes count too if they do in its scores.

        Returns:
            The loss and metrics that the model was compiled with, by their Keras names, plus `rmse`
            and `r2` for quantities or `balanced_accuracy` for classes. The loss is that of the
            target as the model was fitted to it, see `manifest.rows.transform`; the others are in
            the target's own units.

        Raises:
            DataError: if the rows do not match the data set's schema, or the target has values
                unknown to the model.
        """
        checked = self._checked(rows)
        y = encode(pd.Series(target), self.manifest.rows)
        if len(y) != len(checked) or len(y) == 0:
            raise DataError(f"there are {len(checked)} rows and {len(y)} targets: give one per row")
        w = None if weights is None else row_weights(pd.Series(weights))
        if self.manifest.rows.class_weight is not None:
            w = weighed_by_class(self.manifest.rows.class_weight, y, w)
        with self._code.active():
            x, transform = self._preprocessing.transform(checked), self.manifest.rows.transform
            feed = self._feed(x)
            outputs = self.keras.predict(feed(x), batch_size=_BATCH, verbose=0)
            goal = self._goal(feed)
            outputs = goal.predicting(outputs)
            self._add_objective()
            t = transform.apply(y) if transform else y
            measured = Meter(self.keras, goal, transform, _BATCH, feed)(Unseen(x, t, y, w))
        classes = bool(self.manifest.rows.labels)
        answers = self._outputs.numbers(outputs) if classes else self._quantities(outputs)
        return {**scores(y, answers, w, classes=classes), **measured}

    def _add_objective(self) -> None:
        """Let the Keras model have the objective's metric, which is not saved with it."""
        named = self.manifest.objective.removeprefix("val_")
        add_metrics(self.keras, [named], len(self.manifest.rows.labels))

    def _quantities(self, outputs: Array) -> Array:
        return self.manifest.rows.transform.undo(self._outputs.quantities(outputs))

    def _checked(self, rows: Rows) -> pd.DataFrame | Array:
        return as_rows(rows, self.manifest.rows)

    def _raw(self, rows: pd.DataFrame | Array) -> Array:
        """Return the Keras model's outputs, (n, units) or (n,), computed in chunks of rows."""
        if len(rows) == 0:  # scikit-learn refuses to transform zero rows
            return np.empty((0, max(1, len(self.manifest.rows.labels))), np.float32)
        step = max(1, VALUES // self._preprocessing.width)
        parts = [self._part(rows[start : start + step]) for start in range(0, len(rows), step)]
        return np.concatenate(parts)

    def _part(self, rows: pd.DataFrame | Array) -> Array:
        with self._code.active():
            x = self._preprocessing.transform(rows)
            feed = self._feed(x)
            outputs = self.keras.predict(feed(x), batch_size=_BATCH, verbose=0)
            return np.asarray(self._goal(feed).predicting(outputs))

    def _feed(self, x: Array) -> Feed:
        return Feed.of(self.keras, x.shape[1:], self.manifest.rows.inputs, text=is_text(x))

    def _goal(self, feed: Feed) -> Goal:
        rows = self.manifest.rows
        return Goal.of(self.keras, feed, len(rows.labels), rows.outputs)

    def _answers(self, outputs: Array) -> Array:
        labels = self.manifest.rows.labels
        if not labels:
            return self._quantities(outputs)
        return np.array(labels)[self._outputs.numbers(outputs)]
