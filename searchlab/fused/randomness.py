"""The masks of ordinary dropout, drawn inside of a program that XLA compiles for all slots at once.

A workaround for TensorFlow 2.21 with Keras 3.15.1. Keras draws a dropout mask by TensorFlow's
stateless random numbers, and these are other ones once XLA compiles them, even on the same CPU.
Neither can `tf.vectorized_map` convert them (StatelessRandomGetKeyCounter,
StatelessRandomUniformV2). Here the generator of TensorFlow's CPU kernels is written in integer
arithmetic, which gives the same bits however it is run. It is Philox 4x32-10: J. K. Salmon et al.,
"Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any

import tensorflow as tf

from searchlab.fused.vectorize import Stackable

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
"""What is added to the two words of the key after each round."""
_SCRAMBLER = (0x3EC8F720, 0x02461E29)
"""The key under which TensorFlow makes a seed into a key and a counter."""
_BLOCK = 4
"""How many numbers are drawn at once."""
_MANTISSA = 23
"""The bits of a random word, the low ones, that become a float32."""


def uniform(shape: Sequence[int], seed: Any) -> Any:
    """The numbers of `tf.random.stateless_uniform(shape, seed)` on a CPU, to the bit.

    Args:
        shape: of the result; known when a program is traced.
        seed: int32 or int64 (2,).

    Returns:
        float32, from 0 up to but not including 1.
    """
    return _shaped(tf.stack(_numbers(shape, tf.convert_to_tensor(seed)), axis=-1), shape)


@contextmanager
def exact() -> Iterator[None]:
    """Makes dropout in what the calling thread runs or traces draw the numbers of `uniform`.

    It works around TensorFlow 2.21 and Keras 3.15.1, whose masks are others under XLA (see this
    module). All of Keras' dropout goes through `tf.nn.experimental.stateless_dropout`, which is
    replaced: `Dropout`, `SpatialDropout1D` and so on, that of recurrent layers and of attention;
    not `AlphaDropout`, nor any layer of noise. Other threads go on with the original.

    Raises:
        NotImplementedError: by dropout of another type than float32, or of a shape that is not
            known when the program is traced.
    """
    _hook.enter()
    try:
        yield
    finally:
        _hook.leave()


class _Hook:
    """Has `tf.nn.experimental.stateless_dropout` replaced as long as any thread wants that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depths: dict[int, int] = {}
        self._original: Any = None

    def enter(self) -> None:
        with self._lock:
            if not self._depths:
                self._original = tf.nn.experimental.stateless_dropout
                tf.nn.experimental.stateless_dropout = self._replacement(self._original)
            thread = threading.get_ident()
            self._depths[thread] = self._depths.get(thread, 0) + 1

    def leave(self) -> None:
        with self._lock:
            thread = threading.get_ident()
            self._depths[thread] -= 1
            if not self._depths[thread]:
                del self._depths[thread]
            if not self._depths:
                tf.nn.experimental.stateless_dropout = self._original

    def _replacement(self, original: Any) -> Any:
        @wraps(original)  # another thread may hold it for longer than it is in place
        def dropout(
            x: Any,
            rate: Any,
            seed: Any,
            rng_alg: Any = "auto_select",
            noise_shape: Any = None,
            name: Any = None,
        ) -> Any:
            if rng_alg != "auto_select" or threading.get_ident() not in self._depths:
                return original(x, rate, seed, rng_alg, noise_shape, name)
            # The rest of dropout's arithmetic stays TensorFlow's own.
            sample = partial(_sample, seed, rate)
            return tf.nn.experimental.general_dropout(x, rate, sample, noise_shape, name)

        return dropout


_hook = _Hook()


def _sample(seed: Any, rate: Any, shape: Any, dtype: Any) -> Any:
    """What `general_dropout` compares with the rate: 1 where `uniform` is at least that, else 0."""
    known = tf.zeros(shape, tf.bool).shape  # a shape may be a tensor: TensorFlow works it out
    if dtype != tf.float32 or not known.is_fully_defined():
        raise NotImplementedError(f"dropout of {dtype.name} numbers of shape {known}")
    return _kept(known, tf.convert_to_tensor(seed), rate)


def _kept(shape: Sequence[int], seed: Any, rate: Any) -> Any:
    """As float32: 1 where `uniform` is at least a rate, else 0.

    XLA puts the arithmetic of a number into all loops that use it: for each of the four numbers of
    a block, in the forward and in the backward pass. So a block's answers are packed into one
    number, and that is divided by 1: a division, unless it is by a constant, is too dear in XLA's
    eyes to be done more than once. That is several times as fast, and right in any case.
    """
    packed = tf.add_n(
        [
            tf.where(number >= rate, 2.0**place, 0.0)
            for place, number in enumerate(_numbers(shape, seed))
        ]
    )
    zero = _halves(_halves(seed[0])[0])[1]  # the upper half of 32 bits; XLA does not see that
    packed = tf.cast(packed / (1.0 + tf.cast(zero, tf.float32)), tf.int32)
    answers = tf.bitwise.right_shift(packed[:, None], tf.range(_BLOCK)) & 1
    return tf.cast(_shaped(answers, shape), tf.float32)


def _shaped(blocks: Any, shape: Sequence[int]) -> Any:
    """What is in blocks (blocks, 4), the last of which may be too long, in a shape."""
    return tf.reshape(tf.reshape(blocks, [-1])[: math.prod(shape)], shape)


def _numbers(shape: Sequence[int], seed: Any) -> Sequence[Any]:
    """The first, second, third and fourth numbers (blocks,) of the blocks that fill a shape."""
    blocks = -(-math.prod(shape) // _BLOCK)
    return _drawn(seed, tf.cast(tf.range(blocks), tf.uint32))


def _draw(seed: Any, block: Any) -> Sequence[Any]:
    """The numbers (..., blocks) for seeds (..., 2) and the blocks' numbers: 500 operations."""
    first, second = _halves(seed[..., :1]), _halves(seed[..., 1:])
    *key, third, fourth = _philox((*first, *second), _SCRAMBLER)
    words = _philox((block, tf.zeros_like(block), third, fourth), key)
    # Exact, as is the kernel's way of writing the bits into a float from 1 to 2. By int32, because
    # processors convert signed numbers faster.
    bits = [tf.cast(word & _word(2**_MANTISSA - 1), tf.int32) for word in words]
    return [tf.cast(each, tf.float32) * 2.0**-_MANTISSA for each in bits]


_drawn = Stackable(_draw)


def _philox(counter: Sequence[Any], key: Sequence[Any]) -> Sequence[Any]:
    """Four random words (uint32) for each counter of four words."""
    a, b, c, d = counter
    for number in range(_ROUNDS):
        left, right = (
            word + _word(number * step % 2**32) for word, step in zip(key, _WEYL, strict=True)
        )
        (low_a, high_a), (low_c, high_c) = map(_product, (a, c), _MULTIPLIERS)
        a, b, c, d = high_c ^ b ^ left, low_c, high_a ^ d ^ right, low_a
    return a, b, c, d


def _product(word: Any, multiplier: int) -> tuple[Any, Any]:
    return _halves(tf.cast(word, tf.uint64) * tf.constant(multiplier, tf.uint64))


def _halves(number: Any) -> tuple[Any, Any]:
    """The low and the high word (uint32) of 64 bits; an int32 seed is one of 64 bits first."""
    whole = tf.cast(number, tf.uint64)
    return tf.cast(whole, tf.uint32), tf.cast(
        tf.bitwise.right_shift(whole, tf.constant(32, tf.uint64)), tf.uint32
    )


def _word(value: int) -> Any:
    return tf.constant(value, tf.uint32)
