"""Describe the columns of a table: their kinds, the reasons, and what is done with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.core.progress import counted
from searchlab.data.columns.dates import is_clock, write
from searchlab.data.load import Table
from searchlab.data.looking.charts import chart, shown_text
from searchlab.data.preprocessing import Preprocessing
from searchlab.data.target import TargetTransform
from searchlab.data.understood import Column
from searchlab.study.data import DataSpec

_EXAMPLES = 3


def describe(
    table: Table, spec: DataSpec, preprocessing: Preprocessing, transform: TargetTransform
) -> tuple[Column, ...]:
    """Return the columns of a table: the target, the features, and the columns with other roles.

    Args:
        table: the data set.
        spec: the study's keys that say how to use it.
        preprocessing: the preprocessing, fitted to the training rows.
        transform: the transformation of the target, fitted to the training rows.
    """
    return (_target(table, transform), *_columns(table, spec, preprocessing))


def _columns(table: Table, spec: DataSpec, preprocessing: Preprocessing) -> Iterator[Column]:
    if isinstance(table.X, pd.DataFrame):
        treatments = preprocessing.treatments()
        for name, kind in counted(list(table.kinds.items()), "describing the columns:"):
            values = table.X[name].dropna()
            yield _column(
                name,
                "feature",
                kind=kind,
                why=table.why.get(name, ""),
                treatment=treatments.get(name, ""),
                rows=len(table.X),
                values=_plain(values, kind, whole=name in table.whole),
                form=table.forms.get(name, ""),
            )
    else:
        shape = " x ".join(map(str, table.X.shape[1:]))
        treatment = preprocessing.treatments().get("", "")
        yield Column(
            "(array)", "feature", "array", f"rows of shape {shape}", treatment, 0, len(table.X), ()
        )
    if table.w is not None:
        yield _column(
            str(spec.weight),
            "weight",
            kind="number",
            why="data.weight",
            treatment="weighs the rows in the loss and in all metrics",
            rows=len(table.w),
            values=table.w,
        )
    yield from _split(table, spec)
    aside = pd.DataFrame() if table.aside is None else table.aside
    for left_out, values in aside.items():
        yield _column(
            str(left_out),
            "id" if left_out == spec.id else "dropped",
            kind="",
            why=_left_out(str(left_out), spec),
            treatment="goes with predictions" if left_out == spec.id else "left out",
            rows=len(aside),
            values=values.dropna().to_numpy(),
        )


def _left_out(name: str, spec: DataSpec) -> str:
    if name == spec.id:
        return "data.id"
    if spec.inputs is not None and name not in spec.drop:
        return "data.inputs"
    return "data.drop" if spec.features is None else "data.features"


def _split(table: Table, spec: DataSpec) -> Iterator[Column]:
    """Yield the column that divides the rows, if it is no feature."""
    name = spec.set_apart
    if spec.split is None or name is None:
        return
    treatment = "says the part of each row"
    if spec.split.groups is not None:
        treatment = "its equal values stay on one side"
    elif spec.split.by is not None:
        treatment = "later rows are the test's"
    codes, labels = table.division.codes, np.array(table.division.labels)
    values = labels[:0] if codes is None else labels[codes]
    yield _column(
        name,
        "split",
        kind="",
        why=spec.split.key,
        treatment=treatment,
        rows=len(values),
        values=values,
    )


def _target(table: Table, transform: TargetTransform) -> Column:
    classes = table.task == "classification"
    treatment = "a number for each class" if classes else "as it is"
    if transform:
        treatment = f"{transform}{f', because {transform.why}' if transform.why else ''}"
    if table.left_out:
        treatment += "; rows without it are left out"
    kind = "classes" if classes else "number"
    return _column(
        table.target,
        "target",
        kind=kind,
        why=table.why.get(table.target, ""),
        treatment=treatment,
        rows=len(table.y) + table.left_out,
        values=table.y,
    )


def _column(
    name: str,
    role: str,
    *,
    kind: str,
    why: str,
    treatment: str,
    rows: int,
    values: Array,
    form: str = "",
) -> Column:
    """Make a column of its values without the missing ones; dates may have a form."""
    distinct = pd.unique(values)
    first = list(distinct[:_EXAMPLES])
    if is_clock(form):
        first = [write(pd.Timestamp(each), form) for each in first]
    examples = tuple(map(shown_text, first))
    missing = rows - len(values)
    return Column(name, role, kind, why, treatment, missing, len(distinct), examples, chart(values))


def _plain(values: pd.Series[Any], kind: str, *, whole: bool) -> Array:
    """Return values as people write them: whole numbers without a point, true and false."""
    plain: Array = values.to_numpy()
    if kind == "boolean":
        return np.where(plain == 1, "true", "false").astype(object)
    return plain.astype(np.int64) if whole else plain
