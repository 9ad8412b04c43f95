"""Keras Tuner's Hyperband, all of it in MLflow."""

from __future__ import annotations

from ..bench import Bench
from ..table import Row
from .partly import compared


def rows(bench: Bench) -> list[Row]:
    """Measure one iteration over all brackets, scored on a hold-out."""
    scale = bench.scale
    ours = bench.study(
        "hyperband",
        {
            "search.backend": "hyperband",
            "search.options": {"factor": 3, "hyperband_iterations": 1},
            "search.trials": None,
            "evaluation": {"holdout": 0.2},
        },
    )
    plain = bench.peers.run("hyperband_search", scale.plain_hyperband, scale.epochs)
    return [compared("Hyperband, factor 3", "keras_tuner.Hyperband", ours, plain)]
