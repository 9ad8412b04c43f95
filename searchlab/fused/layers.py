"""Keras' own layers over the stacked variables of a program, written directly.

The rows of all slots follow each other in one dimension, (slots * rows, ...), so a layer without
variables that treats each row by itself is simply called. The other forms repeat what Keras 3.15's
layers compute, in the same order of operations. To add a layer, add a line to `FORMS`: `verify`
compares it with the real layer in each program.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from searchlab.fused.randomness import kept
from searchlab.fused.slots import Form, Numbers, Slots
from searchlab.private.keras import made_tensors


def _each_row(layer: Any, x: Any, _slots: Slots) -> Any:
    return layer.call(x)


def _activation(layer: Any, x: Any, slots: Slots) -> Any:
    return slots.activated(layer, x)


def _input(_layer: Any, x: Any, _slots: Slots) -> Any:
    return x


def _dense(layer: Any, x: Any, slots: Slots) -> Any:
    outputs = tf.matmul(slots.apart(x), slots.value(layer.kernel))
    if layer.bias is not None:
        outputs += slots.per_feature(layer.bias)
    # Last, so that a loss finds the logits that Keras' softmax and sigmoid note.
    outputs = tf.reshape(outputs, [*x.shape[:-1], layer.units])
    return slots.activated(layer, outputs)


def _dense_fits(layer: Any) -> bool:
    return _own(layer.activation) and not layer.lora_enabled


def _dropout(layer: Any, x: Any, slots: Slots) -> Any:
    if not (slots.training and layer.rate):
        return x
    rate, scale, width = slots.numbers(layer)
    state = layer.seed_generator.state
    seeds = slots.value(state)
    slots.update(state, seeds + tf.constant([0, 1], seeds.dtype))
    given = slots.apart(x)
    seeds = tf.cast(tf.math.floormod(seeds, tf.int32.max - 1), tf.int32)  # as Keras draws
    keep = kept(given.shape[1:], seeds, rate, width if slots.padded else None)
    outputs = tf.where(keep, given * scale[:, None, None], 0.0)
    return tf.reshape(outputs, x.shape)


def _dropout_fits(layer: Any) -> bool:
    widths = {each.shape[-1] for each in made_tensors(layer)}
    return 0 <= layer.rate < 1 and layer.noise_shape is None and len(widths) == 1


def _dropout_numbers(layer: Any) -> Numbers:
    if not layer.rate:
        return {}
    width = next(made_tensors(layer)).shape[-1]
    return {"rate": (layer.rate, 1 / (1 - layer.rate), width)}


def _batch_normalization(layer: Any, x: Any, slots: Slots) -> Any:
    given = slots.apart(x)
    mean, variance = map(slots.per_feature, (layer.moving_mean, layer.moving_variance))
    if slots.training and layer.trainable:
        momentum, rest = (each[:, None] for each in slots.numbers(layer))
        old = mean, variance
        mean, variance = tf.nn.moments(given, [1], keepdims=True)
        moving = layer.moving_mean, layer.moving_variance
        for variable, before, found in zip(moving, old, (mean, variance), strict=True):
            slots.update(variable, before[:, 0] * momentum + found[:, 0] * rest)
    scale = slots.per_feature(layer.gamma) if layer.scale else None
    offset = slots.per_feature(layer.beta) if layer.center else None
    outputs = tf.nn.batch_normalization(given, mean, variance, offset, scale, layer.epsilon)
    return tf.reshape(outputs, x.shape)


def _batch_normalization_fits(layer: Any) -> bool:
    last = len(layer.input_spec.axes) == 1 and layer.axis in (-1, layer.input_spec.ndim - 1)
    return last and not layer.renorm and not layer.synchronized


def _batch_normalization_numbers(layer: Any) -> Numbers:
    return {"momentum": (layer.momentum, 1 - layer.momentum)}


def _layer_normalization(layer: Any, x: Any, slots: Slots) -> Any:
    given = slots.apart(x)
    mean, variance = tf.nn.moments(given, [2], keepdims=True)
    factor = tf.math.rsqrt(variance + layer.epsilon)
    if layer.scale:
        factor *= slots.per_feature(layer.gamma)
    offset = -mean * factor
    if layer.center:
        offset += slots.per_feature(layer.beta)
    return tf.reshape(given * factor + offset, x.shape)


def _layer_normalization_fits(layer: Any) -> bool:
    ranks = {len(each.shape) for each in made_tensors(layer)}
    axes = layer.axis if isinstance(layer.axis, list) else [layer.axis]
    return axes == [-1] or (len(ranks) == 1 and axes == [ranks.pop() - 1])


def _convolution(layer: Any, x: Any, slots: Slots) -> Any:
    """Multiply the patches under each place of the kernels, side by side, with the kernels.

    XLA has no fast convolution on processors whose kernels differ between slots.
    """
    patches = _patches(layer, x)
    kernel = slots.value(layer.kernel)
    kernel = tf.reshape(kernel, [slots.count, -1, layer.filters])
    outputs = tf.matmul(slots.apart(patches), kernel)
    if layer.use_bias:
        outputs += slots.per_feature(layer.bias)
    outputs = tf.reshape(outputs, [*patches.shape[:-1], layer.filters])
    return slots.activated(layer, outputs)


def _patches(layer: Any, x: Any) -> Any:
    """Return the inputs of each place (rows, *places, kernel size * features)."""
    sizes, spreads, strides = layer.kernel_size, layer.dilation_rate, layer.strides
    spans = [(size - 1) * spread for size, spread in zip(sizes, spreads, strict=True)]
    lengths = x.shape[1:-1]
    if layer.padding == "valid":
        missing = [0] * len(spans)
    elif layer.padding == "causal":
        missing = spans
    else:  # as TensorFlow fills up for "same"
        pairs = zip(lengths, spans, strides, strict=True)
        missing = [
            max((-(-length // stride) - 1) * stride + span + 1 - length, 0)
            for length, span, stride in pairs
        ]
    before = [each if layer.padding == "causal" else each // 2 for each in missing]
    edges = [(first, each - first) for first, each in zip(before, missing, strict=True)]
    x = tf.pad(x, [(0, 0), *edges, (0, 0)])
    ends = [length - span for length, span in zip(x.shape[1:-1], spans, strict=True)]
    places = itertools.product(
        *(range(0, size * spread, spread) for size, spread in zip(sizes, spreads, strict=True))
    )
    parts = [
        x[(slice(None), *map(slice, place, map(sum, zip(place, ends, strict=True)), strides))]
        for place in places
    ]
    return tf.concat(parts, axis=-1)


def _convolution_fits(layer: Any) -> bool:
    last = layer.data_format == "channels_last"
    return last and layer.groups == 1 and _dense_fits(layer)


def _embedding(layer: Any, x: Any, slots: Slots) -> Any:
    numbers = tf.reshape(tf.cast(x, tf.int32), [slots.count, -1])
    found = tf.gather(slots.value(layer.embeddings), numbers, batch_dims=1)
    return tf.reshape(found, [*x.shape, layer.output_dim])


def _embedding_fits(layer: Any) -> bool:
    return not (layer.mask_zero or layer.lora_enabled)


def _own(function: Any) -> bool:
    """Return whether an activation is one of Keras', or none."""
    name = getattr(function, "__name__", "")
    return function is None or getattr(keras.activations, name, None) is function


def _inner_axis(layer: Any) -> bool:
    ranks = [len(each.shape) for each in made_tensors(layer)]
    return isinstance(layer.axis, int) and all(layer.axis % rank for rank in ranks)


def _own_activation(layer: Any) -> bool:
    return _own(layer.activation)


def _given_moments(layer: Any) -> bool:
    return layer.input_mean is not None


_ROWWISE = Form(_each_row)

FORMS: Mapping[type, Form] = {
    layers.InputLayer: Form(_input),
    layers.Dense: Form(_dense, _dense_fits, chooses=True),
    layers.Activation: Form(_activation, _own_activation, chooses=True),
    layers.ReLU: _ROWWISE,
    layers.LeakyReLU: _ROWWISE,
    layers.ELU: _ROWWISE,
    layers.Softmax: Form(_each_row, _inner_axis, widens=False),
    layers.Dropout: Form(_dropout, _dropout_fits, _dropout_numbers),
    layers.BatchNormalization: Form(
        _batch_normalization, _batch_normalization_fits, _batch_normalization_numbers, mixes=True
    ),
    layers.LayerNormalization: Form(_layer_normalization, _layer_normalization_fits, widens=False),
    layers.Normalization: Form(_each_row, _given_moments),
    layers.Rescaling: _ROWWISE,
    layers.Conv1D: Form(_convolution, _convolution_fits, chooses=True),
    layers.Conv2D: Form(_convolution, _convolution_fits, chooses=True),
    layers.MaxPooling1D: _ROWWISE,
    layers.MaxPooling2D: _ROWWISE,
    layers.AveragePooling1D: _ROWWISE,
    layers.AveragePooling2D: _ROWWISE,
    layers.GlobalMaxPooling1D: _ROWWISE,
    layers.GlobalMaxPooling2D: _ROWWISE,
    layers.GlobalAveragePooling1D: _ROWWISE,
    layers.GlobalAveragePooling2D: _ROWWISE,
    layers.Embedding: Form(_embedding, _embedding_fits),
    layers.Flatten: _ROWWISE,
    layers.Reshape: _ROWWISE,
    layers.Add: _ROWWISE,
    layers.Subtract: _ROWWISE,
    layers.Multiply: _ROWWISE,
    layers.Average: _ROWWISE,
    layers.Maximum: _ROWWISE,
    layers.Minimum: _ROWWISE,
    layers.Concatenate: Form(_each_row, _inner_axis),
}
"""The forms of Keras' own layers; what is not here is stacked by TensorFlow's vectorized map."""
