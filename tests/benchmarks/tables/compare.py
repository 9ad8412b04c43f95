"""The models that `searchlab init` and `searchlab run` make of a table, beside simple ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split

from searchlab import run_study
from searchlab.cli.scaffold import init_text, write_new
from searchlab.data.prepare import prepare
from searchlab.data.prepared import PreparedData, open_data
from searchlab.journal.layout import refit_data
from searchlab.study.spec import StudySpec

from .sources import PublicTable


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

    Only the seed, of the splits and all else, is changed; MLflow and the study's own baselines,
    which change nothing in its model, are left out. The study's model predicts from the rows of the
    file, as a user's script would have it. The simple models are fitted to the columns that the
    study made of the same rows.

    Args:
        table: the table.
        seed: the study's seed.
        directory: an empty directory.
    """
    csv = table.write(directory)
    file = directory / "study.yaml"
    write_new(file, init_text(None, csv, table.target, file))
    overrides = {"search.seed": seed, "trackers": ["memory"], "baselines": False}
    result = run_study(file, directory=directory, overrides=overrides)
    assert result.winner is not None
    prepare(result.spec, directory, directory / "by-hand")
    data = open_data(refit_data(directory / "by-hand"))
    rows, truth = held_out(pd.read_csv(csv), table.target, data, result.spec)
    model = result.model()
    network = model.predict_proba(rows) if data.summary.classes else model.predict(rows)
    linear, boosting = simple(data, seed)
    return Compared(
        rows=data.summary.rows,
        network=loss(truth, network),
        linear=loss(data.y_test, linear),
        boosting=loss(data.y_test, boosting),
        seconds=result.seconds,
        params=dict(result.winner.params),
    )


def loss(truth: Any, predicted: Any) -> float:
    """Return the log loss of probabilities (n, classes), or the RMSE of quantities (n,)."""
    if predicted.ndim > 1:
        return float(log_loss(truth, predicted))
    return float(root_mean_squared_error(truth, predicted))


def held_out(
    frame: pd.DataFrame, target: str, data: PreparedData, spec: StudySpec
) -> tuple[pd.DataFrame, Any]:
    """Split off a study's test rows as scikit-learn does; return them without and their target."""
    rows = train_test_split(
        frame,
        test_size=spec.data.test,
        random_state=spec.search.seed,
        stratify=frame[target] if data.summary.classes else None,
    )[1]
    truth = rows[target].to_numpy()
    numbers = truth if not data.summary.classes else np.unique(truth, return_inverse=True)[1]
    np.testing.assert_allclose(numbers, data.y_test, rtol=1e-6)
    return rows.drop(columns=target), truth


def simple(data: PreparedData, seed: int) -> tuple[Any, Any]:
    """Return the predictions of a linear model and of gradient boosting for the test rows."""
    x, y, test = data.x_train, data.y_train, data.x_test
    if data.summary.classes:
        models = (
            LogisticRegression(max_iter=1000),
            HistGradientBoostingClassifier(random_state=seed),
        )
        return tuple(model.fit(x, y).predict_proba(test) for model in models)
    models = LinearRegression(), HistGradientBoostingRegressor(random_state=seed)
    return tuple(model.fit(x, y).predict(test) for model in models)


def _mean(ratios: Sequence[float]) -> float:
    """Return the geometric mean."""
    return math.exp(fmean(map(math.log, ratios)))
