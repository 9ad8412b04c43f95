"""What `searchlab init` and `searchlab run` make of a table, beside simple models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from searchlab import run_study
from searchlab.cli.scaffold import init_text, write_new
from searchlab.journal.home import load_record

from .sources import PublicTable

_LINEAR, _BOOSTING = ("linear", "logistic"), "boosting"


@dataclass(frozen=True)
class Compared:
    """The losses on the test rows of one study: log loss for classes, RMSE for quantities.

    Attributes:
        rows: the number of all rows.
        network: the loss of the study's model.
        linear: that of scikit-learn's linear or logistic regression.
        boosting: that of its histogram gradient boosting.
        seconds: the time that the study took.
        params: the params of the study's model.
    """

    rows: int
    network: float
    linear: float
    boosting: float
    seconds: float
    params: Mapping[str, object]


@dataclass(frozen=True)
class Standing:
    """A table's studies together: geometric means of ratios, each of the same rows.

    Attributes:
        table: the table.
        studies: one study a seed.
    """

    table: PublicTable
    studies: Sequence[Compared]

    @property
    def to_linear(self) -> float:
        """The network's loss divided by the linear model's."""
        return _mean([each.network / each.linear for each in self.studies])

    @property
    def to_boosting(self) -> float:
        """The network's loss divided by gradient boosting's."""
        return _mean([each.network / each.boosting for each in self.studies])


def compare(table: PublicTable, seed: int, directory: Path) -> Compared:
    """Run the study that `searchlab init` writes for a table.

    Only the seed, of the splits and all else, is changed, and MLflow is left out.

    Args:
        table: the table.
        seed: the study's seed.
        directory: an empty directory.
    """
    csv = table.write(directory)
    file = directory / "study.yaml"
    write_new(file, init_text(None, csv, table.target, file))
    overrides = {"search.seed": seed, "trackers": ["memory"]}
    result = run_study(file, directory=directory, overrides=overrides)
    record = load_record(result.name, directory)
    assert record.started is not None
    assert result.winner is not None
    root = math.sqrt if record.started.data["task"] == "regression" else float
    loss = {
        name: root(each.metrics["loss"]) for name, each in record.baselines.items() if each.metrics
    }
    return Compared(
        rows=record.started.data["rows"],
        network=root(result.test["loss"]),
        linear=next(loss[name] for name in _LINEAR if name in loss),
        boosting=next(value for name, value in loss.items() if _BOOSTING in name),
        seconds=result.seconds,
        params=dict(result.winner.params),
    )


def _mean(ratios: Sequence[float]) -> float:
    """Return the geometric mean."""
    return math.exp(fmean(map(math.log, ratios)))
