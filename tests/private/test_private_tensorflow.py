"""Canaries: what searchlab touches of TensorFlow works as it should, and is needed."""

import itertools

import numpy as np
import pytest
from support import programs

from searchlab.private import tensorflow as private

pytestmark = pytest.mark.keras


@pytest.fixture
def converters():
    """TensorFlow's converters, which are as before afterwards."""
    from tensorflow.python.ops.parallel_for import pfor

    before = dict(pfor._pfor_converter_registry)
    yield pfor._pfor_converter_registry
    pfor._pfor_converter_registry.clear()
    pfor._pfor_converter_registry.update(before)


def mapped(function, given):
    """Return the result of a vectorized function."""
    import tensorflow as tf

    program = tf.function(
        lambda given: tf.vectorized_map(function, given, fallback_to_while_loop=False),
        autograph=False,
    )
    return program(given).numpy()


def test_convert_bitcasts(converters):
    """A Bitcast is vectorised as taught; a TensorFlow that can do it by itself keeps its way."""
    import tensorflow as tf

    private.convert_bitcasts()
    assert converters["Bitcast"].__module__ == private.__name__
    given = tf.constant([[1.0], [2.0]])
    found = mapped(lambda each: tf.bitcast(each, tf.int32), given)
    np.testing.assert_array_equal(found, given.numpy().view(np.int32))
    del converters["Bitcast"]
    with pytest.raises(ValueError, match="Bitcast"):
        mapped(lambda each: tf.bitcast(each, tf.int32), given)


def test_replace_calls(converters):
    """A call becomes one with the stacked values; else TensorFlow converts what is in it."""
    import tensorflow as tf

    traced = tf.function(lambda a, b: [a + b], autograph=False).get_concrete_function(
        tf.TensorSpec([2], tf.float32), tf.TensorSpec([2], tf.float32)
    )
    name, shared = tf.compat.as_str(traced.name), tf.constant([10.0, 20.0])
    instead = {name: lambda a, b: [a - b]}
    converted: list[str] = []
    add = converters["AddV2"]
    converters["AddV2"] = lambda call: converted.append("AddV2") or add(call)
    private.replace_calls(instead.get)
    given = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    found = mapped(lambda each: traced(each, shared)[0], given)
    assert found.tolist() == [[-9.0, -18.0], [-7.0, -16.0]]
    assert converted == []
    instead.clear()
    found = mapped(lambda each: traced(each, shared)[0], given)
    assert found.tolist() == [[11.0, 22.0], [13.0, 24.0]]
    assert converted == ["AddV2"]


def test_number_functions(monkeypatch):
    """A traced function and its loop have the numbers that are chosen, and else TensorFlow's."""
    import tensorflow as tf
    from tensorflow.python.eager.polymorphic_function import concrete_function
    from tensorflow.python.ops import control_flow_util_v2

    for module, name in (
        (concrete_function, "_inference_name"),
        (control_flow_util_v2, "unique_fn_name"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))  # as before afterwards
    chosen = iter([None] * 6)  # of a condition, a body and the function, twice
    private.number_functions(lambda _: next(chosen))

    def count(x):
        return tf.while_loop(lambda x: x < 9.0, lambda x: (x + 1.0,), (x,))[0]

    def names():
        concrete = tf.function(count, autograph=False).get_concrete_function(tf.TensorSpec([]))
        loops = [each for each in concrete.graph.get_operations() if each.type.endswith("While")]
        return [str(concrete.name), *(each.get_attr("body").name for each in loops)]

    free = [names(), names()]
    assert free[0] != free[1], "else nobody has to number them"
    chosen = itertools.count(70)
    numbers = [{each.strip("b'").rpartition("_")[2] for each in names()} for _ in range(2)]
    assert numbers == [{"71", "72"}, {"74", "75"}]


def test_replace_dropout_and_restore_dropout():
    """All of Keras' dropout goes through what is replaced, and as ever once that is restored."""
    import keras
    import tensorflow as tf

    calls: list[float] = []

    def make(original):
        def dropout(x, rate, **others):
            calls.append(rate)
            return original(x, rate, **others)

        return dropout

    layer = keras.layers.Dropout(0.5)
    original = private.replace_dropout(make)
    try:
        layer(tf.ones((2, 3)), training=True)
        assert calls == [0.5]
    finally:
        private.restore_dropout(original)
    assert tf.nn.experimental.stateless_dropout is original
    layer(tf.ones((2, 3)), training=True)
    assert calls == [0.5]


def test_dropout_is_another_under_xla():
    """TensorFlow's own numbers under XLA are others than the CPU's; else dropout can stay."""
    import tensorflow as tf

    seed = tf.constant([1, 2])
    draw = lambda: tf.random.stateless_uniform((64,), seed)  # noqa: E731
    with tf.device("CPU"):
        plain = draw().numpy()
    assert np.any(tf.function(draw, jit_compile=True)().numpy() != plain)


COMPILE = """
import tensorflow as tf
print(tf.function(lambda x: x * 2 + 1, jit_compile=True)(tf.ones(3)).numpy().tolist())
"""


def test_cache_flags_and_is_executable(tmp_path):
    """XLA keeps what it compiles in files of the known name, and no public setting is for that."""
    import tensorflow as tf

    flags = private.cache_flags(tmp_path)
    done = programs.run(tmp_path, COMPILE, module="-c", TF_XLA_FLAGS=flags)
    assert done.returncode == 0, done.stderr
    files = list(tmp_path.iterdir())
    assert files
    assert all(map(private.is_executable, files))
    public = [*dir(tf.config), *dir(tf.config.experimental), *dir(tf.config.optimizer)]
    assert [name for name in public if "cache" in name and name[0] != "_"] == []


def test_chooses_cache(tmp_path):
    """Our own flags choose a directory; others do not."""
    assert private.chooses_cache(private.cache_flags(tmp_path))
    assert not private.chooses_cache("--tf_xla_auto_jit=2")
