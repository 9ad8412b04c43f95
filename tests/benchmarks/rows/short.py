"""The README's first study, whose trials are few and differ: whole command against whole script."""

from __future__ import annotations

from ..bench import Bench
from ..peers import Plain, alike
from ..studies import Ran
from ..table import Row, seconds


def rows(bench: Bench) -> list[Row]:
    """Measure the digits study the first time on a machine, again, and with all that it does."""
    (cold, again), (_, ended) = bench.digits, bench.digits_ended
    plain = bench.peers.run("digits_search", bench.scale.digits, bench.scale.digits_epochs)
    what = f"the digits study, {len(cold.trials)} trials, whole command"
    return [
        _row(f"{what}, search only, the first time", cold, plain),
        _row(f"{what}, search only, again", again, plain),
        _row(f"{what}, with MLflow, confirmation, refit and baselines, again", ended, plain),
    ]


def _row(what: str, ours: Ran, plain: Plain) -> Row:
    same = alike(ours.params, plain.params)
    return Row(
        what,
        f"{seconds(ours.seconds)}; {ours.epochs:,} model-epochs",
        f"optuna.Study around model.fit, search only: {seconds(plain.wall)}; "
        f"{plain.epochs:,} model-epochs; the first {same} candidates are the same{plain.remark}",
        f"{plain.wall / ours.seconds:.1f} x",
    )
