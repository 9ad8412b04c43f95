"""Optuna with a pruner and MLflow, as a user writes it: a nested run for each trial."""

import json
import time

import keras
import mlflow
import optuna
from housing import BATCH, SEED, CountEpochs, arguments, build_model, early_stopping, housing
from sklearn.model_selection import train_test_split

given = arguments(__doc__)
(X, y), valid = housing()
X_fit, X_score, y_fit, y_score = train_test_split(X, y, test_size=0.2, random_state=SEED)


class Follow(keras.callbacks.Callback):
    """A callback that logs each epoch to MLflow and asks the pruner whether to continue."""

    def __init__(self, trial):
        super().__init__()
        self.trial = trial

    def on_epoch_end(self, epoch, logs=None):
        mlflow.log_metrics(logs, step=epoch)
        self.trial.report(logs["val_loss"], epoch + 1)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def objective(trial):
    params = {
        "n_hidden": trial.suggest_int("n_hidden", 0, 3),
        "n_neurons": trial.suggest_int("n_neurons", 1, 100),
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 3e-2, log=True),
    }
    with mlflow.start_run(run_name=f"trial-{trial.number}", nested=True):
        mlflow.log_params(params)
        keras.utils.set_random_seed(SEED)
        model = build_model(**params)
        keras.utils.set_random_seed(SEED)
        model.fit(
            X_fit,
            y_fit,
            epochs=given.epochs,
            batch_size=BATCH,
            validation_data=valid,
            callbacks=[CountEpochs(), early_stopping(), Follow(trial)],
            verbose=0,
        )
        value = model.evaluate(X_score, y_score, verbose=0)
        mlflow.log_metric("value", value)
    return value


mlflow.set_experiment("california-housing")
start = time.monotonic()
study = optuna.create_study(
    sampler=optuna.samplers.TPESampler(seed=SEED), pruner=optuna.pruners.MedianPruner()
)
with mlflow.start_run(run_name="optuna"):
    study.optimize(objective, n_trials=given.trials)
    mlflow.log_metric("best_value", study.best_value)
results = {
    "params": [trial.params for trial in study.trials],
    "values": [trial.value for trial in study.trials],
    "epochs": CountEpochs.epochs,
    "seconds": time.monotonic() - start,
}
print(json.dumps(results))
