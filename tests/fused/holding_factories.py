"""Model factories that put a param where no configuration of Keras' shows it."""

import functools

import keras
import numpy as np
from keras import layers, ops

LOSS = "sparse_categorical_crossentropy"


def chain(input_shape, activation="relu", first=(), loss=LOSS, metrics=("accuracy",), **dense):
    """Build a chain of two layers; both start with the same weights, whatever is in it."""
    start = {"kernel_initializer": keras.initializers.GlorotUniform(seed=1)}
    model = keras.Sequential(
        [
            keras.Input(input_shape),
            *first,
            layers.Dense(8, activation, **start, **dense),
            layers.Dense(3, "softmax", **start),
        ]
    )
    model.compile(keras.optimizers.SGD(0.05), loss, metrics=list(metrics))
    return model


def leaky(x, slope):
    return ops.where(x > 0, x, slope * x)


class Slope:
    """Something callable that is no class of Keras'."""

    def __init__(self, slope):
        self._slope = slope

    def __call__(self, x):
        return leaky(x, self._slope)

    def leak(self, x):
        return leaky(x, self._slope)


@keras.saving.register_keras_serializable("holding")
class Scale(layers.Layer):
    def __init__(self, slope=1.0, **kwargs):
        super().__init__(**kwargs)
        self._slope = slope

    def call(self, x):
        return x * self._slope


@keras.saving.register_keras_serializable("holding")
class Penalty(keras.regularizers.Regularizer):
    def __init__(self, slope):
        self.slope = slope

    def __call__(self, x):
        return 0.1 * self.slope * ops.sum(x**2)

    def get_config(self):
        return {}


@keras.saving.register_keras_serializable("holding")
class Bounded(keras.constraints.Constraint):
    def __init__(self, slope):
        self.slope = slope

    def __call__(self, w):
        return ops.clip(w, -0.1 * self.slope, 0.1 * self.slope)


class Weighted(keras.losses.Loss):
    def __init__(self, slope):
        super().__init__()
        self._slope = slope

    def call(self, y, predicted):
        return self._slope * keras.losses.sparse_categorical_crossentropy(y, predicted)


@keras.saving.register_keras_serializable("holding")
class Own(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(8, kernel_initializer=keras.initializers.GlorotUniform(seed=1))
        self.last = layers.Dense(3, "softmax")
        self.slope = 0.0

    def call(self, x):
        return self.last(leaky(self.hidden(x), self.slope))


def lambda_activation(input_shape, slope):
    return chain(input_shape, lambda x: leaky(x, slope))


def default_argument(input_shape, slope):
    return chain(input_shape, lambda x, slope=slope: leaky(x, slope))


def lambda_layer(input_shape, slope):
    return chain(input_shape, first=[layers.Lambda(lambda x: x * slope)])


def partial_of_keras(input_shape, slope):
    return chain(input_shape, functools.partial(keras.activations.leaky_relu, negative_slope=slope))


def partial_of_own(input_shape, slope):
    return chain(input_shape, functools.partial(leaky, slope=slope))


def callable_object(input_shape, slope):
    return chain(input_shape, Slope(slope))


def bound_method(input_shape, slope):
    return chain(input_shape, Slope(slope).leak)


def changed_container(input_shape, slope):
    settings = {"deep": [0.5]}
    model = chain(input_shape, lambda x: leaky(x, settings["deep"][-1]))
    settings["deep"].append(slope)
    return model


def random_closure(input_shape, slope):
    """Draw what the trial's seed decides: the same params are not the same model."""
    drawn = np.random.normal(size=(1, *input_shape)).astype("float32")
    return chain(input_shape, first=[layers.Lambda(lambda x: x * drawn * slope)])


def own_layer(input_shape, slope):
    return chain(input_shape, first=[Scale(slope)])


def own_layers_attribute(input_shape, slope):
    layer = Scale()
    layer._slope = slope
    return chain(input_shape, first=[layer])


def keras_layers_attribute(input_shape, slope):
    layer = layers.LeakyReLU(0.5)
    layer.negative_slope = slope
    return chain(input_shape, layer)


def adapted(input_shape, slope):
    layer = layers.Normalization()
    layer.adapt(slope * np.arange(12, dtype="float32").reshape(3, 4))
    return chain(input_shape, first=[layer])


def replaced_method(input_shape, slope):
    layer = layers.Activation("linear")
    layer.call = lambda x: x * slope
    return chain(input_shape, first=[layer])


def variables_penalty(input_shape, slope):
    model = chain(input_shape)
    model.layers[0].kernel.regularizer = keras.regularizers.L2(0.1 * slope)
    return model


def own_penalty(input_shape, slope):
    return chain(input_shape, kernel_regularizer=Penalty(slope))


def own_constraint(input_shape, slope):
    return chain(input_shape, kernel_constraint=Bounded(slope))


def loss_function(input_shape, slope):
    def weighted(y, predicted):
        return slope * keras.losses.sparse_categorical_crossentropy(y, predicted)

    return chain(input_shape, loss=weighted)


def loss_object(input_shape, slope):
    return chain(input_shape, loss=Weighted(slope))


def metric_function(input_shape, slope):
    def sure(y, predicted):
        return slope * ops.max(predicted, -1)

    return chain(input_shape, metrics=[sure])


def wrapped_metric(input_shape, slope):
    def sure(y, predicted):
        return slope * ops.max(predicted, -1)

    return chain(input_shape, metrics=[keras.metrics.MeanMetricWrapper(sure, name="sure")])


def models_attribute(input_shape, slope):
    model = Own()
    model.slope = slope
    model.compile(keras.optimizers.SGD(0.05), LOSS, metrics=["accuracy"])
    return model
