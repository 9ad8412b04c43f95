"""Each backend asks for the same trials, in the same order, as a plain script of its library."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import optuna
import pytest
from scipy.stats import loguniform, uniform
from sklearn.base import BaseEstimator
from sklearn.model_selection import RandomizedSearchCV

from searchlab.backends.hyperband import HyperbandBackend
from searchlab.backends.optuna import OptunaBackend
from searchlab.backends.randomized import RandomizedBackend, _distribution
from searchlab.core.domains import Choice, Float, Int, When
from searchlab.core.space import SearchSpace
from searchlab.core.trial import Outcome, TrialState
from searchlab.testing.searches import PROBLEM, drive, suggestions, value

SPACE = SearchSpace(
    {
        "n_hidden": Int(0, 3),
        "n_neurons": Int(1, 100, log=True),
        "learning_rate": Float(3e-4, 3e-2, log=True),
        "momentum": Float(0.0, 1.0),
        "dropout": Float(0.0, 0.5, step=0.25),
        "activation": Choice(("relu", "tanh", "selu")),
        "slope": Float(0.1, 0.3, when=When("activation", ("relu",))),
    }
)
SCRIPTED = replace(PROBLEM, space=SPACE)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("conditional", [False, True])
def test_optuna(conditional):
    """30 trials of TPE with the median pruner have the same params, values and pruned trials."""

    def objective(trial):
        params = {
            "n_hidden": trial.suggest_int("n_hidden", 0, 3),
            "n_neurons": trial.suggest_int("n_neurons", 1, 100, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 3e-2, log=True),
            "momentum": trial.suggest_float("momentum", 0.0, 1.0),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5, step=0.25),
            "activation": trial.suggest_categorical("activation", ["relu", "tanh", "selu"]),
        }
        if conditional and params["activation"] == "relu":
            params["slope"] = trial.suggest_float("slope", 0.1, 0.3)
        tried.append(params)
        for epoch in (1, 2, 3):
            trial.report(value(params) + 1 / epoch, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value(params)

    tried: list[dict] = []
    sampler = optuna.samplers.TPESampler(seed=42, group=conditional)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=30)

    domains = {name: domain for name, domain in SPACE if conditional or name != "slope"}
    backend = OptunaBackend(replace(SCRIPTED, space=SearchSpace(domains)))
    calls = drive(backend, 30)
    assert [s.params for s in suggestions(calls)] == tried
    outcomes = [call for call in calls if isinstance(call, Outcome)]
    assert [o.state.name for o in outcomes] == [t.state.name for t in study.trials]
    assert TrialState.PRUNED in {o.state for o in outcomes}
    assert [t.value for t in backend._study.trials] == [t.value for t in study.trials]


@pytest.mark.keras
def test_randomized_search():
    """Candidates and ranking equal those of RandomizedSearchCV around a custom estimator."""

    class Script(BaseEstimator):
        def __init__(self, n_hidden=0, width=16, learning_rate=0.01, momentum=0.0, activation=""):
            self.n_hidden = n_hidden
            self.width = width
            self.learning_rate = learning_rate
            self.momentum = momentum
            self.activation = activation

        def fit(self, X, y):
            return self

        def score(self, X, y):
            return -value(self.get_params())

    search = RandomizedSearchCV(
        Script(),
        {
            "n_hidden": [0, 1, 2, 3],
            "width": [16, 32, 48, 64],
            "learning_rate": loguniform(3e-4, 3e-2),
            "momentum": uniform(0.0, 1.0),
            "activation": ["relu", "tanh", "selu"],
        },
        n_iter=25,
        cv=2,
        random_state=42,
        refit=False,
    ).fit([[0.0]] * 4, [0.0] * 4)

    domains = {name: SPACE.domains[name] for name in ("n_hidden", "learning_rate", "momentum")}
    space = SearchSpace(
        {**domains, "width": Int(16, 64, step=16), "activation": SPACE.domains["activation"]}
    )
    backend = RandomizedBackend(replace(SCRIPTED, space=space, trials=25))
    calls = drive(backend, 25, parallel=4)
    assert [s.params for s in suggestions(calls)] == search.cv_results_["params"]
    ranks = backend.cv_results_["rank_test_score"].tolist()
    assert ranks == search.cv_results_["rank_test_score"].tolist()


@pytest.mark.parametrize(
    ("domain", "scripts"),
    [
        (Float(-0.3, 7.1), uniform(-0.3, 7.1 - -0.3)),
        (Float(1e-7, 0.3, log=True), loguniform(1e-7, 0.3)),
        (Float(2.0, 2.1, log=True), loguniform(2.0, 2.1)),
    ],
)
def test_numbers_are_drawn_as_scipy_draws_them(domain, scripts):
    """Each has the same bits, and leaves the random generator in the same state."""
    ours, theirs = np.random.RandomState(7), np.random.RandomState(7)
    drawn = [_distribution(domain).rvs(random_state=ours) for _ in range(1000)]
    assert drawn == [scripts.rvs(random_state=theirs) for _ in range(1000)]
    assert ours.uniform() == theirs.uniform()


@pytest.mark.keras
def test_hyperband(tmp_path):
    """A whole iteration has the same params, epochs and promotions as `keras_tuner.Hyperband`."""
    import keras_tuner  # imports TensorFlow

    class Script(keras_tuner.Hyperband):
        def run_trial(self, trial, *args, **kwargs):
            values = dict(trial.hyperparameters.values)
            tried.append(values)
            return {"val_loss": value(_params(values))}

    hp = keras_tuner.HyperParameters()
    hp.Int("n_hidden", 0, 3)
    hp.Int("n_neurons", 1, 100, sampling="log")
    hp.Float("learning_rate", 3e-4, 3e-2, sampling="log")
    hp.Float("momentum", 0.0, 1.0)
    hp.Float("dropout", 0.0, 0.5, step=0.25)
    hp.Choice("activation", ["relu", "tanh", "selu"])
    with hp.conditional_scope("activation", ["relu"]):
        hp.Float("slope", 0.1, 0.3)
    tried: list[dict] = []
    Script(
        objective=keras_tuner.Objective("val_loss", "min"),
        max_epochs=27,
        seed=42,
        hyperparameters=hp,
        tune_new_entries=False,
        directory=tmp_path,
    ).search(verbose=0)

    seen = suggestions(drive(HyperbandBackend(replace(SCRIPTED, trials=None)), 500))
    assert [s.params for s in seen] == [_params(values) for values in tried]
    assert [s.epochs for s in seen] == [values["tuner/epochs"] for values in tried]
    assert [s.initial_epoch for s in seen] == [values["tuner/initial_epoch"] for values in tried]
    earlier = [values.get("tuner/trial_id") for values in tried]
    assert [s.resume_from for s in seen] == [None if e is None else int(e) for e in earlier]
    assert any(earlier)


def _params(values: dict) -> dict:
    return {name: v for name, v in values.items() if not name.startswith("tuner/")}


@pytest.mark.keras
@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_the_estimators_tags_say_what_they_are(task):
    """scikit-learn sees a regressor for quantities and a classifier for classes."""
    from sklearn.base import is_classifier, is_regressor

    backend = RandomizedBackend(replace(PROBLEM, task=task))
    estimator = backend._search.estimator
    assert is_regressor(estimator) == (task == "regression")
    assert is_classifier(estimator) == (task != "regression")
    assert estimator.__sklearn_tags__().target_tags.required


@pytest.mark.keras
def test_scikeras_own_tags_still_need_mending():
    """Once scikeras sets its tags itself, the bridge's patched classes can go."""
    from scikeras.wrappers import KerasClassifier, KerasRegressor
    from sklearn.base import is_classifier, is_regressor

    assert not is_classifier(KerasClassifier())
    assert not is_regressor(KerasRegressor())
