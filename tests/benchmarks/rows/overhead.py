"""The cost of a search beyond its trainings."""

from __future__ import annotations

from ..bench import Bench
from ..table import Row, percent, seconds


def rows(bench: Bench) -> list[Row]:
    """Compare a whole command's search phase with bare training of the same trials."""
    ours, bare = bench.hundred, bench.bare_hundred
    return [
        Row(
            f"search with scikit-learn, journal and MLflow: {len(ours.trials)} candidates x 3 "
            "folds, without start-up",
            seconds(ours.searching),
            f"bare training of the same trials: {seconds(bare.seconds)}",
            f"{percent(ours.searching / bare.seconds - 1)} more",
        )
    ]
