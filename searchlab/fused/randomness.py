"""Dropout masks drawn inside a program that XLA compiles for all slots at once.

A workaround for TensorFlow 2.21 with Keras 3.15.1. Keras draws dropout masks with TensorFlow's
stateless random numbers, which change when XLA compiles them, even on the same CPU, and which
`tf.vectorized_map` cannot convert (StatelessRandomGetKeyCounter, StatelessRandomUniformV2). This
module reimplements the generator of TensorFlow's CPU kernels in integer arithmetic, which yields
the same bits in every execution mode. It is Philox 4x32-10: J. K. Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", SC 2011.
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
from searchlab.private.tensorflow import replace_dropout, restore_dropout

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
"""Increments of the two words of the key after each round."""
_SCRAMBLER = (0x3EC8F720, 0x02461E29)
"""Key with which TensorFlow turns a seed into a key and a counter."""
_BLOCK = 4
"""Numbers drawn at once."""
_MANTISSA = 23
"""Low bits of a random word that become a float32."""


def uniform(shape: Sequence[int], seed: Any) -> Any:
    """Return the numbers of `tf.random.stateless_uniform(shape, seed)` on a CPU, bit for bit.

    Args:
        shape: shape of the result, known at trace time.
        seed: int32 or int64 (2,).

    Returns:
        float32 numbers in [0, 1).
    """
    numbers = _numbers(shape, tf.convert_to_tensor(seed))
    return _shaped(tf.stack(numbers, axis=-1), shape)


@contextmanager
def exact() -> Iterator[None]:
    """Make dropout that the calling thread runs or traces draw the numbers of `uniform`.

    This works around TensorFlow 2.21 and Keras 3.15.1, whose masks differ under XLA (see this
    module). All of Keras' dropout calls `tf.nn.experimental.stateless_dropout`, which is replaced:
    `Dropout`, `SpatialDropout1D` and so on, in recurrent layers and in attention; but not
    `AlphaDropout` or noise layers. Other threads keep the original.

    Raises:
        NotImplementedError: from dropout whose dtype is not float32 or whose shape is unknown at
            trace time.
    """
    _hook.enter()
    try:
        yield
    finally:
        _hook.leave()


class _Hook:
    """Replacement of `tf.nn.experimental.stateless_dropout` while any thread needs it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depths: dict[int, int] = {}
        self._original: Any = None

    def enter(self) -> None:
        with self._lock:
            if not self._depths:
                self._original = replace_dropout(self._replacement)
            thread = threading.get_ident()
            self._depths[thread] = self._depths.get(thread, 0) + 1

    def leave(self) -> None:
        with self._lock:
            thread = threading.get_ident()
            self._depths[thread] -= 1
            if not self._depths[thread]:
                del self._depths[thread]
            if not self._depths:
                restore_dropout(self._original)

    def _replacement(self, original: Any) -> Any:
        @wraps(original)  # another thread may still hold it after its removal
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
            # TensorFlow keeps doing the rest of dropout's arithmetic.
            sample = partial(_sample, seed, rate)
            return tf.nn.experimental.general_dropout(x, rate, sample, noise_shape, name)

        return dropout


_hook = _Hook()


def _sample(seed: Any, rate: Any, shape: Any, dtype: Any) -> Any:
    """Return what `general_dropout` compares with the rate: 1 if `uniform` >= rate, else 0."""
    known = tf.zeros(shape, tf.bool).shape  # resolves a shape given as a tensor
    if dtype != tf.float32 or not known.is_fully_defined():
        raise NotImplementedError(f"dropout of {dtype.name} numbers of shape {known}")
    return _kept(known, tf.convert_to_tensor(seed), rate)


def kept(shape: Sequence[int], seeds: Any, rates: Any, widths: Any = None) -> Any:
    """Return which numbers dropout keeps in each slot, bool (slots, rows, features).

    Args:
        shape: rows and features of a slot.
        seeds: int32 (slots, 2).
        rates: the dropout rates, float32 (slots,).
        widths: the slots' own features (slots,), if they may have fewer: the numbers are those of a
            mask (rows, own features), and there are more in the features beyond.
    """
    slots, (rows, features) = seeds.shape[0], shape
    if widths is None:
        drawn = _drawn(seeds, _blocks(rows * features))
        answers = tf.reshape(_unpacked(_packed(drawn, seeds, rates[:, None])), [slots, -1])
        return tf.reshape(answers[:, : rows * features], [slots, rows, features]) > 0
    # Each row is drawn from the block in which it begins, because XLA's gathering is slow.
    first = tf.range(rows) * tf.cast(widths, tf.int32)[:, None]
    blocks = -(-features // _BLOCK) + 1
    places = (first // _BLOCK)[:, :, None] + tf.range(blocks)
    drawn = _drawn_apart(seeds, tf.cast(tf.reshape(places, [slots, -1]), tf.uint32))
    answers = _unpacked(_packed(drawn, seeds, rates[:, None]))
    answers = tf.reshape(answers, [slots, rows, blocks * _BLOCK])
    skipped = (first % _BLOCK)[:, :, None]
    found = answers[..., :features]
    for number in range(1, _BLOCK):
        found = tf.where(skipped == number, answers[..., number : number + features], found)
    return _once(tf.cast(found, tf.float32), seeds[:, :1, None]) > 0.0


def _kept(shape: Sequence[int], seed: Any, rate: Any) -> Any:
    """Return float32: 1 where `uniform` is at least the rate, else 0."""
    answers = _unpacked(_packed(_numbers(shape, seed), seed, rate))
    return tf.cast(_shaped(answers, shape), tf.float32)


def _packed(numbers: Sequence[Any], seed: Any, rate: Any) -> Any:
    """Return whether each number is at least the rate, a bit for each of a block (..., blocks).

    XLA repeats the arithmetic of a number in every loop that uses it: for each of the four numbers
    of a block, in the forward and in the backward pass. So a block's answers are packed into one
    number, see `_once`. This is several times as fast, and correct whatever XLA does.
    """
    packed = tf.add_n(
        [tf.where(number >= rate, 2.0**place, 0.0) for place, number in enumerate(numbers)]
    )
    return tf.cast(_once(packed, seed[..., :1]), tf.int32)


def _once(values: Any, seed: Any) -> Any:
    """Divide values by 1: XLA considers a division by a non-constant too expensive to repeat."""
    zero = _halves(_halves(seed)[0])[1]  # always 0, but XLA cannot prove it
    return values / (1.0 + tf.cast(zero, tf.float32))


def _unpacked(packed: Any) -> Any:
    """Return the bits (..., blocks, 4), 0 or 1, of packed answers (..., blocks)."""
    return tf.bitwise.right_shift(packed[..., None], tf.range(_BLOCK)) & 1


def _shaped(blocks: Any, shape: Sequence[int]) -> Any:
    """Reshape blocks (blocks, 4), cutting off the surplus of the last one."""
    return tf.reshape(tf.reshape(blocks, [-1])[: math.prod(shape)], shape)


def _numbers(shape: Sequence[int], seed: Any) -> Sequence[Any]:
    """Return the first to fourth numbers (blocks,) of each block that fills a shape."""
    return _drawn(seed, _blocks(math.prod(shape)))


def _blocks(count: int) -> Any:
    """Return the numbers of the blocks that hold as many random numbers."""
    return tf.cast(tf.range(-(-count // _BLOCK)), tf.uint32)


def _draw(seed: Any, block: Any) -> Sequence[Any]:
    """Return the numbers (..., blocks) for seeds (..., 2) and numbers of blocks: 500 operations."""
    first, second = _halves(seed[..., :1]), _halves(seed[..., 1:])
    *key, third, fourth = _philox((*first, *second), _SCRAMBLER)
    words = _philox((block, tf.zeros_like(block), third, fourth), key)
    # Exact, like the kernel's way of writing the bits into a float in [1, 2). Via int32, because
    # processors convert signed numbers faster.
    bits = [tf.cast(word & _word(2**_MANTISSA - 1), tf.int32) for word in words]
    return [tf.cast(each, tf.float32) * 2.0**-_MANTISSA for each in bits]


_drawn = Stackable(_draw)
_drawn_apart = tf.function(
    _draw,
    autograph=False,
    input_signature=[tf.TensorSpec([None, 2], tf.int32), tf.TensorSpec([None, None], tf.uint32)],
)
"""The same for other blocks of each slot."""


def _philox(counter: Sequence[Any], key: Sequence[Any]) -> Sequence[Any]:
    """Return four random words (uint32) for each counter of four words."""
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
    """Return the low and high words (uint32) of 64 bits; int32 seeds are extended first."""
    whole = tf.cast(number, tf.uint64)
    return tf.cast(whole, tf.uint32), tf.cast(
        tf.bitwise.right_shift(whole, tf.constant(32, tf.uint64)), tf.uint32
    )


def _word(value: int) -> Any:
    return tf.constant(value, tf.uint32)
