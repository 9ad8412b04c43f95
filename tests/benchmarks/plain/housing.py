"""The data and the model shared by the plain scripts, as in a user's own module."""

from __future__ import annotations

import argparse

import keras
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

SEED = 42
BATCH = 32
PATIENCE = 10


def arguments(description: str) -> argparse.Namespace:
    """Parse the extent of a script's search: `trials` and `epochs`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--epochs", type=int, default=100)
    return parser.parse_args()


def housing():
    """Return scaled rows: (X_train, y_train), (X_valid, y_valid), float32 as Keras expects."""
    X, y = fetch_california_housing(return_X_y=True)
    y = y.astype("float32")
    X_full, _, y_full, _ = train_test_split(X, y, random_state=SEED)
    X_train, X_valid, y_train, y_valid = train_test_split(X_full, y_full, random_state=SEED)
    scaler = StandardScaler().fit(X_train)
    train, valid = (scaler.transform(part).astype("float32") for part in (X_train, X_valid))
    return (train, y_train), (valid, y_valid)


def build_model(n_hidden=1, n_neurons=30, learning_rate=3e-3):
    """Build the book's model: a stack of equal layers, trained with plain SGD."""
    model = keras.models.Sequential([keras.layers.InputLayer(shape=[8])])
    for _ in range(n_hidden):
        model.add(keras.layers.Dense(n_neurons, activation="relu"))
    model.add(keras.layers.Dense(1))
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(learning_rate=learning_rate))
    return model


def early_stopping():
    """Return the callback that ends a training without recent improvement."""
    return keras.callbacks.EarlyStopping(patience=PATIENCE)


class CountEpochs(keras.callbacks.Callback):
    """A counter of the epochs of all trainings of the script: `CountEpochs.epochs`."""

    epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        CountEpochs.epochs += 1
