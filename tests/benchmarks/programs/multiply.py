"""Measure how fast one core multiplies a training's matrices; print the seconds of a model-step.

    python -m tests.benchmarks.programs.multiply '{"batch": 32, "widths": [[8, 64, 64, 1]]}'

A training step of a Dense layer takes three products: the outputs, the kernel's gradient and,
except for the first layer, the inputs' gradient. Many models are multiplied at once, as batches of
matrices, in a program that XLA compiles.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

_MODELS = (8, 16, 32)  # at once; the fastest depends on the widths and the processor's caches
_STEPS = 100
_REPEATS = 4


def main(batch: int, widths: Sequence[Sequence[int]]) -> list[float]:
    """Return the seconds that one model's step takes, for each list of widths (inputs first)."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return [min(_seconds(tf, batch, each, models) for models in _MODELS) for each in widths]


def _seconds(tf: Any, batch: int, widths: Sequence[int], models: int) -> float:
    # The values do not matter: zeros, numbers and NaN take the same time.
    layers = [
        (tf.zeros((models, batch, n)), tf.zeros((models, n, m)), tf.zeros((models, batch, m)))
        for n, m in pairwise(widths)
    ]
    program = _program(tf)
    program(layers)  # compiles
    best = float("inf")
    for _ in range(_REPEATS):
        start = time.perf_counter()
        program(layers)
        best = min(best, time.perf_counter() - start)
    return best / (_STEPS * models)


def _program(tf: Any) -> Callable[[Any], Any]:
    @tf.function(jit_compile=True)
    def program(layers: Any) -> Any:
        def step(number: Any, layers: Any) -> Any:
            # Each step multiplies the results of the last, so that nothing is optimized away.
            return number + 1, [_products(tf, *layer, index) for index, layer in enumerate(layers)]

        return tf.while_loop(lambda number, _: number < _STEPS, step, (0, layers))[1]

    return program


def _products(tf: Any, inputs: Any, kernel: Any, gradient: Any, index: int) -> tuple[Any, ...]:
    outputs = tf.matmul(inputs, kernel)
    to_kernel = tf.matmul(inputs, gradient, transpose_a=True)
    to_inputs = tf.matmul(gradient, kernel, transpose_b=True) if index else inputs
    return to_inputs, to_kernel, outputs


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
