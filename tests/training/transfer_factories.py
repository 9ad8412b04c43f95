"""Model factories for the tests of initial weights."""

import keras
from keras import layers


@keras.saving.register_keras_serializable("transfer")
class Scale(layers.Layer):
    """A custom layer with a weight."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.scale


class Plain(layers.Layer):
    """A custom layer with a weight that is not registered with Keras."""

    def __init__(self, units, **settings):
        super().__init__(**settings)
        self.units = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units))

    def call(self, x):
        return x @ self.kernel

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _compiled(model, rate=0.05, optimizer="SGD", loss="sparse_categorical_crossentropy"):
    model.compile(loss=loss, optimizer=keras.optimizers.get(optimizer), metrics=["accuracy"])
    model.optimizer.learning_rate = rate
    return model


def stack(n_hidden=2, units=8, rate=0.05, optimizer="SGD", dropout=0.0, given=True):
    """Build dense layers, with or without their input's shape."""
    model = keras.Sequential([keras.Input((4,))] if given else [])
    for _ in range(n_hidden):
        model.add(layers.Dense(units, "relu"))
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(3, "softmax"))
    return _compiled(model, rate, optimizer)


def normalized(units=8):
    """Build a model with a normalization, which has weights, before the copied layers."""
    model = keras.Sequential([keras.Input((4,)), layers.Normalization(), layers.Dense(units)])
    model.add(layers.Dense(3, "softmax"))
    return _compiled(model)


def own(units=8, **_):
    """Build a model with two custom layers; other params have no effect."""
    model = keras.Sequential([keras.Input((4,)), Scale(), Plain(units), layers.Dense(3, "softmax")])
    return _compiled(model)


def own_loss(units=8):
    """Build a model whose loss cannot be serialized."""

    def loss(y, p):
        return keras.losses.sparse_categorical_crossentropy(y, p)

    return _compiled(stack(1, units), loss=loss)
