"""What follows the search: what it adds to the book's study, and what a script would take."""

from __future__ import annotations

from ..bench import Bench
from ..table import Row, seconds


def rows(bench: Bench) -> list[Row]:
    """The book's whole command with confirmation, refit and baselines against the one without."""
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
