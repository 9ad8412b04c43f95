"""The digits study as a user writes it: Optuna with a pruner, around `model.fit`."""

import json
import time

import keras
import optuna
from housing import BATCH, SEED, CountEpochs, arguments
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

given = arguments(__doc__)
X, y = load_digits(return_X_y=True)
X = (X / 16).astype("float32")  # pixels from 0 to 1
X, _, y, _ = train_test_split(X, y, test_size=0.2, stratify=y, random_state=SEED)
X, X_valid, y, y_valid = train_test_split(X, y, test_size=0.2, stratify=y, random_state=SEED)
X, X_score, y, y_score = train_test_split(X, y, test_size=0.25, stratify=y, random_state=SEED)


def build_model(n_hidden, n_neurons, learning_rate, activation, dropout):
    model = keras.Sequential([keras.Input((64,))])
    for _ in range(n_hidden):
        model.add(keras.layers.Dense(n_neurons, activation))
        if dropout:
            model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(10, "softmax"))
    adam = keras.optimizers.Adam(learning_rate)
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Follow(keras.callbacks.Callback):
    """A callback that asks the pruner after each epoch whether to continue."""

    def __init__(self, trial):
        super().__init__()
        self.trial = trial

    def on_epoch_end(self, epoch, logs=None):
        self.trial.report(logs["val_accuracy"], epoch + 1)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def objective(trial):
    params = {
        "n_hidden": trial.suggest_int("n_hidden", 1, 3),
        "n_neurons": trial.suggest_int("n_neurons", 16, 128, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        "activation": trial.suggest_categorical("activation", ["relu", "elu", "tanh"]),
        "dropout": trial.suggest_float("dropout", 0.0, 0.4, step=0.1),
    }
    keras.utils.set_random_seed(SEED)
    model = build_model(**params)
    stopping = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    model.fit(
        X,
        y,
        epochs=given.epochs,
        batch_size=BATCH,
        validation_data=(X_valid, y_valid),
        callbacks=[CountEpochs(), stopping, Follow(trial)],
        verbose=0,
    )
    return model.evaluate(X_score, y_score, verbose=0)[1]


start = time.monotonic()
study = optuna.create_study(
    direction="maximize",
    sampler=optuna.samplers.TPESampler(seed=SEED),
    pruner=optuna.pruners.MedianPruner(),
)
study.optimize(objective, n_trials=given.trials)
results = {
    "params": [trial.params for trial in study.trials],
    "values": [trial.value for trial in study.trials],
    "epochs": CountEpochs.epochs,
    "seconds": time.monotonic() - start,
}
print(json.dumps(results))
