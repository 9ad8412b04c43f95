"""Evaluation of a model on a file or a built-in data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from searchlab.data.catalog import DATASETS
from searchlab.data.load import load
from searchlab.data.reading.raw import did_you_mean
from searchlab.errors import DataError
from searchlab.inference.model import Model
from searchlab.inference.raw import read_input
from searchlab.study.data import DataSpec


@dataclass(frozen=True)
class Evaluation:
    """A model's metrics on one data set.

    Attributes:
        rows: number of rows.
        metrics: see `Model.evaluate`.
        seen: whether the model was trained on part of this data set.
    """

    rows: int
    metrics: dict[str, float]
    seen: bool


def evaluate_on(model: Model, data: str) -> Evaluation:
    """Evaluate a model on a file or a built-in data set.

    Args:
        model: the model.
        data: path of a file that contains the target, or name of a built-in data set.

    Raises:
        DataError: if the data cannot be read or do not fit the model.
    """
    if data in DATASETS and not Path(data).is_file():
        table = load(DataSpec(dataset=data), Path())
        seen = table.source == model.manifest.data["source"]  # a study's digest is of its split too
        return Evaluation(len(table.y), model.evaluate(table.X, table.y, table.w), seen)
    given = read_input(Path(data), model.manifest.rows)
    if given.target is None:
        target = model.manifest.rows.target
        names = [] if not hasattr(given.rows, "columns") else list(map(str, given.rows.columns))
        raise DataError(
            f"{data}: the target {target!r} is missing{did_you_mean(target, names)}: add it, or "
            "use searchlab predict"
        )
    try:
        metrics = model.evaluate(given.rows, given.target, given.weight)
    except DataError as error:
        raise DataError(f"{data}: {error}") from None
    return Evaluation(len(given.target), metrics, seen=False)
