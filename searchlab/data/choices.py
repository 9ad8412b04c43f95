"""The encodings that a study chose, and those that its model asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from searchlab.data.columns.encoders import Choices
from searchlab.data.load import Table
from searchlab.errors import DataError, ModelError
from searchlab.factories.find import load_factory, source_names
from searchlab.study.columns import SCALES
from searchlab.study.sought import only
from searchlab.study.spec import StudySpec


def choose(spec: StudySpec, table: Table, task: str, base: Path) -> Choices:
    """Return the encodings of a table's features.

    Args:
        spec: the study.
        table: the data set.
        task: "regression", "binary" or "multiclass".
        base: the directory of the study file.

    Raises:
        DataError: if the user's transformer cannot be made, or arrays are to be raw text.
    """
    data = spec.data
    if data.text == "raw" and not isinstance(table.X, pd.DataFrame):
        raise DataError(
            f"data.text: raw is for columns of text, and these are arrays of shape "
            f"{table.X.shape[1:]}: leave it out"
        )
    if data.scale is None and _are_tokens(spec, table, base):
        note = "whole numbers left as they are for the model's Embedding"
        return Choices("none", only(data.categories), data.text, task, note=note)
    own = None if data.scaling in SCALES else _own(data.scaling, base)
    return Choices(data.scaling, only(data.categories), data.text, task, own)


def _are_tokens(spec: StudySpec, table: Table, base: Path) -> bool:
    """Return whether the features are whole numbers for the Embedding that the model has."""
    X = table.X
    if isinstance(X, pd.DataFrame):
        whole = set(table.kinds) == table.whole and bool((X.min() >= 0).all())
    else:
        whole = X.dtype.kind in "iu" and X.dtype != np.uint8 and bool(X.min() >= 0)
    return whole and any(
        name.endswith("Embedding") for name in source_names(spec.factory.factory, base)
    )


def _own(reference: str, base: Path) -> object:
    """Make the user's transformer, with its defaults."""
    try:
        own = load_factory(reference, base, "transformer")()
    except ModelError as error:
        raise DataError(f"data.scale: {error}") from None
    except Exception as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise DataError(
            f"data.scale: {reference} cannot be called without arguments ({why}): give each of "
            "them a default"
        ) from error
    lacking = [name for name in ("fit", "transform") if not hasattr(own, name)]
    if lacking:
        raise DataError(
            f"data.scale: {reference} has no {lacking[0]}: write it as scikit-learn's transformers "
            "are, such as a class that inherits TransformerMixin and BaseEstimator"
        )
    if not isinstance(own, BaseEstimator):
        raise DataError(
            f"data.scale: {reference} is none of scikit-learn's estimators: let it inherit "
            "TransformerMixin and BaseEstimator, in this order"
        )
    return own
