"""Preprocessing of columns, fitted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer

from searchlab.core.arrays import Array
from searchlab.data.columns.encoders import Choices, column_transformer, inputs_of_each
from searchlab.data.columns.kinds import Kind
from searchlab.data.columns.parts import WEEKDAYS, expand, part_name, possible_parts
from searchlab.data.columns.tidy import tidy
from searchlab.data.columns.treatments import treatment
from searchlab.errors import DataError


@dataclass(frozen=True)
class ColumnPreprocessing:
    """Preprocessing of columns: fill and scale numbers, encode categories, dates and text.

    Attributes:
        kinds: the kind of each raw column, in order.
        forms: how the dates of each column of dates are written.
        parts: the parts of dates that are used; those that the training rows have all alike are
            not.
        origins: the first time in the training rows of each column of dates, ISO 8601.
        transformer: scikit-learn's transformer of the columns.
        inputs: the name of each input of the model.
        integers: the numbers of the inputs that are integers for an Embedding: first and last + 1.
    """

    kinds: Mapping[str, Kind]
    forms: Mapping[str, str]
    parts: Mapping[str, Sequence[str]]
    origins: Mapping[str, str]
    transformer: ColumnTransformer
    inputs: Sequence[str]
    integers: Sequence[int] = (0, 0)

    @property
    def width(self) -> int:
        """The number of values that a row becomes."""
        return len(self.inputs)

    @classmethod
    def fit(
        cls,
        X: pd.DataFrame,
        kinds: Mapping[str, Kind],
        forms: Mapping[str, str],
        choices: Choices,
        y: Array,
    ) -> tuple[ColumnPreprocessing, Array | None]:
        """Fit on the training rows.

        Args:
            X: these rows, tidied.
            kinds: the kind of each column.
            forms: how the dates of each column of dates are written.
            choices: the encodings.
            y: the target of these rows (n,), which an encoding of categories may use.

        Returns:
            The preprocessing; and, if an encoding uses the target, its float32 output for these
            rows, in which none has seen its own target.

        Raises:
            DataError: if they leave nothing to fit on.
        """
        there = X.notna().any()
        empty = [name for name in kinds if not there[name]]
        if empty:
            raise DataError(
                f"column {empty[0]!r} has no values in the training rows: add it to data.drop"
            )
        origins = {name: X[name].min().isoformat() for name in forms}
        parts = {name: _parts(X[name], name, forms[name], origins[name]) for name in forms}
        transformer = column_transformer(kinds, parts, choices, len(X))
        expanded = _expanded(X, kinds, parts, origins)
        x = _fitted(transformer, expanded, y, kinds, choices)
        inputs = _input_names(transformer, x.shape[1])
        fitted = cls(
            kinds, forms, parts, origins, transformer, inputs, _integers(transformer, choices)
        )
        return fitted, fitted.finished(x, X) if choices.categories == "target" else None

    @property
    def sizes(self) -> dict[str, int]:
        """The size of the vocabulary of each integer input, 0 for the unknown included."""
        if self.integers[0] == self.integers[1]:
            return {}
        encoder = self.transformer.named_transformers_["category"]
        names = self.inputs[self.integers[0] : self.integers[1]]
        return {n: len(each) + 1 for n, each in zip(names, encoder.categories_, strict=True)}

    @property
    def sources(self) -> tuple[str, ...]:
        """The raw column that each input is made of; "" if a transformer of the user's hides it."""
        dated = {part_name(n, part): n for n, parts in self.parts.items() for part in parts}
        found = [""] * self.width
        for step, fitted, columns in self.transformer.transformers_:
            place = self.transformer.output_indices_[step]
            names = [columns] if isinstance(columns, str) else list(columns)
            counts = inputs_of_each(fitted, len(names), place.stop - place.start)
            if counts is not None:
                found[place] = [
                    dated.get(name, name)
                    for name, count in zip(names, counts, strict=True)
                    for _ in range(count)
                ]
        return tuple(found)

    def transform(self, raw: pd.DataFrame | Array) -> Array:
        """Transform rows; see `data.preprocessing.Preprocessing`."""
        if isinstance(raw, np.ndarray):
            if raw.shape[1:] != (len(self.kinds),):
                raise DataError(
                    f"the rows have shape {raw.shape[1:]} instead of ({len(self.kinds)},): "
                    f"give the columns {', '.join(self.kinds)}"
                )
            raw = pd.DataFrame(raw, columns=list(self.kinds))
        tidied = tidy(raw, self.kinds, self.forms)
        expanded = _expanded(tidied, self.kinds, self.parts, self.origins)
        with np.errstate(over="ignore"):  # checked below
            x = np.asarray(self.transformer.transform(expanded))
        return self.finished(x, raw)

    def treatments(self) -> dict[str, str]:
        """Return what is done with each column; see `data.preprocessing.Preprocessing`."""
        said = {name: _dated(parts) for name, parts in self.parts.items()}
        for step, fitted, columns in self.transformer.transformers_:
            names = [columns] if isinstance(columns, str) else list(columns)
            raw = [(name, place) for place, name in enumerate(names) if name in self.kinds]
            said |= {name: treatment(step, fitted, place) for name, place in raw}
        return said

    def finished(self, values: Array, X: pd.DataFrame) -> Array:
        """Check transformed rows, and return them as a model's input."""
        with np.errstate(over="ignore"):
            x = values.astype(np.float32)
        wrong = np.argwhere(~np.isfinite(x))
        if len(wrong):
            raise DataError(
                f"row {X.index[wrong[0][0]]}: column {self.inputs[wrong[0][1]]!r} is too large "
                f"once scaled: correct it"
            )
        first, last = self.integers
        x[:, first:last] += 1  # 0 is for what is unknown
        return x


def _parts(times: pd.Series[Any], name: str, form: str, origin: str) -> list[str]:
    """Return the parts of dates that differ between rows, at least one."""
    possible = possible_parts(form)
    values = expand(times, name, possible, pd.Timestamp(origin))
    varied = [
        part
        for part, each in zip(possible, values.values(), strict=True)
        if np.nanmax(each) > np.nanmin(each)
    ]
    return varied or [possible[0]]


def _dated(parts: Sequence[str]) -> str:
    cycles = dict.fromkeys(part.partition(" (")[0] for part in parts)
    days = [cycle for cycle in cycles if cycle in WEEKDAYS]
    others = [cycle for cycle in cycles if cycle not in WEEKDAYS]
    return ", ".join([*others, *([f"each of {len(days)} weekdays"] if days else [])])


def _expanded(
    X: pd.DataFrame,
    kinds: Mapping[str, Kind],
    parts: Mapping[str, Sequence[str]],
    origins: Mapping[str, str],
) -> pd.DataFrame:
    """Replace dates by their parts, missing categories by one of their own, and texts by ""."""
    fill = {"category": "(missing)", "text": ""}
    empty = {name: fill[kind] for name, kind in kinds.items() if kind in fill}
    filled = X.fillna(empty) if empty else X
    if not parts:
        return filled
    times = [
        pd.DataFrame(expand(X[name], name, each, pd.Timestamp(origins[name])), index=X.index)
        for name, each in parts.items()
    ]
    return pd.concat([filled.drop(columns=list(parts)), *times], axis=1)


def _fitted(
    transformer: ColumnTransformer,
    X: pd.DataFrame,
    y: Array,
    kinds: Mapping[str, Kind],
    choices: Choices,
) -> Array:
    """Fit the transformer; return its output for the same rows."""
    try:
        x = np.asarray(transformer.fit_transform(X, y))
        if choices.own is not None:
            _check_own(transformer, x, len(X))
        return x.astype(np.float64, copy=False)
    except Exception as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        texts = [name for name, kind in kinds.items() if kind == "text"]
        if choices.own is not None and "vocabulary" not in why:
            raise DataError(
                f"data.scale: {choices.scale} cannot be fitted to the columns of numbers ({why}): "
                "correct it, or use one of searchlab's scales"
            ) from error
        if not texts or not isinstance(error, ValueError):
            raise
        raise DataError(  # TfidfVectorizer found no words
            f"the words of {', '.join(texts)} cannot be used ({error}): add it to data.drop"
        ) from None


def _check_own(transformer: ColumnTransformer, x: Array, rows: int) -> None:
    """Refuse what a transformer of the user's may return; note that it is fitted.

    scikit-learn looks for an attribute whose name ends in "_", which one that learns nothing has
    not.
    """
    if x.shape[0] != rows:
        raise ValueError(f"it returned {x.shape[0]} rows for {rows}")
    if not np.isfinite(x.astype(np.float64)).all():
        raise ValueError("it returned values that are not finite")
    for step, fitted, _ in transformer.transformers_:
        if step.startswith("number"):
            fitted[-1].fitted_ = True


def _integers(transformer: ColumnTransformer, choices: Choices) -> tuple[int, int]:
    if choices.categories != "integer" or "category" not in transformer.named_transformers_:
        return 0, 0
    place = transformer.output_indices_["category"]
    return place.start, place.stop


def _input_names(transformer: ColumnTransformer, width: int) -> tuple[str, ...]:
    names = [""] * width
    for step, fitted, columns in transformer.transformers_:
        place = transformer.output_indices_[step]
        count = place.stop - place.start
        names[place] = _names(step, fitted, columns, count)
    return tuple(names)


def _names(step: str, fitted: Any, columns: Any, count: int) -> list[str]:
    if step.startswith("text"):
        return [f"{columns}: {piece}" for piece in fitted.get_feature_names_out()]
    names = list(columns)
    if step != "category" and len(names) == count:
        return names
    try:
        return [str(name) for name in fitted.get_feature_names_out(names)]
    except (AttributeError, ValueError, TypeError):  # a transformer of the user's has no names
        return [f"{step} {place}" for place in range(count)]
