"""The book's search: the whole command against the whole script."""

from __future__ import annotations

from ..bench import Bench
from ..peers import alike
from ..table import Row, score, seconds


def rows(bench: Bench) -> list[Row]:
    """Measure 10 candidates x 3 folds, from the start of the process to its end."""
    ours, plain = bench.book, bench.plain_book
    same, tried = alike(ours.params, plain.params), len(plain.params)
    whole = tried == len(ours.trials)
    # If only part of the script has run, the rest is extrapolated at the rate of its search.
    took = plain.wall if whole else ours.epochs / plain.rate
    part = "" if whole else f"the first {tried} candidates took {seconds(plain.wall)}, all would: "
    return [
        Row(
            f"the book's search: {len(ours.trials)} candidates x 3 folds, whole command",
            f"{seconds(ours.seconds)}; {_best(ours.values)}",
            f"RandomizedSearchCV over a KerasRegressor: {part}{seconds(took)}; "
            f"{_best(plain.values)}; {same} of {tried} candidates are the same" + plain.remark,
            f"{took / ours.seconds:.1f} x",
        )
    ]


def _best(values: list[float | None]) -> str:
    """Return the best candidate and its mean squared error over the folds."""
    known = {number: value for number, value in enumerate(values) if value is not None}
    best = min(known, key=known.__getitem__)
    return f"best is candidate {best}, CV {score(known[best])}"
