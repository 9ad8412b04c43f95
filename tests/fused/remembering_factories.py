"""A model factory that leaves a param where its model's functions read it: in its module."""

import keras

SLOPE = 0.0


def leaky(x):
    return keras.ops.where(x > 0, x, SLOPE * x)


def leaking(input_shape, slope=0.0, rate=0.01):
    """Build a model whose activation reads a variable of this module."""
    global SLOPE  # noqa: PLW0603 - as people write it
    SLOPE = slope
    model = keras.Sequential(
        [keras.Input(input_shape), keras.layers.Dense(8, leaky), keras.layers.Dense(3, "softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
