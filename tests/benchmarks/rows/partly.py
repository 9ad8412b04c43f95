"""Comparison of a whole study with the first trials of a plain script that takes too long."""

from __future__ import annotations

from ..peers import Plain, alike
from ..studies import Ran
from ..table import Row, rate, seconds


def compared(what: str, library: str, ours: Ran, plain: Plain) -> Row:
    """Compare model-epochs per second of our whole command and the plain script's search."""
    trials = len(plain.params)
    pruned = sum(outcome.state == "PRUNED" for outcome in ours.outcomes)
    also = f", {pruned} pruned" if pruned else ""
    return Row(
        f"{what}: {len(ours.trials)} trials{also}, each in MLflow with its epochs, whole command",
        f"{seconds(ours.seconds)}; {ours.epochs:,} model-epochs, {rate(ours.rate)}",
        f"{library} with MLflow, the first {trials} trials only: {seconds(plain.searching)}; "
        f"{plain.epochs:,} model-epochs, {rate(plain.rate)}; "
        f"the first {alike(ours.params, plain.params)} candidates are the same{plain.remark}",
        f"{ours.rate / plain.rate:.1f} x",
    )
