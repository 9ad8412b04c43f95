"""Dropout in a stacked, compiled program draws the masks of ordinary Keras on a CPU."""

import threading

import numpy as np
import pytest

pytestmark = pytest.mark.keras

RANDOM = np.random.default_rng(3)
SEEDS = {
    kind: np.concatenate(
        [
            RANDOM.integers(np.iinfo(kind).min, np.iinfo(kind).max, (8, 2), kind),
            np.array([[0, 0], [1, 0], [-1, -1], [2**31 - 1, -(2**31)]], kind),
        ]
    )
    for kind in ("int32", "int64")
}
SHAPES = [(), (1,), (5,), (32, 13), (32, 64), (7, 3, 5), (1, 4098)]


def assert_same_bits(left, right) -> None:
    left, right = np.asarray(left), np.asarray(right)
    assert left.dtype == right.dtype == np.float32
    np.testing.assert_array_equal(left.view(np.int32), right.view(np.int32))


def drawn(shape, seeds):
    """Return the numbers that TensorFlow's kernel draws."""
    import tensorflow as tf

    with tf.device("CPU"):
        return np.stack([tf.random.stateless_uniform(shape, seed) for seed in seeds])


def mapped(function, *, compiled=True):
    """Turn a function of one slot into a program for all slots."""
    import tensorflow as tf

    return tf.function(
        lambda *given: tf.vectorized_map(
            lambda each: function(*each), given, fallback_to_while_loop=False
        ),
        jit_compile=compiled,
        autograph=False,
    )


def model_of(*layers, inputs=(13,), seed=7):
    import keras

    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input(inputs), *layers])


def states(model, count):
    """Return a model's non-trainable variables for some slots, each with other seeds."""
    given = [np.asarray(each) for each in model.non_trainable_variables]
    return [[np.add(each, [slot * 10**9, slot]) for each in given] for slot in range(count)]


def plain_steps(model, x, start, steps=3):
    """Return outputs and final state of several forward passes of ordinary Keras."""
    state, outputs = start, []
    for _ in range(steps):
        weights = [np.asarray(each) for each in model.trainable_variables]
        output, state = model.stateless_call(weights, state, x, training=True)
        outputs.append(output)
    return np.stack(outputs), [np.asarray(each) for each in state]


def program_steps(model, x, starts, steps=3):
    """Return the same for several slots at once, in one compiled program."""
    import tensorflow as tf

    from searchlab.fused.randomness import exact

    def step(x, *state):
        outputs = []
        for _ in range(steps):
            weights = [np.asarray(each) for each in model.trainable_variables]
            output, state = model.stateless_call(weights, state, x, training=True)
            outputs.append(output)
        return tf.stack(outputs), tuple(state)

    stacked = [np.stack(each) for each in zip(*starts, strict=True)]
    with exact():
        return mapped(step)(x, *map(tf.constant, stacked))


def assert_same_steps(model, x) -> None:
    starts = states(model, len(x))
    outputs, after = program_steps(model, x, starts)
    for slot, start in enumerate(starts):
        wanted, state = plain_steps(model, x[slot], start)
        assert 0 < np.mean(wanted == 0) < 1
        assert_same_bits(outputs[slot], wanted)
        assert all(np.any(new != old) for new, old in zip(state, start, strict=True))
        for found, expected in zip(after, state, strict=True):
            np.testing.assert_array_equal(found[slot], expected)


@pytest.mark.parametrize("kind", SEEDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_numbers_are_those_of_the_kernel(shape, kind):
    """`uniform` matches TensorFlow's numbers bit for bit, for both seed types and any size."""
    from searchlab.fused.randomness import uniform

    seeds = SEEDS[kind]
    assert_same_bits(np.stack([uniform(shape, seed) for seed in seeds]), drawn(shape, seeds))


@pytest.mark.parametrize("kind", SEEDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_numbers_stay_the_same_under_xla(shape, kind):
    """Compiled for one seed, `uniform` gives the kernel's numbers."""
    import tensorflow as tf

    from searchlab.fused.randomness import uniform

    compiled = tf.function(lambda seed: uniform(shape, seed), jit_compile=True)
    seeds = SEEDS[kind]
    found = np.stack([compiled(tf.constant(seed)) for seed in seeds])
    assert_same_bits(found, drawn(shape, seeds))


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("shape", [(5,), (32, 13), (7, 3, 5)], ids=str)
def test_numbers_stay_the_same_in_slots(shape, compiled):
    """Vectorized over seeds without a loop, `uniform` gives the kernel's numbers for each seed."""
    import tensorflow as tf

    from searchlab.fused.randomness import uniform

    program = mapped(lambda seed: uniform(shape, seed), compiled=compiled)
    for seeds in SEEDS.values():
        assert_same_bits(program(tf.constant(seeds)), drawn(shape, seeds))


def test_fewer_rows_have_the_first_rows_numbers():
    """A smaller batch's mask is a prefix of a full one's, so rows can be masked out."""
    from searchlab.fused.randomness import uniform

    seed = np.array([5, 6], np.int32)
    assert_same_bits(uniform((9, 13), seed), uniform((32, 13), seed)[:9])


@pytest.mark.parametrize(
    "rate", [*(pytest.param(each, marks=pytest.mark.long) for each in (0.1, 0.5)), 0.25, 0.9]
)
def test_masks_are_those_of_plain_keras(rate):
    """In slots of a compiled program, dropout's outputs and seeds equal the plain layer's."""
    import keras

    x = RANDOM.normal(size=(4, 32, 13)).astype(np.float32)
    assert_same_steps(model_of(keras.layers.Dropout(rate)), x)


@pytest.mark.long
def test_every_kind_of_dropout_is_drawn():
    """Masks with a noise shape, of channels, and several per model are exact as well."""
    import keras

    layers = keras.layers
    x = RANDOM.normal(size=(3, 6, 5, 4)).astype(np.float32)
    model = model_of(
        layers.SpatialDropout1D(0.2),
        layers.Dropout(0.3, noise_shape=(None, 5, 1)),
        layers.Dropout(0.1, noise_shape=(6, 1, 4), seed=11),
        inputs=(5, 4),
    )
    assert_same_steps(model, x)


def test_gradients_pass_through_the_same_mask():
    """The gradient through dropout in a program equals plain Keras' bit for bit."""
    import keras
    import tensorflow as tf

    from searchlab.fused.randomness import exact

    model = model_of(keras.layers.Dropout(0.4))

    def gradient(x, state):
        with tf.GradientTape() as tape:
            tape.watch(x)
            output, _ = model.stateless_call([], [state], x, training=True)
        return tape.gradient(output, x)

    x = tf.constant(RANDOM.normal(size=(3, 8, 13)), tf.float32)
    seeds = tf.constant([start[0] for start in states(model, 3)])
    with exact():
        found = mapped(gradient)(x, seeds)
    for slot in range(3):
        assert_same_bits(found[slot], gradient(x[slot], seeds[slot]))


def test_outside_nothing_is_replaced():
    """TensorFlow's own function is restored, also after nesting and after an error."""
    import tensorflow as tf

    from searchlab.fused.randomness import exact

    original = tf.nn.experimental.stateless_dropout
    with exact():
        with exact():
            replacement = tf.nn.experimental.stateless_dropout
        assert tf.nn.experimental.stateless_dropout is replacement is not original
    assert tf.nn.experimental.stateless_dropout is original
    with pytest.raises(ZeroDivisionError), exact():
        raise ZeroDivisionError
    assert tf.nn.experimental.stateless_dropout is original


def test_another_thread_keeps_the_original(monkeypatch):
    """A thread outside `exact` draws the original numbers, however threads overlap."""
    import tensorflow as tf

    from searchlab.fused import randomness

    drawings = []
    kept = lambda shape, *_: drawings.append(shape) or tf.ones(shape)  # noqa: E731
    monkeypatch.setattr(randomness, "_kept", kept)
    original = tf.nn.experimental.stateless_dropout
    inside, done = threading.Event(), threading.Event()

    def draw():
        return tf.nn.experimental.stateless_dropout(tf.ones(9), rate=0.5, seed=[1, 2]).numpy()

    def other():
        with randomness.exact():
            inside.set()
            done.wait(60)

    wanted = draw()
    thread = threading.Thread(target=other)
    with randomness.exact():
        draw()
        assert len(drawings) == 1
        thread.start()
        assert inside.wait(60)
    try:
        assert tf.nn.experimental.stateless_dropout is not original  # the other is still inside
        np.testing.assert_array_equal(draw(), wanted)
        assert len(drawings) == 1
    finally:
        done.set()
        thread.join()
    assert tf.nn.experimental.stateless_dropout is original


def test_what_cannot_be_exact_is_refused():
    """Dropout of half floats, or of an unknown number of rows, raises instead of drawing others."""
    import tensorflow as tf

    from searchlab.fused.randomness import exact

    def dropped(x):
        return tf.nn.experimental.stateless_dropout(x, rate=0.5, seed=[1, 2])

    unknown = tf.TensorSpec((None, 3), tf.float32)
    with exact():
        with pytest.raises(NotImplementedError, match="float16"):
            dropped(tf.ones((2, 3), tf.float16))
        with pytest.raises(NotImplementedError, match="None, 3"):
            tf.function(dropped, autograph=False).get_concrete_function(unknown)
