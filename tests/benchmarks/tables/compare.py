"""What `searchlab init` and `searchlab run` make of a table, beside simple models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, root_mean_squared_error

from searchlab import run_study
from searchlab.cli.scaffold import init_text, write_new
from searchlab.data.prepare import open_data, prepare
from searchlab.journal.home import load_record
from searchlab.journal.layout import refit_data
from searchlab.study.spec import StudySpec

from .sources import PublicTable

_LINEAR = ("linear", "logistic")


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

    Only the seed, of the splits and all else, is changed, and MLflow is left out. The simple models
    are fitted by hand to the study's rows; where the study's own are better, as they may be with
    a transformed target, those count.

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
    losses = by_hand(result.spec, directory)
    for name, each in record.baselines.items():
        if name in losses and each.metrics:
            losses[name] = min(losses[name], root(each.metrics["loss"]))
    return Compared(
        rows=record.started.data["rows"],
        network=root(result.test["loss"]),
        linear=next(losses[name] for name in _LINEAR if name in losses),
        boosting=losses["boosting"],
        seconds=result.seconds,
        params=dict(result.winner.params),
    )


def by_hand(spec: StudySpec, base: Path) -> dict[str, float]:
    """Fit scikit-learn's models to the rows of a study's refitted model.

    Args:
        spec: the study.
        base: the directory of its file.

    Returns:
        Their losses on the test rows, by the study's names for them.
    """
    place = base / "by-hand"
    prepare(spec, base, place)
    data = open_data(refit_data(place))
    x, y, x_test, y_test = data.x_train, data.y_train, data.x_test, data.y_test
    seed = spec.search.seed
    if data.summary.task == "regression":
        quantities = {
            "linear": LinearRegression(),
            "boosting": HistGradientBoostingRegressor(random_state=seed),
        }
        return {
            name: root_mean_squared_error(
                y_test, model.fit(x, y, data.w_train).predict(x_test), sample_weight=data.w_test
            )
            for name, model in quantities.items()
        }
    classes = {
        "logistic": LogisticRegression(max_iter=1000),
        "boosting": HistGradientBoostingClassifier(random_state=seed),
    }
    return {
        name: log_loss(
            y_test, model.fit(x, y, data.w_train).predict_proba(x_test), sample_weight=data.w_test
        )
        for name, model in classes.items()
    }


def _mean(ratios: Sequence[float]) -> float:
    """Return the geometric mean."""
    return math.exp(fmean(map(math.log, ratios)))
