"""The book's search with ten times the candidates."""

from __future__ import annotations

from ..bench import Bench
from ..table import Row, rate, seconds


def rows(bench: Bench) -> list[Row]:
    """Compare model-epochs per second of the whole command and of the plain script's search."""
    ours, plain = bench.hundred, bench.plain_book
    return [
        Row(
            f"{len(ours.trials)} candidates x 3 folds, whole command",
            f"{seconds(ours.seconds)}; {ours.epochs:,} model-epochs, {rate(ours.rate)}",
            f"the plain script's search of {len(plain.params)} candidates: "
            f"{rate(plain.rate)}{plain.remark}",
            f"{ours.rate / plain.rate:.1f} x",
        )
    ]
