"""The estimate of nested folds: the worth of a whole search on rows that none of it has seen."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from searchlab.core.wording import confirmed_text, number_text
from searchlab.journal.record import StudyRecord
from searchlab.report.results import model_metric, model_value
from searchlab.report.rows import baseline_rows

_MODEL = "the study's model"


@dataclass(frozen=True)
class Estimate:
    """The scores of one kind of model on each test fold.

    Attributes:
        model: the study's model, or the name of a baseline.
        values: the objective's metric on the test rows of each fold; None where it is not known.
    """

    model: str
    values: tuple[float | None, ...]

    @property
    def known(self) -> list[float]:
        """The values that are known."""
        return [value for value in self.values if value is not None]

    @property
    def mean(self) -> float | None:
        """The mean over the folds; None unless all are known: others may be the hard ones."""
        whole = len(self.known) == len(self.values)
        return math.fsum(self.known) / len(self.known) if self.known and whole else None

    @property
    def spread(self) -> float | None:
        """The sample standard deviation over the folds; None unless all are known."""
        return (
            statistics.stdev(self.known) if self.mean is not None and len(self.known) > 1 else None
        )


def estimates(records: Sequence[StudyRecord]) -> list[Estimate]:
    """Return the scores of the studies' models, then those of the baselines.

    Args:
        records: the studies of the test folds, in order.
    """
    metric = model_metric(records[0])
    rows = [{row.name: row.metrics.get(metric) for row in baseline_rows(each)} for each in records]
    names = dict.fromkeys(name for each in rows for name in each)
    found = [Estimate(_MODEL, tuple(map(model_value, records)))]
    found += [Estimate(name, tuple(each.get(name) for each in rows)) for name in names]
    return [each for each in found if each.known or each.model == _MODEL]


def folds_table(records: Sequence[StudyRecord]) -> Table:
    """Return a table of the folds' scores with their means."""
    metric, way = model_metric(records[0]), records[0].spec.objective.way
    total = records[0].spec.data.test_folds or len(records)
    folds = f"{total} folds" if total == len(records) else f"{len(records)} of {total} folds"
    title = f"{metric} ({way}) on the test rows of {folds}, each with a search of its own"
    table = Table(box=None, title=title, title_justify="left")
    table.add_column("")
    for number in range(len(records)):
        table.add_column(f"fold {number + 1}", justify="right")
    table.add_column("mean ± deviation", justify="right")
    for each in estimates(records):
        values = [number_text(value) for value in each.values]
        table.add_row(Text(each.model), *values, confirmed_text(each.mean, each.spread))
    return table


def folds_json(name: str, records: Sequence[StudyRecord], studies: list[Any]) -> dict[str, Any]:
    """Return the folds' scores, and their studies, as plain JSON values.

    Args:
        name: the name of the study that stands for those of the folds.
        records: the studies of the test folds, in order.
        studies: the same as plain JSON values.
    """
    found = {
        each.model: {"values": list(each.values), "mean": each.mean, "spread": each.spread}
        for each in estimates(records)
    }
    return {
        "name": name,
        "test_folds": records[0].spec.data.test_folds,
        "metric": model_metric(records[0]),
        "direction": records[0].spec.objective.way,
        "model": found.pop(_MODEL),
        "baselines": found,
        "studies": studies,
    }
