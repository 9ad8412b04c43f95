"""TensorFlow's private parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

_CACHE = "--tf_xla_persistent_cache_directory"

Stacked = Callable[[Any, Any], Sequence[Any]]
"""A function of stacked values (slots, ...) and of a tensor that all slots share."""


def convert_bitcasts() -> None:
    """Teach `tf.vectorized_map` to convert a Bitcast, unless it can.

    Keras 3.15.1 looks at the sign bit of zeros in `argmax`, and so in every accuracy, by a Bitcast.

    Touches: `tensorflow.python.ops.parallel_for.pfor._pfor_converter_registry`, and what converters
    are given, seen in TensorFlow 2.21.0.
    Public: nothing registers a converter.
    Without it: models with an accuracy cannot be stacked.
    """
    import tensorflow as tf
    from tensorflow.python.ops.parallel_for import pfor

    def convert(call: Any) -> Any:
        return pfor.wrap(tf.bitcast(call.stacked_input(0), call.get_attr("type")), True)

    pfor._pfor_converter_registry.setdefault("Bitcast", convert)


def replace_calls(find: Callable[[str], Stacked | None]) -> None:
    """Have `tf.vectorized_map` call some functions with stacked values instead of converting them.

    Touches: `tensorflow.python.ops.parallel_for.pfor._pfor_converter_registry`, and what converters
    are given, seen in TensorFlow 2.21.0.
    Public: `tf.vectorized_map` converts each operation of a function that is called.
    Without it: each program with dropout takes a second longer to trace.

    Args:
        find: the function that stands for one that was traced, by the traced one's name; None to
            convert it as ever.
    """
    from tensorflow.python.ops.parallel_for import pfor

    convert = pfor._pfor_converter_registry["PartitionedCall"]

    def replace(call: Any) -> Any:
        function = find(call.get_attr("f").name)
        if function is None:
            return convert(call)
        given, shared = call.stacked_input(0), call.unstacked_input(1)
        return [pfor.wrap(each, True) for each in function(given, shared)]

    pfor._pfor_converter_registry["PartitionedCall"] = replace


def replace_dropout(make: Callable[[Any], Any]) -> Any:
    """Put a function that is made of TensorFlow's dropout in its place; return the original.

    Touches: `tf.nn.experimental.stateless_dropout`, which is public and is replaced: all of Keras'
    dropout goes through it, seen in TensorFlow 2.21.0 with Keras 3.15.1.
    Public: nothing chooses how dropout draws its mask, which is another one under XLA.
    Without it: models with dropout cannot be stacked, nor have the masks of ordinary Keras.
    """
    import tensorflow as tf

    original = tf.nn.experimental.stateless_dropout
    restore_dropout(make(original))
    return original


def restore_dropout(original: Any) -> None:
    """Put back the dropout that `replace_dropout` has returned.

    Touches: `tf.nn.experimental.stateless_dropout`, see `replace_dropout`, seen in
    TensorFlow 2.21.0.
    Public: as there.
    Without it: other trainings of the process would draw other masks.
    """
    import tensorflow as tf

    tf.nn.experimental.stateless_dropout = original


def number_functions(number: Callable[[str], int | None]) -> None:
    """Have TensorFlow number the functions that it traces as a function of ours says.

    Touches: `_forward_name`, `_backward_name` and `_inference_name` of
    `tensorflow.python.eager.polymorphic_function.concrete_function`, and `unique_fn_name` and
    `unique_grad_fn_name` of `tensorflow.python.ops.control_flow_util_v2`, seen in
    TensorFlow 2.21.0.
    Public: nothing numbers a traced function; it has the next number of the process.
    Without it: XLA, which looks for what it has kept by these names too, finds it only in a process
    that traces the same programs in the same order.

    Args:
        number: returns a number that no function of a name has, or None for the next one.
    """
    from tensorflow.python.eager.polymorphic_function import concrete_function
    from tensorflow.python.ops import control_flow_util_v2

    def renumbered(original: Callable[..., str]) -> Callable[..., str]:
        @wraps(original)
        def named(*args: Any) -> str:
            name = original(*args)
            stem = name.rpartition("_")[0]
            chosen = number(stem)
            return name if chosen is None else f"{stem}_{chosen}"

        return named

    for module, names in (
        (concrete_function, ("_forward_name", "_backward_name", "_inference_name")),
        (control_flow_util_v2, ("unique_fn_name", "unique_grad_fn_name")),
    ):
        for name in names:
            setattr(module, name, renumbered(getattr(module, name)))


def chooses_cache(flags: str) -> bool:
    """Tell whether the value of `TF_XLA_FLAGS` says where XLA keeps what it has compiled.

    Touches: the flag of `cache_flags`, seen in TensorFlow 2.21.0.
    Public: as there.
    Without it: a directory that the user has chosen is overridden.
    """
    return _CACHE in flags


def cache_flags(directory: Path) -> str:
    """Return what `TF_XLA_FLAGS` needs for XLA to keep what it compiles for processors.

    Touches: two flags of that variable that no page documents, seen in TensorFlow 2.21.0.
    Public: no function and no documented setting keeps executables.
    Without it: every host, resumed study and next study compiles the same programs again.
    """
    return f'{_CACHE}="{directory}" --tf_xla_persistent_cache_device_types=CPU'


def is_executable(file: Path) -> bool:
    """Tell whether a file of XLA's cache is one that was written whole and not one in the making.

    Touches: the names of the files that `cache_flags` makes, seen in TensorFlow 2.21.0.
    Public: as there.
    Without it: an empty file that a crash of the machine has left is an error for ever.
    """
    return file.suffix == ".pb"
