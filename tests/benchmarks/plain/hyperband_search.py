"""Keras Tuner's Hyperband with MLflow, as a user writes it: a nested run for each trial."""

import json
import time

import keras
import keras_tuner
import mlflow
from housing import BATCH, SEED, CountEpochs, arguments, build_model, early_stopping, housing
from sklearn.model_selection import train_test_split

given = arguments(__doc__)
(X, y), valid = housing()
X_fit, X_score, y_fit, y_score = train_test_split(X, y, test_size=0.2, random_state=SEED)


class Follow(keras.callbacks.Callback):
    """A callback that logs each epoch to MLflow."""

    def on_epoch_end(self, epoch, logs=None):
        mlflow.log_metrics(logs, step=epoch)


class Housing(keras_tuner.HyperModel):
    """The model with its search space; scores a trial on rows that early stopping has not seen."""

    def build(self, hp):
        keras.utils.set_random_seed(SEED)
        return build_model(
            n_hidden=hp.Int("n_hidden", 0, 3),
            n_neurons=hp.Int("n_neurons", 1, 100),
            learning_rate=hp.Float("learning_rate", 3e-4, 3e-2, sampling="log"),
        )

    def fit(self, hp, model, *args, **kwargs):
        keras.utils.set_random_seed(SEED)
        model.fit(*args, **kwargs)
        return {"val_loss": model.evaluate(X_score, y_score, verbose=0)}


class Tuner(keras_tuner.Hyperband):
    """Hyperband that logs each trial to MLflow."""

    def run_trial(self, trial, *args, **kwargs):
        values = trial.hyperparameters.values
        with mlflow.start_run(run_name=f"trial-{trial.trial_id}", nested=True):
            mlflow.log_params(values)
            results = super().run_trial(trial, *args, **kwargs)
            mlflow.log_metric("value", results[0]["val_loss"])
        tried.append({name: v for name, v in values.items() if not name.startswith("tuner/")})
        scores.append(results[0]["val_loss"])
        if len(tried) == given.trials:  # Hyperband's own number of trials cannot be set
            self.oracle.max_trials = given.trials
        return results


mlflow.set_experiment("california-housing")
tried, scores = [], []
start = time.monotonic()
tuner = Tuner(
    Housing(),
    objective=keras_tuner.Objective("val_loss", "min"),
    max_epochs=given.epochs,
    factor=3,
    seed=SEED,
    directory="tuner",
    project_name="california-housing",
)
with mlflow.start_run(run_name="hyperband"):
    tuner.search(
        X_fit,
        y_fit,
        batch_size=BATCH,
        validation_data=valid,
        callbacks=[CountEpochs(), early_stopping(), Follow()],
        verbose=0,
    )
results = {
    "params": tried,
    "values": scores,
    "epochs": CountEpochs.epochs,
    "seconds": time.monotonic() - start,
}
print(json.dumps(results))
