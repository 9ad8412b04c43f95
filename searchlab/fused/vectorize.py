"""TensorFlow's vectorized map with one more operation and a shortcut for long functions.

The operation is Keras' Bitcast (see `private.tensorflow`); the shortcut is `Stackable`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from searchlab.private.tensorflow import convert_bitcasts, replace_calls


def vectorized(function: Any, given: Any, *, loops: bool) -> Any:
    """Call `tf.vectorized_map`.

    Args:
        function: a function of one slot's values.
        given: the values of all slots (slots, ...), in any nested structure.
        loops: whether to run unconvertible operations in a slow loop.
    """
    return tf.vectorized_map(function, given, fallback_to_while_loop=loops)


def each_slot(function: Any, given: Any, kinds: Any) -> Any:
    """Call a function of one slot's values for one slot after the other, in a loop of the program.

    It works for all that TensorFlow can trace, and has the same code, and so the same result to the
    last bit, for each slot.

    Args:
        function: a function of one slot's values that returns tensors in any nested structure.
        given: the values of all slots (slots, ...), in any nested structure.
        kinds: the dtypes of the results, in their structure.
    """
    return tf.map_fn(function, given, fn_output_signature=kinds)


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


convert_bitcasts()
replace_calls(_stackable.get)
