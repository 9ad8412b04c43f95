"""The speed of training as a share of the machine's multiplication limit."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

from searchlab.core.trial import Suggestion, Trial

from .. import commands, studies
from ..bench import Bare, Bench
from ..commands import BenchmarkError
from ..table import Row, percent, rate

_BATCH = 32
_INPUTS, _OUTPUTS = 8, 1
_ALIGNED = 8  # floats; odd widths are up to a tenth slower than the next multiple
_LOWEST, _HIGHEST = 3e-4, 3e-2  # learning rates


def rows(bench: Bench) -> list[Row]:
    """Compare bare training of one model and of the book's mix with the multiplication limit."""
    changes = {"training.epochs": bench.scale.epochs}
    file = studies.write(studies.book(changes, bench.executor), bench.directory / "equal-study")
    equal = _equal(bench.scale.equal, bench.scale.epochs)
    mix = bench.hundred.trials
    bare = bench.bare(file, equal, "bare-equal")
    if 0 in bare.epochs:
        raise BenchmarkError("a trial of 2 x 64 was not trained")
    return [
        _row("2 x 64", equal, bare, bench.directory / "limit-equal"),
        _row("the mix of the book's search", mix, bench.bare_hundred, bench.directory / "limit"),
    ]


def _equal(count: int, epochs: int) -> tuple[Trial, ...]:
    """Return trials of the model 2 x 64 that differ in their learning rate."""
    ratio = (_HIGHEST / _LOWEST) ** (1 / max(1, count - 1))
    return tuple(
        Trial(
            number,
            Suggestion(
                {"n_hidden": 2, "n_neurons": 64, "learning_rate": _LOWEST * ratio**number}, epochs
            ),
            seed=42,
        )
        for number in range(count)
    )


def _row(what: str, trials: Sequence[Trial], bare: Bare, directory: Path) -> Row:
    shapes = sorted({widths for trial in trials for widths in _shapes(trial)})
    question = json.dumps({"batch": _BATCH, "widths": shapes})
    finished = commands.run(["-m", "tests.benchmarks.programs.multiply", question], directory)
    a_step = dict(zip(shapes, json.loads(finished.output), strict=True))
    cores = os.cpu_count() or 1
    fastest = [min(a_step[widths] for widths in _shapes(trial)) for trial in trials]
    limit = limit_rate(fastest, bare, cores)
    return Row(
        f"bare training, {what}: {len(trials)} trials x 3 folds",
        rate(bare.rate),
        f"{cores} cores that do nothing but the training's matrix products: {rate(limit)}",
        percent(bare.rate / limit),
    )


def _shapes(trial: Trial) -> list[tuple[int, ...]]:
    """Return the widths of a trial's layers, and those padded for faster multiplication."""
    params = trial.suggestion.params
    hidden, neurons = params["n_hidden"], params["n_neurons"]
    padded = math.ceil(neurons / _ALIGNED) * _ALIGNED
    return [(_INPUTS, *[width] * hidden, _OUTPUTS) for width in (neurons, padded)]


def limit_rate(a_step: Sequence[float], bare: Bare, cores: int) -> float:
    """Return the model-epochs per second that the cores' matrix products allow.

    Args:
        a_step: seconds that one core multiplies for a step of each trial's model.
        bare: the trials, with the epochs of each.
        cores: number of cores.
    """
    pairs = zip(a_step, bare.epochs, strict=True)
    multiplying = math.fsum(seconds * bare.steps * epochs for seconds, epochs in pairs)
    return cores * sum(bare.epochs) / multiplying
