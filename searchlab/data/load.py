"""Load a data set and refuse at once what cannot be trained on.

A missing value, an infinity or a mistyped number does not stop a training: it makes a worse or
broken model, hours later. So everything is checked here, before trial 0, and each message names
the file, the column and the row as the user sees them.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn.datasets

from searchlab.core.quiet import quiet
from searchlab.data.catalog import DATASETS
from searchlab.data.columns.checked import Columns, check_columns
from searchlab.data.columns.groups import Groups, groups_of
from searchlab.data.columns.kinds import Kind, Task, kind_of_target, task_of
from searchlab.data.columns.tidy import LARGEST, floats, words
from searchlab.data.division import NO_DIVISION, Division, division
from searchlab.data.reading.dialect import Dialect
from searchlab.data.reading.raw import Raw, did_you_mean
from searchlab.data.reading.together import read_files
from searchlab.errors import DataError
from searchlab.study.data import DataSpec

_STEPS = 20  # at least, of float32 within the deviation of a target


@dataclass(frozen=True)
class Table:
    """A checked data set.

    Attributes:
        name: the name of the data set, or of the file without its ending.
        source: "sklearn:digits", or the path as in the study file.
        X: the features. A frame with a column each: float64 (NaN is missing; booleans are 0 and
            1), text (None is missing) or datetime64[us] (NaT is missing). For images and sequences
            an array (n, ..., channels), all finite.
        y: the target (n,): float64 for a regression, else int64, bool or text labels.
        target: the name of the target.
        task: the kind of target.
        kinds: how each column of a frame is converted to numbers; empty for images.
        digest: SHA-256 over names, types and values; the same data gives the same digest.
        w: the weights of the rows, float32 (n,), finite and 0 or more; None if there are none.
        whole: the columns of whole numbers.
        why: what the kind of a column was told by, in a few words, by its name; the target's too.
        aside: the columns that a study leaves out, as read, which only the findings look at; None
            for arrays.
        dialect: how the file writes a table; None if it is no text file.
        division: what the data set says about the division of its rows.
        left_out: the number of rows without a target, which are left out.
        forms: how the dates of each column of dates are written; see `columns.dates`.
        groups: the columns of each input of the model by the input's name; {} if there is one.
    """

    name: str
    source: str
    X: pd.DataFrame | np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    target: str
    task: Task
    kinds: Mapping[str, Kind]
    digest: str
    w: np.ndarray[Any, Any] | None = None
    whole: frozenset[str] = frozenset()
    why: Mapping[str, str] = field(default_factory=dict)
    aside: pd.DataFrame | None = None
    dialect: Dialect | None = None
    division: Division = NO_DIVISION
    left_out: int = 0
    forms: Mapping[str, str] = field(default_factory=dict)
    groups: Groups = field(default_factory=dict)


def load(spec: DataSpec, base: Path) -> Table:
    """Read and check a data set.

    Args:
        spec: which data set, and which of its columns.
        base: the directory that the path of a file is relative to.

    Raises:
        DataError: if it cannot be found, read, or trained on.
    """
    raw = _read_dataset(spec.dataset, spec) if spec.dataset else read_files(spec, base)
    if len(raw.y) == 0:
        raise raw.error("there are no rows: give a file with data")
    raw, left_out = _with_target(raw, spec)
    y, task = _target(raw, spec.task)
    w = _weights(raw)
    divided = division(raw, spec)
    others: list[tuple[str, Any]] = [(raw.target, y), (str(spec.weight), w), *divided.facts()]
    facts = [(name, values) for name, values in others if values is not None]
    why = {raw.target: _why_target(task, y, spec.task)}
    columns = _columns(raw, spec)
    groups = _groups(raw, columns, spec)
    if columns is not None and groups:
        raw, columns = _used(raw, columns, groups)
    X = raw.X if columns is None else columns.X
    return Table(
        name=raw.name,
        source=raw.source,
        X=X,
        y=y,
        target=raw.target,
        task=task,
        kinds={} if columns is None else columns.kinds,
        digest=_digest(X, facts),
        w=w,
        whole=frozenset() if columns is None else columns.whole,
        why=why if columns is None else {**why, **columns.why},
        aside=raw.aside,
        dialect=raw.dialect,
        division=divided,
        left_out=left_out,
        forms={} if columns is None else columns.forms,
        groups=groups,
    )


def _columns(raw: Raw, spec: DataSpec) -> Columns | None:
    """Return the checked features; None if they are an array."""
    if isinstance(raw.X, np.ndarray):
        return None
    try:
        return check_columns(raw.X.rename(columns=str), spec.kinds, raw.texts)
    except DataError as error:
        raise raw.error(str(error)) from None


def _groups(raw: Raw, columns: Columns | None, spec: DataSpec) -> Groups:
    """Return the columns of each input of the model."""
    if spec.inputs is None:
        return {}
    if columns is None:
        raise raw.error(f"data.inputs is for columns, and these are arrays of shape "
                        f"{raw.X.shape[1:]}: leave it out")  # fmt: skip
    try:
        return groups_of(spec.inputs, columns.kinds)
    except DataError as error:
        raise raw.error(str(error)) from None


def _used(raw: Raw, columns: Columns, groups: Groups) -> tuple[Raw, Columns]:
    """Set the columns aside that no input has."""
    named = {name for each in groups.values() for name in each}
    unused = columns.X.drop(columns=list(named))
    aside = unused if raw.aside is None else pd.concat([raw.aside, unused], axis=1)
    return replace(raw, aside=aside), columns.only(named)


# ---- built-in data sets


def _read_dataset(name: str, spec: DataSpec) -> Raw:
    raw = _built_in(name)
    if spec.target not in (None, raw.target):
        raise raw.error(f"the target is {raw.target!r}, not {spec.target!r}: correct data.target")
    column = None if spec.split is None else spec.split.name
    if column is None or spec.split is None:
        return raw
    if column == raw.target:
        return replace(raw, split=raw.y)
    if not isinstance(raw.X, pd.DataFrame) or column not in raw.X:
        names = list(map(str, raw.X)) if isinstance(raw.X, pd.DataFrame) else []
        raise raw.error(f"no column {column!r}{did_you_mean(column, names)}: correct "
                        f"{spec.split.key}")  # fmt: skip
    X = raw.X.drop(columns=[column]) if spec.split.no_feature else raw.X
    return replace(raw, X=X, split=raw.X[column])


def _built_in(name: str) -> Raw:
    if name not in DATASETS:
        hint = did_you_mean(name, list(DATASETS)) or f"; the data sets are {', '.join(DATASETS)}"
        raise DataError(f"{name}: no such data set{hint}: correct data.dataset, or use data.path")
    if name == "fashion_mnist":
        return _fashion_mnist()
    fetched = name == "california_housing"
    loader = getattr(sklearn.datasets, f"{'fetch' if fetched else 'load'}_{name}")
    try:
        with warnings.catch_warnings():  # scikit-learn warns at each attempt to download
            warnings.simplefilter("ignore")
            bunch = loader(as_frame=True)
    except OSError as error:
        raise _not_fetched(name, "SCIKIT_LEARN_DATA", error) from None
    return Raw(name, f"sklearn:{name}", bunch.data, bunch.target, str(bunch.target.name))


def _fashion_mnist() -> Raw:
    with quiet():
        import keras  # takes seconds, and only this data set needs it

    try:
        (x, y), (x_more, y_more) = keras.datasets.fashion_mnist.load_data()
    except Exception as error:  # Keras wraps what went wrong in a bare Exception
        raise _not_fetched("fashion_mnist", "KERAS_HOME", error) from None
    labels = pd.Series(np.concatenate([y, y_more]).astype(np.int64))
    images = np.concatenate([x, x_more])  # the splits are made by the study's own seed
    return Raw("fashion_mnist", "keras:fashion_mnist", images, labels, "label")


def _not_fetched(name: str, variable: str, error: Exception) -> DataError:
    why = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(
        f"{name}: not available and cannot be downloaded ({why}): connect to the network, or set "
        f"{variable} to a directory that has it"
    )


# ---- target


def _with_target(raw: Raw, spec: DataSpec) -> tuple[Raw, int]:
    """Leave out rows without a target if the study says so; return how many."""
    known = raw.y.notna().to_numpy()
    missing = int((~known).sum())
    if not missing or spec.missing_target == "refuse":
        return raw, 0
    if missing == len(known):
        raise raw.error(f"the target {raw.target!r} has no value in any row: name another one")
    return raw.only(known), missing


def _target(raw: Raw, wanted: Task | None) -> tuple[np.ndarray[Any, Any], Task]:
    """Check the target; return its values and the task."""
    missing = np.flatnonzero(raw.y.isna())
    if len(missing):
        raise raw.error(
            f"the target {raw.target!r} has no value (in {len(missing)} rows in total): fill it "
            f"in, or write missing_target: drop in data to leave such rows out",
            int(missing[0]),
        )
    try:
        kind = kind_of_target(raw.target, raw.y)
    except DataError as error:
        raise raw.error(str(error)) from None
    if kind == "number" and wanted != "regression" and raw.y.max() > np.iinfo(np.int64).max:
        kind = "category" if pd.api.types.is_integer_dtype(raw.y) else kind
    if kind in {"category", "text"}:
        if wanted == "regression":
            raise raw.error(f"the target {raw.target!r} is text: convert it to numbers, or leave "
                            f"out data.task")  # fmt: skip
        return _varied(raw, words(raw.y).to_numpy()), "classification"
    values = _varied(raw, _exact(raw.y))
    wrong = np.flatnonzero(~(np.abs(values) <= LARGEST))
    if len(wrong):
        position = int(wrong[0])
        raise raw.error(f"the target {raw.target!r} is {values[position]}: correct it", position)
    whole = bool((values == np.round(values)).all())
    task = wanted or ("classification" if kind == "boolean" else task_of(values))
    if task == "regression":
        values = values.astype(np.float64)
        _check_precision(raw, values)
        return values, task
    if kind == "boolean":
        return values.astype(bool), task
    return (values.astype(np.int64) if whole else values), task


def _exact(column: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Return numbers as float64, and whole ones as int64 with all their digits."""
    if pd.api.types.is_integer_dtype(column) and int(column.max()) <= np.iinfo(np.int64).max:
        return column.to_numpy(np.int64)
    return floats(column)


def _check_precision(raw: Raw, values: np.ndarray[Any, Any]) -> None:
    """Refuse a target whose differences are lost in float32, which models compute with."""
    step = float(np.spacing(np.float32(np.abs(values).max())))
    if step > values.std() / _STEPS:
        raise raw.error(
            f"the target {raw.target!r} differs by about {values.std():.3g} from row to row, and "
            f"its values are known to {step:.3g} only, as models compute with 7 digits: subtract "
            f"a constant, such as {values.min():.10g}"
        )


def _why_target(task: Task, y: np.ndarray[Any, Any], wanted: Task | None) -> str:
    if wanted is not None:
        return "data.task"
    if task == "regression":
        return "numbers"
    values = {"b": "true or false", "i": "few whole numbers"}
    return values.get(y.dtype.kind, "text")


def _varied(raw: Raw, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if (values == values[0]).all():
        raise raw.error(
            f"the target {raw.target!r} is {values[0]} in all rows: there is nothing to learn; "
            f"name another data.target"
        )
    return values


def _weights(raw: Raw) -> np.ndarray[Any, Any] | None:
    """Check and return the weights of the rows; None if there are none."""
    column = raw.weight
    if column is None:
        return None
    values = np.full(len(column), np.nan)
    if column.dtype.kind not in "mMc":  # pandas would use the number inside a time
        values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~((values >= 0) & (values <= LARGEST)))
    if len(wrong):
        value = column.iloc[int(wrong[0])]
        shown = "missing" if pd.isna(value) else repr(str(value))
        raise raw.error(
            f"the weight {column.name!r} is {shown} ({len(wrong)} rows in total are wrong): give "
            f"each row a finite number of 0 or more",
            int(wrong[0]),
        )
    return values.astype(np.float32)


# ---- digest


def _digest(
    X: pd.DataFrame | np.ndarray[Any, Any], others: list[tuple[str, np.ndarray[Any, Any]]]
) -> str:
    digest = hashlib.sha256()
    parts = [("", X)] if isinstance(X, np.ndarray) else [(n, X[n].to_numpy()) for n in X]
    for name, values in [*parts, *others]:
        digest.update(json.dumps([str(name), str(values.dtype), values.shape]).encode())
        if values.dtype == object:
            codes, different = pd.factorize(values)  # -1 for a missing cell
            digest.update(json.dumps(different.tolist()).encode())
            digest.update(codes.data)
        else:
            digest.update(np.ascontiguousarray(values).view(np.uint8).data)
    return digest.hexdigest()
