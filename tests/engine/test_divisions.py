"""The seed is the only luck of a division: the rows of each training are those of a plain script.

The loop, the backends and the prepared data are real; a formula replaces trainings, and the rows
are read where trainings read them. Below, real trainings tell their rows by a metric.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from support.divisions import SCHEMES, SEED, Plain, assert_trained_on, knowing, run_values, table

from searchlab.data.prepared import PreparedData, open_data
from searchlab.engine import plugins
from searchlab.testing.doubles import TrivialExecutor
from searchlab.training.job import BaselineJob, CheckJob, FinalJob, Job, RefitJob, TrialJob

pytestmark = pytest.mark.keras

BACKENDS = {
    "optuna": {"trials": 2},
    "randomized": {"trials": 4},
    "hyperband": {"options": {"factor": 2}},
}


class Reading(TrivialExecutor):
    """An executor that opens the data of each job, as trainings do."""

    def __init__(self) -> None:
        super().__init__(2)
        self.jobs: list[Job] = []
        self.data: dict[Path, PreparedData] = {}

    def submit(self, job: Job) -> None:
        """Open the data that are there when the job is submitted."""
        self.jobs.append(job)
        if job.data not in self.data:
            self.data[job.data] = open_data(job.data)
        super().submit(job)

    def of(self, *kinds: type[Job]) -> list[PreparedData]:
        """Return the data of the jobs of some kinds, each once."""
        used = {job.data for job in self.jobs if isinstance(job, kinds)}
        return [self.data[each] for each in used]


def rows(x: np.ndarray) -> list[int]:
    """Return the numbers of rows, which are their last feature."""
    return [int(number) for number in x[:, -1]]


def assert_searched(data: PreparedData, plain: Plain) -> None:
    """Compare the data of the search, part by part and fold by fold."""
    assert rows(data.x_train) == list(plain.train)
    assert rows(data.x_validation) == list(plain.validation)
    assert rows(data.x_test) == list(plain.test)
    folds = [tuple(rows(data.x_train[side]) for side in pair) for pair in data.folds]
    assert folds == [(list(fit), list(score)) for fit, score in plain.folds]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_training_has_the_rows_of_a_plain_script(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the backend: search, confirmation, final model, refit and baselines."""
    plain = SCHEMES[scheme].plain(table())
    for backend, budget in BACKENDS.items():
        executor = Reading()
        monkeypatch.setattr(plugins, "executor", lambda _, executor=executor: lambda *_: executor)
        search = {"backend": backend, "seed": SEED, **budget}
        base = tmp_path / backend
        base.mkdir()
        record = run_values(SCHEMES[scheme].study(base, search=search), base)
        assert record.stopped is not None
        assert len(record.confirmations) == 4
        (searched,) = executor.of(CheckJob, TrialJob, FinalJob)
        assert_searched(searched, plain)
        (again,) = executor.of(RefitJob)
        assert sorted(rows(again.x_train)) == plain.refitted
        assert rows(again.x_test) == list(plain.test)
        (simple,) = executor.of(BaselineJob)
        assert simple is (again if len(plain.test) else searched), "as the study's model"


@pytest.mark.parametrize(
    ("executor", "scheme"),
    [
        ("fused", "time"),
        ("inline", "time"),
        ("process", "time"),
        ("fused", "groups"),
        ("fused", "repeated"),
    ],
)
@pytest.mark.long  # the test below trains on the rows of a scheme, too
def test_each_executor_trains_on_the_rows_of_a_plain_script(
    executor: str, scheme: str, tmp_path: Path
) -> None:
    """Fitted, early-stopping, scored and test rows are those of scikit-learn's splitters."""
    record = run_values(knowing(SCHEMES[scheme], tmp_path, executor), tmp_path)
    frame = table()
    assert_trained_on(record, SCHEMES[scheme].plain(frame), frame["key"].to_numpy())


@pytest.mark.parametrize("executor", ["fused", pytest.param("process", marks=pytest.mark.long)])
def test_weights_count_in_every_fold_confirmation_and_refit(executor: str, tmp_path: Path) -> None:
    """Each unseen row counts as NumPy's average counts it, by its own weight times its class'."""
    scheme = SCHEMES["classes"]
    scheme = replace(
        scheme,
        data={"weight": "w"},
        evaluation={**scheme.evaluation, "class_weight": True},
    )
    training = {"epochs": 1, "batch_size": 64, "class_weight": {"yes": 5}}
    values = knowing(scheme, tmp_path, executor, training=training, baselines=True)
    record, frame = run_values(values, tmp_path), table()
    severe = (frame["severe"] == "yes").to_numpy()
    weights = frame["w"].to_numpy() * np.where(severe, 5, 1)
    plain = scheme.plain(frame)
    assert_trained_on(record, plain, severe.astype(float), weights)

    x = frame[["bmi", "bp", "s5", "row"]].to_numpy()
    model = LogisticRegression(max_iter=1000)
    model.fit(x[plain.refitted], severe[plain.refitted], weights[plain.refitted])
    w = weights[plain.test]
    loss = log_loss(severe[plain.test], model.predict_proba(x[plain.test]), sample_weight=w)
    # Keras divides the sum by the number of rows, scikit-learn by that of the weights.
    assert record.baselines["logistic"].metrics["loss"] == pytest.approx(loss * w.mean(), rel=0.01)
