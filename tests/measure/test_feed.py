"""The form in which a model takes rows, whichever way its inputs were put together."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from searchlab.errors import ModelError

pytestmark = pytest.mark.keras

X = np.arange(12, dtype=np.float32).reshape(3, 4)
INPUTS = {"wide": (0, 1), "deep": (1, 3, 2)}


def functional(structure, **names):
    """A model whose output is the sum of its wide input minus that of its deep one."""
    import keras

    wide = keras.Input((2,), name=names.get("wide", "wide"))
    deep = keras.Input((3,), name=names.get("deep", "deep"))
    ones = {"kernel_initializer": "ones", "use_bias": False}
    parts = [keras.layers.Dense(1, **ones)(wide), keras.layers.Dense(1, **ones)(deep)]
    given = {"list": [wide, deep], "reversed": [deep, wide], "dict": {"wide": wide, "deep": deep}}
    return keras.Model(given[structure], keras.layers.Subtract()(parts))


def of_class(call):
    """A model of a class that takes a tuple or a dict."""
    import keras

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            ones = {"kernel_initializer": "ones", "use_bias": False}
            self.first, self.second = keras.layers.Dense(1, **ones), keras.layers.Dense(1, **ones)

        def call(self, inputs):
            wide, deep = call(inputs)
            return self.first(wide) - self.second(deep)

    return Own()


MODELS = {
    "a list": lambda: functional("list"),
    "a list in another order": lambda: functional("reversed"),
    "a dict": lambda: functional("dict"),
    "a class that unpacks": lambda: of_class(lambda inputs: (inputs[0], inputs[1])),
    "a class that looks names up": lambda: of_class(
        lambda inputs: (inputs["wide"], inputs["deep"])
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_each_input_gets_its_own_values(name):
    """Called, asked to predict and fed tensors, a model sees its columns in their order."""
    import tensorflow as tf

    from searchlab.measure.feed import Feed

    model = MODELS[name]()
    feed = Feed.of(model, (4,), INPUTS)
    wanted = X[:, [0, 1]].sum(1) - X[:, [1, 3, 2]].sum(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Keras warns of inputs in another structure
        assert np.asarray(model(feed(X)))[:, 0] == pytest.approx(wanted)
        assert np.asarray(model(feed.tensors(tf.constant(X))))[:, 0] == pytest.approx(wanted)
    assert model.predict(feed(X), verbose=0)[:, 0] == pytest.approx(wanted)


def refused(model, inputs):
    from searchlab.measure.feed import Feed

    with pytest.raises(ModelError) as raised:
        Feed.of(model, (4,), inputs)
    return str(raised.value)


def test_inputs_that_do_not_fit_are_told_in_one_line():
    """Each message names the input, and what to write."""
    import keras

    said = refused(functional("list"), {"wid": (0, 1), "deep": (1, 2, 3)})
    assert said.startswith("the model has no input 'wid'; did you mean 'wide'?")
    said = refused(functional("dict"), {"wide": (0, 1)})
    assert said.startswith("the model has an input 'deep', and the study names wide: add")
    said = refused(functional("list"), {"wide": (0, 1), "deep": (1, 2)})
    assert "'deep' takes rows of shape (3,), and its columns make 2 values" in said
    said = refused(functional("list"), {})
    assert said.endswith("as inputs: {wide: [...], deep: [...]}")
    said = refused(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]), INPUTS)
    assert "a Sequential model has one input" in said


def test_what_a_class_of_the_users_fails_with_is_told():
    """The error is that of the tuple, which the documentation names first."""
    from searchlab.measure.feed import Feed

    with pytest.raises(Exception, match="tuple"):
        Feed.of(of_class(lambda inputs: inputs.no_such_thing), (4,), INPUTS)
