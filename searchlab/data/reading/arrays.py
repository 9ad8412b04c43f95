"""Arrays in NumPy's files, also in the layouts of Keras and SciPy."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from searchlab.core.arrays import Array
from searchlab.data.columns.select import matching
from searchlab.data.parts import Assignment, Part
from searchlab.data.reading.raw import Raw, did_you_mean, listed
from searchlab.errors import DataError
from searchlab.study.data import DataSpec

_SPARSE = {"data", "format", "shape"}
_DENSE = 2_000_000_000  # cells of a sparse matrix that are held in memory
_ENDINGS: Mapping[Part, tuple[str, ...]] = {
    "validation": ("_val", "_valid", "_validation"),
    "test": ("_test",),
}


def named_columns(spec: DataSpec) -> list[tuple[str, str]]:
    """Return the columns or arrays that are not features, with the keys that name them."""
    keys = {"target": spec.target, "weight": spec.weight, "id": spec.id}
    named = [(name, key) for key, name in keys.items() if name is not None]
    if spec.split is not None and spec.split.name is not None:
        named.append((spec.split.name, spec.split.key.removeprefix("data.")))
    return named


def others(columns: Any, spec: DataSpec) -> dict[str, Any]:
    """Return the columns with the weights and with what divides the rows, each None without one."""
    split = None if spec.split is None else spec.split.name
    return {
        "weight": None if spec.weight is None else columns[spec.weight],
        "split": None if split is None else columns[split],
    }


def arrays_of(path: Path, source: str) -> dict[str, Array]:
    """Read the arrays of an NPZ or NPY file.

    Returns:
        The arrays by name. A sparse matrix that SciPy wrote is the array X; an array of an NPY
        file has the file's name.

    Raises:
        DataError: if the sparse matrix is of an unknown kind.
    """
    opened = np.load(path, allow_pickle=False)
    if not isinstance(opened, np.lib.npyio.NpzFile):
        return {path.stem: opened}
    with opened:
        arrays = {name: opened[name] for name in opened.files}
    if not arrays.keys() >= _SPARSE:
        return arrays
    matrix = scipy.sparse.load_npz(path)
    if math.prod(matrix.shape) > _DENSE:
        raise DataError(
            f"{source}: {matrix.shape[0]:,} x {matrix.shape[1]:,} cells do not fit into memory "
            "once they are dense: choose columns, or reduce them, such as by TruncatedSVD"
        )
    rest = {name: each for name, each in arrays.items() if name not in (*_SPARSE, "indptr")}
    for name in ("row", "col", "offsets", "indices"):
        rest.pop(name, None)
    return {"X": matrix.toarray(), **rest}


def together(arrays: Mapping[str, Array]) -> tuple[dict[str, Array], Assignment | None]:
    """Join the parts of arrays in Keras' own layout: x_train, y_train, x_test, y_test.

    Returns:
        The arrays x, y and so on, with the part of each row; or the arrays as they are, and None.
    """
    names = [name.removesuffix("_train") for name in arrays if name.endswith("_train")]
    parts: dict[Part, str] = {"train": "_train"}
    for part, endings in _ENDINGS.items():
        end = next((e for e in endings if all(name + e in arrays for name in names)), None)
        if end is not None and names:
            parts[part] = end
    if len(parts) == 1:
        return dict(arrays), None
    sizes = {part: len(arrays[names[0] + end]) for part, end in parts.items()}
    joined = {n: np.concatenate([arrays[n + end] for end in parts.values()]) for n in names}
    return joined, Assignment.consecutive(sizes)


def from_arrays(spec: DataSpec, given: Mapping[str, Array], name: str, source: str) -> Raw:
    """Choose features, target and weights from arrays.

    Args:
        spec: the names of target and weights.
        given: the arrays.
        name: the name of the data set.
        source: the name in messages.

    Raises:
        DataError: if an array is missing, or they do not fit together.
    """
    if spec.features is not None:
        raise DataError(f"{source}: has arrays and no columns: leave data.features out")
    if spec.missing:
        raise DataError(
            f"{source}: has arrays, which must be complete: leave data.missing out, and fill such "
            "values or leave out their rows"
        )
    arrays, assigned = together(given)
    names = list(arrays)
    for wanted, of in named_columns(spec):
        if wanted not in names:
            hint = did_you_mean(wanted, names) or f"; the arrays are {listed(names)}"
            raise DataError(f"{source}: no array {wanted!r}{hint}: correct data.{of}")
    _check_target(source, str(spec.target), arrays[str(spec.target)])
    dropped = (name for pattern in spec.drop for name in matching(names, pattern))
    unfit = {*dropped, *(wanted for wanted, _ in named_columns(spec))}
    key = features_name(names, unfit, source)
    X, columns = arrays[key], {wanted: arrays[wanted] for wanted, _ in named_columns(spec)}
    check_arrays(source, key, X, columns)
    rows = {n: pd.Series(each.reshape(len(X)), name=n) for n, each in columns.items()}
    y, known = rows[str(spec.target)], others(rows, spec)
    if X.ndim > 2:  # noqa: PLR2004 - a matrix has columns; anything deeper is images
        return Raw(name, source, X, y, str(spec.target), assigned=assigned, **known)
    frame = pd.DataFrame(X, columns=[f"{key}{column}" for column in range(X.shape[1])])
    return Raw(name, source, frame, y, str(spec.target), assigned=assigned, **known)


def _check_target(source: str, name: str, values: Array) -> None:
    """Refuse a target of several values a row, such as the input of an autoencoder."""
    if values.ndim == 2 and values.shape[1] > 1 and _is_one_hot(values):  # noqa: PLR2004
        raise DataError(
            f"{source}: the target {name!r} is one-hot, of shape {values.shape}: give the numbers "
            f"of the classes, {name}.argmax(axis=1); a model whose loss wants one-hot rows "
            "gets them"
        )
    if math.prod(values.shape[1:]) > 1:
        raise DataError(
            f"{source}: the target {name!r} has shape {values.shape}: it needs one value per row "
            "(for an autoencoder name an array that has, and give the model a train_step and a "
            "test_step that compare its output with its input)"
        )


def _is_one_hot(values: Array) -> bool:
    known = values.dtype.kind in "biuf" and bool(np.isin(values, (0, 1)).all())
    return known and bool((values.sum(axis=1) == 1).all())


def features_name(names: Sequence[str], no_features: Collection[str | None], source: str) -> str:
    """Find the array with the features: X, x, or the only one left.

    Raises:
        DataError: if there are several candidates.
    """
    others = [array for array in names if array not in no_features]
    key = next((array for array in ("X", "x") if array in others), others[0] if others else "")
    if not key or (len(others) > 1 and key not in {"X", "x"}):
        raise DataError(
            f"{source}: which array has the features? Name it X (it has {listed(list(names))})"
        )
    return key


def check_arrays(
    source: str, key: str, X: np.ndarray[Any, Any], columns: Mapping[str, np.ndarray[Any, Any]]
) -> None:
    """Refuse arrays that do not fit together, and features that are not finite numbers.

    Args:
        source: the file's name in messages.
        key: the name of the features.
        X: the features.
        columns: the other arrays, by name, one value a row.

    Raises:
        DataError: with the array and its problem.
    """
    if X.ndim < 2 or 0 in X.shape[1:]:  # noqa: PLR2004
        raise DataError(
            f"{source}: {key} has shape {X.shape}: it needs (rows, features) or more dimensions"
        )
    for name, values in columns.items():
        if values.shape not in {(values.size,), (values.size, 1)}:
            raise DataError(
                f"{source}: {name} has shape {values.shape}: it needs one value per row"
            )
        if len(X) != len(values):
            raise DataError(
                f"{source}: {key} has {len(X)} rows and {name} has {len(values)}: give both the "
                "same"
            )
    if X.dtype.kind not in "biuf":
        raise DataError(f"{source}: {key} has the type {X.dtype}: convert it to numbers")
    wrong = np.argwhere(~np.isfinite(X)) if X.dtype.kind == "f" else np.empty((0, X.ndim))
    if len(wrong):
        position = tuple(int(index) for index in wrong[0])
        raise DataError(
            f"{source}: {key}[{', '.join(map(str, position))}] is {X[position]}: "
            f"arrays must be complete and finite; fill or leave out such rows"
        )
