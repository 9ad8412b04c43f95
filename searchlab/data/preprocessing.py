"""Preprocessing of rows to a model's input, fitted once and kept with the model."""

from __future__ import annotations

import json
import sys
import sysconfig
import zipfile
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from searchlab.core.arrays import Array
from searchlab.data.arrays import ArrayPreprocessing
from searchlab.data.columns.encoders import Choices
from searchlab.data.columns.preprocessing import ColumnPreprocessing
from searchlab.data.columns.texts import TextPreprocessing
from searchlab.data.load import Table
from searchlab.errors import DataError

_TRUSTED = [  # besides scikit-learn's classes that skops trusts by itself
    "numpy.dtype",
    "sklearn.model_selection._split.KFold",  # of encodings by the target
    "sklearn.model_selection._split.StratifiedKFold",
]
_COLUMNS, _ARRAYS, _TEXTS = "columns", "arrays", "texts"

Fitted = ColumnPreprocessing | ArrayPreprocessing | TextPreprocessing
"""Preprocessing that was fitted to a table's features."""


class Preprocessing(Protocol):
    """Fitted preprocessing of the data set's raw rows to a model's input."""

    @property
    def width(self) -> int:
        """The number of values that a row becomes."""

    def transform(self, raw: pd.DataFrame | Array) -> Array:
        """Convert raw rows to float32 input, or to bytes for a model of raw text.

        Args:
            raw: a frame with the feature columns in any order, or an array like the data set's.

        Raises:
            DataError: if the rows differ in kind from those it was fitted on.
        """

    def treatments(self) -> dict[str, str]:
        """Return what is done with each column, in a few words; "" is the name of an array."""


def fit_preprocessing(
    table: Table, rows: Array, choices: Choices, y: Array
) -> tuple[Fitted, Array | None]:
    """Fit the preprocessing of a table's features.

    Args:
        table: the data set.
        rows: the numbers of the training rows (n,), the only ones used.
        choices: the encodings.
        y: the target of all rows as numbers.

    Returns:
        The preprocessing; and, if an encoding uses the target, the model's input of the training
        rows, in which none has seen its own target, unlike in `transform`'s.

    Raises:
        DataError: if these rows leave nothing to fit on.
    """
    if choices.text == "raw":
        return TextPreprocessing.of(table.kinds), None
    if isinstance(table.X, pd.DataFrame):
        X = table.X.iloc[rows]
        return ColumnPreprocessing.fit(X, table.kinds, table.forms, choices, y[rows])
    return ArrayPreprocessing.fit(table.X, rows, choices.scale), None


def save_preprocessing(preprocessing: Fitted, path: Path) -> None:
    """Write fitted preprocessing as plain values and scikit-learn's objects.

    Args:
        preprocessing: the preprocessing, which `load_preprocessing` reads.
        path: the file, which is replaced.

    Raises:
        OSError: if it cannot be written.
        DataError: if the user's transformer holds what could not be loaded again.
    """
    import skops.io  # takes seconds, as it imports all of scikit-learn

    if not isinstance(preprocessing, ColumnPreprocessing):
        of = _ARRAYS if isinstance(preprocessing, ArrayPreprocessing) else _TEXTS
        skops.io.dump({"of": of, **asdict(preprocessing)}, path)
        return
    plain = {
        "kinds": dict(preprocessing.kinds),
        "forms": dict(preprocessing.forms),
        "parts": {name: list(parts) for name, parts in preprocessing.parts.items()},
        "origins": dict(preprocessing.origins),
        "inputs": list(preprocessing.inputs),
        "integers": list(preprocessing.integers),
    }
    # One text: skops writes a line of JSON for each value, which takes seconds for many columns.
    state = {
        "of": _COLUMNS,
        "plain": json.dumps(plain),
        "transformer": preprocessing.transformer,
    }
    skops.io.dump(state, path)
    for name in sorted(set(skops.io.get_untrusted_types(file=path)) - set(_TRUSTED)):
        if not _of_user(name):
            raise DataError(
                f"data.scale: the transformer holds {name}, which is not loaded with a model: keep "
                "plain values, arrays and scikit-learn's objects in it"
            )


def _of_user(name: str) -> bool:
    """Return whether a type is from the user's own modules, not installed ones."""
    source = getattr(sys.modules.get(name.rpartition(".")[0]), "__file__", None)
    if source is None:
        return False
    library = (
        Path(sysconfig.get_path(key)) for key in ("stdlib", "platstdlib", "purelib", "platlib")
    )
    return not any(Path(source).is_relative_to(path) for path in library)


def load_preprocessing(path: Path, own: Collection[str] = ()) -> Preprocessing:
    """Load fitted preprocessing without running code from the file.

    Args:
        path: a file that `save_preprocessing` wrote.
        own: the modules of the user's code, which can be imported and whose classes are trusted.

    Raises:
        DataError: if it cannot be read, or contains types other than scikit-learn's and these.
    """
    import skops.io

    try:
        found = set(skops.io.get_untrusted_types(file=path))
        users = sorted(name for name in found if name.rpartition(".")[0] in own)
        strange = sorted(found - {*_TRUSTED, *users})
        if strange:
            raise DataError(
                f"{path.name}: contains {strange[0]}, which preprocessing never needs: do not use "
                f"this file; run the study again to write it anew"
            )
        state: dict[str, Any] = skops.io.load(path, trusted=[*_TRUSTED, *users])
        of = state.pop("of")
        if of == _COLUMNS:
            plain = json.loads(state.pop("plain"))
            return ColumnPreprocessing(**plain, **state)
        named = {name: tuple(value) for name, value in state.items()}
        return ArrayPreprocessing(**named) if of == _ARRAYS else TextPreprocessing(**named)
    except (OSError, ValueError, TypeError, LookupError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path.name}: cannot be read as preprocessing ({error}): run the study again to "
            f"write it anew"
        ) from None
