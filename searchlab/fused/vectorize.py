"""TensorFlow's vectorized map with one more operation and a shortcut for long functions.

In `argmax`, and so in every accuracy, Keras 3.15 reads the sign bit of zeros with a Bitcast, which
`tf.vectorized_map` of TensorFlow 2.21 cannot convert. The shortcut is `Stackable`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.ops.parallel_for import pfor


def vectorized(function: Any, given: Any, *, loops: bool) -> Any:
    """Call `tf.vectorized_map`.

    Args:
        function: a function of one slot's values.
        given: the values of all slots (slots, ...), in any nested structure.
        loops: whether to run unconvertible operations in a slow loop.
    """
    return tf.vectorized_map(function, given, fallback_to_while_loop=loops)


class Stackable:
    """A long function over the values of one slot or of all, traced once for all programs.

    When a program is vectorized, a call of it is not converted operation by operation: the function
    is called with the stacked values instead.
    """

    def __init__(self, function: Callable[[Any, Any], Sequence[Any]]) -> None:
        """Wrap a function of a slot's tensor (..., size) and of a tensor (n,) that slots share.

        Its results must be tensors (..., n).
        """
        self._traced = tf.function(function, autograph=False)

    def __call__(self, given: Any, shared: Any) -> Sequence[Any]:
        """Call the function."""
        *leading, size = given.shape
        concrete = self._traced.get_concrete_function(
            tf.TensorSpec([*(None for _ in leading), size], given.dtype),
            tf.TensorSpec([None], shared.dtype),
        )
        _stackable[tf.compat.as_str(concrete.name)] = self
        results: Sequence[Any] = concrete(given, shared)
        for each in results:
            each.set_shape([*leading, *shared.shape])
        return results


_stackable: dict[str, Stackable] = {}
"""Stackable functions by the names of their traces."""


def _bitcast(pfor_input: Any) -> Any:
    kind = pfor_input.get_attr("type")
    return pfor.wrap(tf.bitcast(pfor_input.stacked_input(0), kind), True)


def _call(pfor_input: Any) -> Any:
    found = _stackable.get(pfor_input.get_attr("f").name)
    if found is None:
        return _convert_call(pfor_input)
    given, shared = pfor_input.stacked_input(0), pfor_input.unstacked_input(1)
    return [pfor.wrap(each, True) for each in found(given, shared)]


_converters = pfor._pfor_converter_registry
_convert_call = _converters["PartitionedCall"]
_converters["PartitionedCall"] = _call
_converters.setdefault("Bitcast", _bitcast)
