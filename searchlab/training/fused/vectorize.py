"""TensorFlow's vectorised map, taught an operation that it does not know.

Keras 3.15 looks at the sign bit of zeros in `argmax`, and so in every accuracy, by a Bitcast, which
`tf.vectorized_map` of TensorFlow 2.21 cannot convert.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow.python.ops.parallel_for import pfor


def vectorized(function: Any, given: Any, *, loops: bool) -> Any:
    """`tf.vectorized_map`.

    Args:
        function: of one slot's values.
        given: values of all slots (slots, ...), in any nest.
        loops: whether what cannot be vectorised runs in a loop, which is slow.
    """
    return tf.vectorized_map(function, given, fallback_to_while_loop=loops)


def _bitcast(pfor_input: Any) -> Any:
    kind = pfor_input.get_attr("type")
    return pfor.wrap(tf.bitcast(pfor_input.stacked_input(0), kind), True)


if "Bitcast" not in pfor._pfor_converter_registry:
    pfor.RegisterPFor("Bitcast")(_bitcast)
