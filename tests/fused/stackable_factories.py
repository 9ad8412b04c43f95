"""Model factories for the tests of fused training: a chain of layers, and some odd ones."""

import keras
from keras import layers

from searchlab.factories.built_in import mlp

OPTIMIZERS = {
    "SGD": keras.optimizers.SGD,
    "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "nesterov": lambda rate: keras.optimizers.SGD(rate, momentum=0.8, nesterov=True),
    "RMSprop": keras.optimizers.RMSprop,
    "centered": lambda rate: keras.optimizers.RMSprop(rate, momentum=0.5, centered=True),
    "Adam": keras.optimizers.Adam,
    "amsgrad": lambda rate: keras.optimizers.Adam(rate, amsgrad=True),
    "AdamW": lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.05),
    "clipnorm": lambda rate: keras.optimizers.SGD(rate, clipnorm=0.1),
    "global_clipnorm": lambda rate: keras.optimizers.Adam(rate, global_clipnorm=0.1),
    "clipvalue": lambda rate: keras.optimizers.SGD(rate, clipvalue=0.01),
    "Nadam": keras.optimizers.Nadam,
    "ema": lambda rate: keras.optimizers.SGD(rate, use_ema=True),
    "schedule": lambda rate: keras.optimizers.SGD(
        keras.optimizers.schedules.ExponentialDecay(rate, 100, 0.9)
    ),
}
OUTPUTS = {"sparse_categorical_crossentropy": (3, "softmax"), "binary_crossentropy": (1, "sigmoid")}
METRICS = {
    "sparse_categorical_crossentropy": ["accuracy"],
    "binary_crossentropy": ["accuracy", keras.metrics.AUC],
}
AFTER = {
    "dropout": layers.Dropout,
    "batch_norm": lambda _: layers.BatchNormalization(),
    "layer_norm": lambda _: layers.LayerNormalization(),
    "normalization": lambda _: layers.Normalization(mean=0.5, variance=2.0),
}
DENSE = {
    "l1": {"kernel_regularizer": "l1"},
    "l2": {"kernel_regularizer": "l2", "bias_regularizer": "l2"},
    "activity": {"activity_regularizer": keras.regularizers.L2(1e-3)},
    "max_norm": {"kernel_constraint": keras.constraints.MaxNorm(0.5)},
}


def compiled(model, loss, rate, optimizer="SGD", weighted=False, **given):
    metrics = [each if isinstance(each, str) else each() for each in METRICS.get(loss, ["mae"])]
    model.compile(
        loss=loss,
        optimizer=OPTIMIZERS[optimizer](rate),
        metrics=metrics,
        weighted_metrics=METRICS.get(loss, ["mse"])[:1] if weighted else None,
        **given,
    )
    return model


def chain(
    input_shape,
    units=12,
    rate=0.01,
    loss="sparse_categorical_crossentropy",
    activation="relu",
    layer="",
    l2=0.0,
    drop=0.3,
    **given,
):
    """Build a chain with two hidden layers."""
    more = {"kernel_regularizer": keras.regularizers.L2(l2)} if l2 else DENSE.get(layer, {})
    model = keras.Sequential([keras.Input(input_shape)])
    for width in (units, units + 3):
        model.add(layers.Dense(width, activation, **more))
        if layer in AFTER:
            model.add(AFTER[layer](drop))
    model.add(layers.Dense(*OUTPUTS.get(loss, (1, None))))
    return compiled(model, loss, rate, **given)


def largest(y_true, y_pred):
    """Return each row's largest output, a metric whose name tells no direction."""
    return keras.ops.max(y_pred, axis=-1)


def broken(y_true, y_pred):
    raise ValueError("no such class")


def fails(rate=0.01):
    model = keras.Sequential([layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[broken])
    return model


def sure(input_shape, rate=0.01):
    """Build a chain that measures how sure it is of its classes: less in each early epoch."""
    model = chain(input_shape, rate=rate)
    model.compile(model.optimizer, model.loss, metrics=[largest])
    return model


def skips(
    input_shape,
    units=12,
    rate=0.01,
    join="Add",
    loss="sparse_categorical_crossentropy",
    layer="",
    **given,
):
    """Build a functional model with a skip connection."""
    more = DENSE.get(layer, {})
    inputs = keras.Input(input_shape)
    first = layers.Dense(units, "relu", **more)(inputs)
    second = layers.Dense(units, "tanh", **more)(first)
    joined = getattr(layers, join)()([first, second])
    outputs = layers.Dense(*OUTPUTS.get(loss, (1, None)))(joined)
    return compiled(keras.Model(inputs, outputs), loss, rate, **given)


def wide_and_deep(input_shape, meta, units=12, rate=0.01):
    """Build the built-in model whose output layer sees the inputs, too."""
    given = {"input_shape": input_shape, "meta": meta}
    return mlp(2, units, rate, optimizer="adamw", weight_decay=0.1, skip=True, **given)


@keras.saving.register_keras_serializable("stackable")
class Own(keras.Model):
    """A subclassed model."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(units, "tanh")
        self.dropout = layers.Dropout(0.2)
        self.last = layers.Dense(3, "softmax")

    def call(self, x, training=False):
        return self.last(self.dropout(self.hidden(x), training=training))


def own(units=12, rate=0.01, loss="sparse_categorical_crossentropy", **given):
    return compiled(Own(units), loss, rate, **given)


def convolution(input_shape, units=8, rate=0.01, loss="mse", **given):
    """Build a convolution that reads the features as a sequence."""
    model = keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Reshape((*input_shape, 1)),
            layers.Conv1D(4, 3, activation="relu"),
            layers.MaxPooling1D(2),
            layers.Flatten(),
            layers.Dense(units, "relu"),
            layers.Dense(*OUTPUTS.get(loss, (1, None))),
        ]
    )
    return compiled(model, loss, rate, **given)


class Steps(keras.Sequential):
    def train_step(self, data):
        return super().train_step(data)


def steps(rate=0.01):
    model = Steps([layers.Dense(3, "softmax")])
    return compiled(model, "sparse_categorical_crossentropy", rate)


def two_outputs(input_shape, rate=0.01):
    inputs = keras.Input(input_shape)
    outputs = [layers.Dense(3, "softmax")(inputs) for _ in range(2)]
    model = keras.Model(inputs, outputs)
    model.compile(loss=["sparse_categorical_crossentropy", None], optimizer="sgd")
    return model


class Adds(layers.Layer):
    def call(self, x):
        self.add_loss(1e-3 * keras.ops.mean(x**2))
        return x


def adds_loss(rate=0.01):
    model = keras.Sequential([Adds(), layers.Dense(3, "softmax")])
    return compiled(model, "sparse_categorical_crossentropy", rate)


def either(input_shape, odd, rate=0.01):
    """Build a chain, or a model whose layer adds a loss over all rows of a batch."""
    return adds_loss(rate) if odd else chain(input_shape, rate=rate)
