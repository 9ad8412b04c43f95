"""The end phase: its cost for the book's study, and a script's estimated time for the same."""

from __future__ import annotations

from ..bench import Bench
from ..table import Row, seconds


def rows(bench: Bench) -> list[Row]:
    """Compare the book's whole command with and without confirmation, refit and baselines."""
    bare, ended = bench.book, bench.ended
    added = ended.seconds - bare.seconds
    trainings = 3 * 3 * 3  # candidates, seeds, folds
    mean = bare.epochs / (len(bare.trials) * 3)  # of one training
    plain = trainings * mean / bench.plain_book.rate
    return [
        Row(
            "what follows the book's search: the best 3 trials with 3 seeds each, refit, baselines",
            f"{seconds(added)} more ({seconds(ended.seconds)} in all)",
            f"the confirming trainings alone, at the plain script's rate: {seconds(plain)}",
            f"{plain / added:.1f} x",
        )
    ]
