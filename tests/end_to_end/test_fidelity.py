"""Whole studies compared with plain library scripts, with real trainings on real data."""

from pathlib import Path

import numpy as np
import pytest
from support.studies import write_study

from searchlab.engine import plugins
from searchlab.engine.checks import study_problems
from searchlab.engine.loop import Interrupt
from searchlab.engine.run import run_study
from searchlab.journal.layout import study_layout
from searchlab.study.file import load_study
from searchlab.testing.doubles import STUDY_SPACE, study
from searchlab.tracking.memory import MemoryTracker

pytestmark = pytest.mark.keras

FACTORY = """\
import keras

def build_model(n_hidden=1, n_neurons=30, learning_rate=3e-3, input_shape=[10]):
    model = keras.models.Sequential([keras.layers.InputLayer(shape=input_shape)])
    for _ in range(n_hidden):
        model.add(keras.layers.Dense(n_neurons, activation="relu"))
    model.add(keras.layers.Dense(1))
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(learning_rate=learning_rate))
    return model
"""

STUDY = """\
name: fidelity
data: {path: diabetes.csv, target: y, task: regression, test: 0.25, validation: 0.25}
model: factory.py:build_model
space:
  n_hidden: {int: [0, 2]}
  n_neurons: {int: [1, 20]}
  learning_rate: {float: [3e-4, 3e-2], log: true}
search: {backend: randomized, trials: 3, seed: 42}
training: {epochs: 6, early_stopping: {patience: 2}}
evaluation: {folds: 2}
confirm: 0
refit: false
baselines: false
"""

ONE_DEPTH = {"int": [1, 1]}
"""A domain whose models share one program."""


@pytest.fixture(scope="module", params=["fused", pytest.param("inline", marks=pytest.mark.long)])
def run(request, place):
    """Return a function that runs the study with an executor and with changes."""

    def run(changes=None):
        changes = {"name": "fidelity", **(changes or {})}
        changes["name"] = f"{changes['name']}-{request.param}"
        return run_file(place, {**changes, "execution.executor": request.param})

    return run


def run_file(directory: Path, overrides):
    file = load_study(directory / "study.yaml", overrides, [study_problems])
    return run_study(file, directory, lambda _: [MemoryTracker()], Interrupt(), lambda _: None)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Create a directory with the study, the factory, and diabetes' rows with a scaled target."""
    from sklearn.datasets import load_diabetes

    directory = tmp_path_factory.mktemp("fidelity")
    frame = load_diabetes(as_frame=True).frame.rename(columns={"target": "y"})
    frame["y"] /= 100
    frame.to_csv(directory / "diabetes.csv", index=False)
    write_study(directory / "study.yaml", STUDY)
    (directory / "factory.py").write_text(FACTORY)
    return directory


@pytest.fixture(scope="module")
def plain_results(place):
    """Run the equivalent hand-written RandomizedSearchCV(KerasRegressor(build_model), ...)."""
    import keras
    import pandas as pd
    from scikeras.wrappers import KerasRegressor
    from scipy.stats import loguniform, randint
    from sklearn.model_selection import RandomizedSearchCV, train_test_split
    from sklearn.preprocessing import StandardScaler

    namespace: dict = {}
    exec((place / "factory.py").read_text(), namespace)  # noqa: S102 - our own text
    frame = pd.read_csv(place / "diabetes.csv")
    X, y = frame.drop(columns="y"), frame["y"]
    X_full, _, y_full, _ = train_test_split(X, y, random_state=42)
    X_train, X_valid, y_train, y_valid = train_test_split(X_full, y_full, random_state=42)

    class Scaled(KerasRegressor):
        """A regressor that scales as a pipeline does, the early-stopping rows too."""

        def fit(self, X, y, validation_data, **kwargs):
            self.scaler_ = StandardScaler().fit(X)
            watched = (self.scaler_.transform(validation_data[0]), validation_data[1])
            return super().fit(self.scaler_.transform(X), y, validation_data=watched, **kwargs)

        def predict(self, X, **kwargs):
            return super().predict(self.scaler_.transform(X), **kwargs)

    regressor = Scaled(
        namespace["build_model"],
        n_hidden=1,
        n_neurons=30,
        learning_rate=3e-3,
        epochs=6,
        random_state=42,
        verbose=0,
        callbacks=keras.callbacks.EarlyStopping,
        callbacks__patience=2,
    )
    distributions = {
        "n_hidden": randint(0, 3),
        "n_neurons": randint(1, 21),
        "learning_rate": loguniform(3e-4, 3e-2),
    }
    search = RandomizedSearchCV(
        regressor, distributions, n_iter=3, cv=2, random_state=42, refit=False,
        scoring="neg_mean_squared_error",
    )  # fmt: skip
    search.fit(X_train, y_train, validation_data=(X_valid, y_valid))
    return search.cv_results_


def test_randomized_scores_what_scikit_learn_and_scikeras_score(plain_results, run):
    """Candidates, order and each split's score equal those of a plain script with this seed."""
    record, results = run(), plain_results
    for number, params in enumerate(results["params"]):
        trial = record.trials[number]
        assert trial.trial.suggestion.params == pytest.approx(params)
        plain = [-results[f"split{fold}_test_score"][number] for fold in range(2)]
        np.testing.assert_allclose(trial.outcome.scores, plain, rtol=1e-5)
    assert record.best == int(np.argmax(results["mean_test_score"]))


@pytest.mark.parametrize("run", ["fused"], indirect=True)
@pytest.mark.parametrize("backend", sorted(plugins.BACKENDS))
def test_switching_the_backend_is_all_it_takes(place, run, backend):
    """Every backend runs the same file, and its best trial becomes a tested model."""
    name = f"switch-{backend}"
    changes = {"search.backend": backend, "search.trials": 3, "space.n_hidden": ONE_DEPTH}
    record = run({"name": name, **changes})
    assert record.state == "finished"
    assert sum(record.counts().values()) == 3
    assert (study_layout(record.spec.name, place).directory / record.stopped.model_path).is_file()
    assert set(record.stopped.metrics) == {"loss"}
    for trial in record.trials.values():
        assert record.spec.search_space.contains(trial.trial.suggestion.params)


@pytest.fixture(scope="module")
def holdout(run):
    """Run a study of fast learners, with a holdout and many epochs."""
    overrides = {
        "name": "holdout",
        "training.epochs": 200,
        "space.learning_rate": {"float": [0.05, 0.06]},
        "space.n_hidden": ONE_DEPTH,
        "evaluation": {"holdout": 0.3},
        "search.trials": 2,
    }
    return run(overrides)


def test_a_training_stops_early_and_keeps_its_best_weights(holdout):
    """With patience 2, a fast learner stops before its epochs are used up."""
    for trial in holdout.trials.values():
        losses = [report.metrics["val_loss"] for report in trial.reports]
        assert len(losses) < 200
        assert min(losses) == losses[-3]


def test_the_model_of_a_holdout_study_is_the_best_trials_own(place, holdout):
    """Loaded again, the study's model gives the recorded test loss."""
    import keras

    from searchlab.data.prepare import prepare
    from searchlab.data.prepared import open_data

    again = place / f"data of {holdout.spec.name}"
    prepare(holdout.spec, place, again)
    data = open_data(again)
    model = keras.saving.load_model(
        study_layout(holdout.spec.name, place).best / "model.keras", safe_mode=True
    )
    loss = model.evaluate(data.x_test, data.y_test, verbose=0)
    assert loss == pytest.approx(holdout.stopped.metrics["loss"], rel=1e-6)


def test_splits_do_not_depend_on_the_backend(tmp_path):
    """The same rows train, stop early, score and test, whichever library searches."""
    from searchlab.data.prepare import prepare
    from searchlab.data.prepared import open_data

    rows = []
    for backend in plugins.BACKENDS:
        spec = study(search={"backend": backend, "trials": 3}, space=STUDY_SPACE)
        prepare(spec, tmp_path, tmp_path / backend)
        data = open_data(tmp_path / backend)
        rows.append([np.asarray(part) for part in (data.x_train, data.x_test, *data.folds[0])])
    for other in rows[1:]:
        for left, right in zip(rows[0], other, strict=True):
            np.testing.assert_array_equal(left, right)
