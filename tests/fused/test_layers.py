"""Layers over stacked variables compute in each slot what Keras' own layers compute."""

import numpy as np
import pytest

pytestmark = pytest.mark.keras

SLOTS, ROWS = 3, 6


def cases():
    """Return for each kind of layer what makes some, and the shape of a row."""
    from keras import layers

    merging = (
        layers.Add,
        layers.Subtract,
        layers.Multiply,
        layers.Average,
        layers.Maximum,
        layers.Minimum,
    )
    flat = [
        *(lambda kind=kind: kind() for kind in (*merging, layers.Concatenate)),
        lambda: layers.Dense(3, "softmax"),
        lambda: layers.Dense(7, "relu", use_bias=False),
        lambda: layers.Activation("tanh"),
        layers.ReLU,
        layers.LeakyReLU,
        layers.ELU,
        layers.Softmax,
        lambda: layers.Dropout(0.3),
        lambda: layers.Dropout(0.0),
        layers.BatchNormalization,
        lambda: layers.BatchNormalization(momentum=0.7, center=False, scale=False),
        lambda: layers.BatchNormalization(trainable=False),
        layers.LayerNormalization,
        lambda: layers.LayerNormalization(center=False, scale=False),
        lambda: layers.Normalization(mean=[1.0, 2, 3, 4, 5], variance=[1.0, 2, 3, 4, 5]),
        lambda: layers.Rescaling(0.5, 1.0),
        layers.Flatten,
        lambda: layers.Reshape((5, 1)),
        lambda: layers.Embedding(9, 3),
    ]
    deep = [
        lambda: layers.Dense(3, "gelu"),
        lambda: layers.Dropout(0.4),
        layers.BatchNormalization,
        layers.LayerNormalization,
        layers.Flatten,
        lambda: layers.Concatenate(axis=1),
        layers.Softmax,
        layers.MaxPooling1D,
        lambda: layers.AveragePooling1D(2),
        layers.GlobalMaxPooling1D,
        layers.GlobalAveragePooling1D,
        lambda: layers.Conv1D(3, 2, activation="relu"),
        lambda: layers.Conv1D(3, 2, padding="same", strides=2),
        lambda: layers.Conv1D(3, 2, padding="causal", dilation_rate=2),
        lambda: layers.Embedding(9, 3),
    ]
    pictures = [
        lambda: layers.MaxPooling2D((2, 3), padding="same"),
        lambda: layers.AveragePooling2D(2, strides=1),
        layers.GlobalMaxPooling2D,
        layers.GlobalAveragePooling2D,
        lambda: layers.Conv2D(3, (3, 2), strides=(1, 2), use_bias=False),
        lambda: layers.Conv2D(3, (2, 3), strides=(2, 3), padding="same", activation="tanh"),
        lambda: layers.Conv2D(3, 2, padding="same", dilation_rate=(1, 2)),
    ]
    parts = ((flat, (5,)), (deep, (4, 5)), (pictures, (6, 7, 2)))
    return [(each, shape) for part, shape in parts for each in part]


def model_of(layer, shape):
    """Return a model of a layer, behind which its rows differ from its inputs."""
    import keras
    from keras import layers

    inputs = keras.Input(shape)
    merges = hasattr(layer, "_merge_function")
    return keras.Model(inputs, layer([inputs, layers.ReLU()(inputs)] if merges else inputs))


def variables(model, rng):
    """Return a value of each variable for each slot."""
    return [
        rng.integers(0, 2**40, (SLOTS, *each.shape))
        if "int" in each.dtype
        else rng.uniform(0.5, 1.5, (SLOTS, *each.shape)).astype(np.float32)
        for each in (*model.trainable_variables, *model.non_trainable_variables)
    ]


def stacked(model, values, x, *, training):
    """Return the outputs (slots, rows, ...) and the variables afterwards."""
    import tensorflow as tf

    from searchlab.fused.plan import outputs_of, plan_of
    from searchlab.fused.slots import Slots

    plan = plan_of(model)
    assert plan is not None
    numbers, _ = plan.spread([np.full(SLOTS, each, np.float32) for each in plan.numbers])
    own = (*model.trainable_variables, *model.non_trainable_variables)
    pairs = {id(each): tf.constant(value) for each, value in zip(own, values, strict=True)}
    slots = Slots(SLOTS, pairs, numbers, training=training, padded=False, activations=())
    outputs = outputs_of(model, tf.reshape(x, (-1, *x.shape[2:])), slots)
    apart = np.reshape(outputs, (SLOTS, ROWS, *outputs.shape[1:]))
    return apart, [np.asarray(slots.value(each)) for each in own]


@pytest.mark.parametrize("training", [False, True])
def test_each_layer_computes_the_same(training):
    """Outputs and new variables of each slot are those of the real layer with its variables."""
    from searchlab.fused.layers import FORMS

    rng, seen = np.random.default_rng(5), set()
    for make, shape in cases():
        layer = make()
        seen.add(type(layer))
        model = model_of(layer, shape)
        values = variables(model, rng)
        x = rng.normal(size=(SLOTS, ROWS, *shape)).astype(np.float32)
        if hasattr(layer, "embeddings"):
            x = rng.integers(0, 9, x.shape).astype(np.float32)
        outputs, after = stacked(model, values, x, training=training)
        first = len(model.trainable_variables)
        for slot in range(SLOTS):
            given = [each[slot] for each in values]
            wanted, states = model.stateless_call(
                given[:first], given[first:], x[slot], training=training
            )
            name = f"{layer.name}, slot {slot}"
            np.testing.assert_allclose(outputs[slot], wanted, 1e-5, 1e-6, err_msg=name)
            for found, state in zip(after[first:], states, strict=True):
                np.testing.assert_allclose(found[slot], state, 1e-5, err_msg=name)
    left = {each.__name__ for each in set(FORMS) - seen}
    assert left == {"InputLayer"}  # which is in all of them


def test_each_slot_has_the_activation_that_its_number_chooses():
    """It has the outputs and gradients of its own, as if the others were not computed beside it.

    They see the same values, as far from 0 as a training that diverges gets.
    """
    import keras
    import tensorflow as tf

    from searchlab.fused.sharing import STILL
    from searchlab.fused.slots import Slots

    names = sorted({keras.activations.get(each).__name__ for each in STILL})
    x = tf.constant([[-1e30, -3.0, -0.5, 0.0, 0.5, 3.0, 1e30]])
    for name in STILL:
        layer = keras.layers.Activation(name)
        chosen = tf.constant([float(names.index(layer.activation.__name__))])
        slots = Slots(1, {}, {layer.name: [chosen]}, training=True, padded=False, activations=names)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            found, wanted = slots.activated(layer, x), layer(x)
        np.testing.assert_array_equal(found, wanted, err_msg=name)
        gradients = tape.gradient(found, x), tape.gradient(wanted, x)
        np.testing.assert_array_equal(*gradients, err_msg=name)
        assert layer(tf.zeros((1, 1))) == 0  # or units that fill up a layer would have an effect


def test_masks_of_narrower_slots_are_their_own():
    """A slot of fewer features has the mask of a model of its width, wherever it is."""
    import tensorflow as tf

    from searchlab.fused.randomness import kept

    rows, widths, rates = 7, [13, 5, 12], np.array([0.1, 0.5, 0.7], np.float32)
    seeds = np.array([[1, 2], [3, 4], [-5, 6]], np.int32)
    found = kept((rows, 13), tf.constant(seeds), rates, np.float32(widths)).numpy()
    for slot, width in enumerate(widths):
        numbers = tf.random.stateless_uniform((rows, width), seeds[slot])
        np.testing.assert_array_equal(found[slot, :, :width], numbers >= rates[slot])


def test_what_has_no_form_is_left_to_tensorflow():
    """A layer, or an option of one, that is computed in another way makes a model have no plan."""
    import keras
    from keras import layers

    from searchlab.fused.plan import plan_of

    def own(x):
        return x - keras.ops.mean(x, axis=0)

    others = [
        layers.Lambda(own),
        layers.Dense(3, own),
        layers.Activation(own),
        layers.Dense(3, kernel_regularizer=own),
        layers.Dense(3, kernel_regularizer=keras.regularizers.OrthogonalRegularizer()),
        layers.Dense(3, dtype="bfloat16"),
        layers.Embedding(9, 3, mask_zero=True),
        layers.Dropout(0.5, noise_shape=(None, 1)),
        layers.BatchNormalization(renorm=True),
        layers.Concatenate(axis=0),
        layers.Softmax(axis=0),
        layers.Normalization(),
        keras.Sequential([layers.Dense(3)]),
    ]
    for layer in others:
        assert plan_of(model_of(layer, (5,))) is None, layer.name
    assert plan_of(model_of(layers.Dense(3), (5,))) is not None


def test_numbers_are_no_part_of_the_structure():
    """Models share a program whatever their rates, momentum and factors, unless one is 0."""
    import keras
    from keras import layers

    from searchlab.fused.sharing import Sharing
    from searchlab.fused.structure import structure_of

    def structure(rate, momentum, l2):
        inputs = keras.Input((5,))
        hidden = layers.Dense(4, kernel_regularizer=keras.regularizers.L1L2(0.0, l2))(inputs)
        hidden = layers.BatchNormalization(momentum=momentum)(hidden)
        model = keras.Model(inputs, layers.Dense(1)(layers.Dropout(rate)(hidden)))
        model.compile("sgd", "mse")
        model.optimizer.build(model.trainable_variables)
        return structure_of(model, {}, Sharing())

    one, other = structure(0.5, 0.9, 0.1), structure(0.25, 0.8, 0.2)
    assert one.text == other.text
    assert sorted(one.numbers) == pytest.approx([0.1, 0.1, 0.5, 0.9, 2.0, 4.0])
    assert sorted(other.numbers) == pytest.approx([0.2, 0.2, 0.25, 0.8, 4 / 3, 4.0])
    assert structure(0.0, 0.9, 0.1).text != one.text
    assert structure(0.5, 0.9, 0.0).text != one.text
