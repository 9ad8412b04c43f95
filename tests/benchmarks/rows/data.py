"""The preparation of large tables: its time and its memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import commands
from ..bench import Bench
from ..table import Row, megabytes, seconds


def rows(bench: Bench) -> list[Row]:
    """Measure the preparation of a wide and of a long CSV file, beside pandas' reading alone."""
    return [
        _row(bench.directory / "data", *shape) for shape in (bench.scale.wide, bench.scale.long)
    ]


def _row(directory: Path, count: int, columns: int) -> Row:
    file = directory / f"{count}x{columns}" / "t.csv"
    write_table(file, count, columns)
    ours, other = (_measured(file, how) for how in ("searchlab", "pandas"))
    return Row(
        f"preparing a CSV file of {count:,} x {columns:,} numbers: read, checked, described, split "
        "and scaled, twice, as a refit needs it",
        told(ours),
        f"pandas.read_csv alone: {told(other)}",
        f"{ours['seconds'] / other['seconds']:.1f} times as long as reading alone",
    )


def write_table(file: Path, count: int, columns: int) -> None:
    """Write random numbers with four decimals, and a target that two of them explain partly."""
    draw = np.random.default_rng(0)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as text:
        text.write(",".join([*(f"c{number}" for number in range(columns)), "y"]) + "\n")
        for _ in range(count):
            values = draw.normal(size=columns + 1)
            values[-1] += values[0] + values[1]
            text.write(",".join(f"{value:.4f}" for value in values) + "\n")


def _measured(file: Path, how: str) -> dict[str, Any]:
    command = ["-m", "tests.benchmarks.programs.prepare", file, how]
    return commands.run(command, file.parent).results


def told(results: dict[str, Any]) -> str:
    """Return a preparation's time and memory in words."""
    imports, peak = megabytes(results["imports"]), megabytes(results["peak"])
    return f"{seconds(results['seconds'])}, memory {peak} at most, {imports} of them imports"
