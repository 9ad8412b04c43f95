"""Frames as data sets: their features, target and weights."""

from __future__ import annotations

import re

import pandas as pd

from searchlab.data.columns.select import select_features
from searchlab.data.reading.arrays import named_columns, others
from searchlab.data.reading.dialect import Dialect
from searchlab.data.reading.raw import Raw, check_names, did_you_mean, listed, named
from searchlab.errors import DataError
from searchlab.study.data import DataSpec


def from_frame(
    spec: DataSpec, frame: pd.DataFrame, name: str, source: str, dialect: Dialect | None = None
) -> Raw:
    """Choose features, target and weights from the columns of a frame.

    Args:
        spec: the names of the columns.
        frame: the frame, whose index has the row numbers that users know.
        name: the name of the data set.
        source: the name in messages.
        dialect: how the file writes a table, or None.

    Raises:
        DataError: if a column is missing, or a name appears twice.
    """
    frame = named(frame)
    names = list(frame.columns)
    check_names(names, source)
    for wanted, key in named_columns(spec):
        if wanted not in names:
            hint = did_you_mean(str(wanted), names) or f"; the columns are {listed(names)}"
            raise DataError(f"{source}: no column {wanted!r}{hint}: correct data.{key}")
    try:
        X = frame[select_features(names, _no_features(spec), spec)]
    except DataError as error:
        raise DataError(f"{source}: {error}") from None
    unnamed = [column for column in X if re.fullmatch(r"Unnamed: \d+", str(column))]
    if unnamed:  # usually row numbers that pandas wrote, which a model must not see
        raise DataError(f"{source}: a column has no name: name it, or add {unnamed[0]!r} to drop")
    used = {*X, *(wanted for wanted, key in named_columns(spec) if key != "id")}
    aside = frame[[column for column in names if column not in used]]
    y, known = frame[str(spec.target)], others(frame, spec)
    return Raw(name, source, X, y, str(spec.target), aside=aside, dialect=dialect, **known)


def _no_features(spec: DataSpec) -> list[str]:
    roles = (spec.target, spec.weight, spec.id, spec.set_apart)
    return [name for name in roles if name is not None]
