"""The growth of memory with the number of trials."""

from __future__ import annotations

from collections.abc import Sequence

from .. import commands, studies
from ..bench import Bench
from ..commands import BenchmarkError, Memory
from ..table import Row, megabytes

_NAME = "memory"
_EPOCHS = 3
_INTERVAL = 0.25  # seconds


def rows(bench: Bench) -> list[Row]:
    """Measure resident memory of driver and workers, early in a long study and at its end."""
    scale = bench.scale
    changes = {
        "name": _NAME,
        "search.backend": "optuna",
        "search.options": {"sampler": "random", "pruner": "none"},
        "search.trials": scale.late,
        "training.epochs": _EPOCHS,
        "evaluation": {"holdout": 0.2},
    }
    directory = bench.directory / _NAME
    file = studies.write(studies.book(changes, bench.executor), directory)
    command = ["-m", "searchlab", "run", file.name, "--quiet"]
    with commands.start_program(command, directory) as program:
        samples = [
            (studies.ended(_NAME, directory), memory)
            for memory in commands.memories(program, _INTERVAL)
        ]
    commands.check(command, directory, program.returncode)
    early, late = pick(samples, scale.early)
    return [
        Row(
            f"resident memory, after {early[0]:,} and after {late[0]:,} trials of {_EPOCHS} epochs",
            f"driver {_grown(early[1].driver, late[1].driver)}, "
            f"workers {_grown(early[1].workers, late[1].workers)}",
            "",
            f"+{megabytes(late[1].driver - early[1].driver)}, "
            f"+{megabytes(late[1].workers - early[1].workers)}",
        )
    ]


def pick(
    samples: Sequence[tuple[int, Memory]], early: int
) -> tuple[tuple[int, Memory], tuple[int, Memory]]:
    """Return the first sample after `early` trials, and the last before the end of the search.

    Args:
        samples: the number of ended trials with the memory at that time, in order of time.
        early: a number of trials.

    Raises:
        BenchmarkError: if the study was too fast to see both.
    """
    total = samples[-1][0] if samples else 0
    # Afterwards the study's model is made and workers end, which says nothing about trials.
    during = [sample for sample in samples if early <= sample[0] < total]
    if len(during) < 2:
        raise BenchmarkError(f"memory was not seen twice after {early} of {total} trials")
    return during[0], during[-1]


def _grown(before: int, after: int) -> str:
    return f"{megabytes(before)} -> {megabytes(after)}"
