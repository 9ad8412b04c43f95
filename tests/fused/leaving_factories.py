"""Model factories that leave a param where it outlives the call, in ways that no source tells."""

import os

import keras
from fused.holding_factories import chain, leaky

SLOPE = 0.0
BY_CLASS = type("BY_CLASS", (), {"slope": 0.0})


def cell():
    kept = 0.0

    def keep(value):
        nonlocal kept
        kept = value

    return keep, lambda: kept


keep, kept = cell()


def with_attribute(x):
    return leaky(x, with_attribute.slope)


def attributed(input_shape, slope):
    function = with_attribute
    function.slope = slope
    return chain(input_shape, with_attribute)


def hidden_global(input_shape, slope):
    globals()["SLOPE"] = slope
    return chain(input_shape, lambda x: leaky(x, SLOPE))


def default_container(input_shape, slope, kept={}):  # noqa: B006 - as people write it
    kept["slope"] = slope
    return chain(input_shape, lambda x: leaky(x, kept["slope"]))


def shared_cell(input_shape, slope):
    keep(slope)
    return chain(input_shape, lambda x: leaky(x, kept()))


def class_attribute(input_shape, slope):
    for kind in (BY_CLASS,):
        kind.slope = slope
    return chain(input_shape, lambda x: leaky(x, BY_CLASS.slope))


def environment(input_shape, slope):
    os.environ["SLOPE"] = str(slope)
    return chain(input_shape, lambda x: leaky(x, float(os.environ["SLOPE"])))


def epsilon(input_shape, slope):
    keras.config.set_epsilon(0.05 * slope + 1e-7)
    return chain(input_shape)


def precision(input_shape, slope):
    keras.config.set_dtype_policy("bfloat16" if slope else "float32")
    return chain(input_shape)
