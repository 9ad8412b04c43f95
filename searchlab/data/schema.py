"""What raw rows look like: what a model needs to know of them once the data set is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from searchlab.data.load import Kind, Table
from searchlab.study.spec import DataSpec

Label = bool | int | float | str
"""A class as the data set has it."""


@dataclass(frozen=True)
class RowSchema:
    """The columns of a data set, or its images, and what is to be predicted of them.

    Attributes:
        target: the name of the target.
        task: "regression", "binary" or "multiclass".
        labels: the classes in the order of their numbers; empty for a regression.
        kinds: how each feature column is made into numbers, in their order; empty for images.
        whole: the number columns that the data set has as whole numbers.
        shape: the shape of one raw row, (columns,) for a frame.
        drop: the columns of the data set's file that are no features.
        weight: the column with the rows' weights, or None.
    """

    target: str
    task: str
    labels: tuple[Label, ...]
    kinds: Mapping[str, Kind]
    whole: tuple[str, ...]
    shape: tuple[int, ...]
    drop: tuple[str, ...] = ()
    weight: str | None = None

    @classmethod
    def of(cls, table: Table, spec: DataSpec, task: str, labels: tuple[Label, ...]) -> RowSchema:
        """That of a checked data set."""
        return cls(
            target=table.target,
            task=task,
            labels=labels,
            kinds=dict(table.kinds),
            whole=tuple(name for name in table.kinds if name in table.whole),
            shape=table.X.shape[1:],
            drop=spec.drop,
            weight=spec.weight,
        )

    def natural(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Tidied rows without a missing number with the types that the data set has them in."""
        whole = dict.fromkeys(self.whole, "int64")
        boolean = {name: "bool" for name, kind in self.kinds.items() if kind == "boolean"}
        return frame.astype({**whole, **boolean})
