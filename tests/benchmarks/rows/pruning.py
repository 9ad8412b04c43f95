"""Optuna with a pruner, all of it in MLflow."""

from __future__ import annotations

from ..bench import Bench
from ..table import Row
from .partly import compared


def rows(bench: Bench) -> list[Row]:
    """Measure trials of one training each, scored on a hold-out and pruned by the median."""
    scale = bench.scale
    ours = bench.study(
        "optuna",
        {
            "search.backend": "optuna",
            "search.options": {"sampler": "tpe", "pruner": "median"},
            "search.trials": scale.optuna,
            "evaluation": {"holdout": 0.2},
        },
    )
    plain = bench.peers.run("optuna_search", scale.plain_optuna, scale.epochs)
    return [compared("Optuna, TPE and MedianPruner", "optuna.Study", ours, plain)]
