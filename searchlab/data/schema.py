"""The schema of raw rows, which a model needs without the data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from searchlab.core.arrays import Inputs
from searchlab.data.columns import dates
from searchlab.data.columns.kinds import Kind
from searchlab.data.load import Table
from searchlab.data.reading.dialect import Dialect
from searchlab.data.reading.known import Known
from searchlab.data.target import TargetTransform
from searchlab.study.data import DataSpec
from searchlab.study.reading import ReadingSpec

Label = bool | int | float | str
"""A class as in the data set."""


@dataclass(frozen=True)
class RowSchema:
    """The columns of a data set, or its images, and the target.

    Attributes:
        target: the name of the target.
        task: "regression", "binary" or "multiclass".
        labels: the classes in the order of their numbers; empty for a regression.
        kinds: how each feature column is converted to numbers, in order; empty for images.
        whole: the columns of whole numbers.
        shape: the shape of one raw row, (columns,) for a frame.
        drop: the columns of the file that are not features.
        weight: the column with the rows' weights, or None.
        dialect: how the data set's file wrote a table.
        missing: the cells that the study says are missing values.
        transform: the transformation of the target for the model.
        class_weight: the weights of the classes in all metrics, by their numbers; None if they
            have none there.
        id: the column that says which row is which, or None.
        forms: how the dates of each column of dates are written; see `columns.dates`.
        inputs: the places in a preprocessed row of the values of each input of the model; {} if
            there is one.
        outputs: the outputs of the model that learn the target, the one that predicts first; () if
            there is one.
    """

    target: str
    task: str
    labels: tuple[Label, ...]
    kinds: Mapping[str, Kind]
    whole: tuple[str, ...]
    shape: tuple[int, ...]
    drop: tuple[str, ...] = ()
    weight: str | None = None
    dialect: Dialect = field(default_factory=Dialect)
    missing: tuple[str | int | float, ...] = ()
    transform: TargetTransform = field(default_factory=TargetTransform)
    class_weight: tuple[float, ...] | None = None
    id: str | None = None
    forms: Mapping[str, str] = field(default_factory=dict)
    inputs: Inputs = field(default_factory=dict)
    outputs: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: Table, spec: DataSpec, task: str, labels: tuple[Label, ...]) -> RowSchema:
        """Make the schema of a checked data set."""
        return cls(
            target=table.target,
            task=task,
            labels=labels,
            kinds=dict(table.kinds),
            whole=tuple(name for name in table.kinds if name in table.whole),
            shape=table.X.shape[1:],
            drop=(*spec.drop, *_of_split(table, spec)),
            weight=spec.weight,
            dialect=table.dialect or Dialect(),
            missing=spec.missing,
            id=spec.id,
            forms=dict(table.forms),
            outputs=spec.outputs,
        )

    def natural(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Convert tidied rows without missing numbers to the data set's own types."""
        whole = dict.fromkeys(self.whole, "int64")
        boolean = {name: "bool" for name, kind in self.kinds.items() if kind == "boolean"}
        return self.dated(frame.astype({**whole, **boolean}))

    def dated(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Convert dates of tidied rows to the data set's own form."""
        written = {
            name: pd.Series(
                [None if pd.isna(time) else dates.write(time, form) for time in frame[name]],
                index=frame.index,
                dtype=object,
            )
            for name, form in self.forms.items()
        }
        return frame.assign(**written)

    @property
    def known(self) -> Known:
        """The facts about the columns of a file with such rows."""
        plain = {name for name, kind in self.kinds.items() if kind in {"number", "boolean"}}
        text = set(self.kinds) - plain
        worded = bool(self.labels) and isinstance(self.labels[0], str)
        (text if worded else plain).add(self.target)
        if self.weight is not None:
            plain.add(self.weight)
        if self.id is not None:
            text.add(self.id)
        return Known(
            keys=ReadingSpec(missing=self.missing),
            names=tuple(self.kinds),
            text=frozenset(text),
            target=self.target,
            numbers=frozenset(plain),
            truths=frozenset(name for name, kind in self.kinds.items() if kind == "boolean"),
            dialect=self.dialect,
        )


def _of_split(table: Table, spec: DataSpec) -> tuple[str, ...]:
    name = None if spec.split is None else spec.split.name
    return () if name is None or name in table.kinds else (name,)
