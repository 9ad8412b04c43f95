"""Model factories whose losses and metrics make one number of all rows that they are given."""

import keras
from keras import layers, ops


def scalar(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred))


def root(y_true, y_pred):
    return ops.sqrt(scalar(y_true, y_pred))


def quantile(y_true, y_pred):
    error = y_true - y_pred
    return ops.mean(ops.maximum(0.9 * error, -0.1 * error), axis=-1)


def r2(y_true, y_pred):
    y_true = ops.cast(y_true, y_pred.dtype)
    rest = ops.sum(ops.square(y_true - y_pred))
    return 1 - rest / ops.sum(ops.square(y_true - ops.mean(y_true)))


def crossentropy(y_true, y_pred):
    return ops.mean(ops.binary_crossentropy(y_true, y_pred))


def spread(y_true, y_pred):
    return ops.max(y_pred) - ops.min(y_pred)


class Whole(keras.losses.Loss):
    """A loss that does not let Keras reduce its values."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        return ops.mean(ops.square(ops.cast(y_true, "float32") - y_pred) ** 1.5)


LOSSES = {
    "scalar": lambda: scalar,
    "root": lambda: root,
    "quantile": lambda: quantile,
    "sum": lambda: keras.losses.MeanSquaredError(reduction="sum"),
    "own": Whole,
    "crossentropy": lambda: crossentropy,
    "mse": lambda: "mse",
    "binary": lambda: "binary_crossentropy",
}
METRICS = {
    "scalar": lambda: scalar,
    "r2": lambda: r2,
    "R2Score": keras.metrics.R2Score,
    "spread": lambda: spread,
    "FBeta": lambda: keras.metrics.FBetaScore(average="macro", beta=0.5),
    "F1": lambda: keras.metrics.F1Score(average="weighted"),
    "auc": keras.metrics.AUC,
    "mae": lambda: "mae",
}


def model(input_shape, loss, metrics=(), units=9, last=None, rate=0.01, layer="", l2=0.0):
    """Build a chain with one hidden layer."""
    penalty = keras.regularizers.L2(l2) if l2 else None
    chain = [keras.Input(input_shape), layers.Dense(units, "relu", kernel_regularizer=penalty)]
    if layer:
        chain.append({"dropout": layers.Dropout, "lambda": _same}[layer](0.2))
    built = keras.Sequential([*chain, layers.Dense(1, last)])
    optimizer = keras.optimizers.Adam(rate)
    built.compile(optimizer, LOSSES[loss](), metrics=[METRICS[each]() for each in metrics])
    return built


def _same(_):
    return layers.Lambda(lambda x: 1.5 * x)
