"""Measures how many trials a second one driver holds, and one MLflow store; and long studies.

    python -m tests.benchmarks.scaling

Run it from the root of the repository on a quiet machine; it takes a quarter of an hour. `--only
sizes` measures what 20,000 trials with TPE and 100,000 of a randomized search cost to resume, to
show and to send, `--only rates` the rest. Of the latter, only the workers
are simulated: the loop, the search library, the executor's order and links, the journal on disk and
MLflow are those of a study on a cluster. A simulated worker that has several trials trains one at a
time, where a real one gains from stacking them. So those in flight (64, or as many as workers) keep
10 or 50 workers less busy here than 100: some have one more than others, and all wait for them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from searchlab.tracking.base import Trackers

from ..table import measured, percent
from . import sizes
from .driver import MEAN_EPOCHS, Held, Load, hold
from .stores import STORES, Kept, follow

WORKERS = (1, 2, 10, 50, 100, 200)
TRIAL = 1.0  # seconds that a trial takes
LONGER = (2.0, 4.0, 8.0)  # with the most workers
RANDOMIZED = {"backend": "randomized"}
OPTUNA = {"backend": "optuna"}  # TPE and the median pruner
_SECONDS = 8.0  # of a search, as its workers could do it
_WAVES, _MOST = 4, 1200  # trials: at least so many a worker, and otherwise at most so many
_RESULTS = Path(__file__).parents[1] / "results"
_COLUMNS = {
    "search": "the backend",
    "MLflow": "the store that follows the search",
    "workers": "simulated ones",
    "trial": "how long one takes",
    "ideal": "trials a second that the workers could train",
    "held": "trials a second that they trained",
    "of it": "the share of the ideal",
    "loop": "the share of a core that the loop took",
    "driver": "the share of a core that all of the driver took, with its thread for MLflow",
    "stored": "trials a second that the store takes in, until it has all",
    "behind": "trials that it lacked at the end of the search",
    "after": "how much later it has or would have all of them",
}
_WIDTH = 112  # characters


@dataclass(frozen=True)
class Line:
    """A line of the table: a search of one backend, followed by one store or none."""

    backend: str
    store: str | None
    held: Held
    kept: Kept | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The line in the order of the columns."""
        held, kept = self.held, self.kept
        return (
            self.backend,
            self.store or "-",
            str(held.load.workers),
            f"{held.load.seconds * held.epochs:.2g} s",
            f"{held.ideal:.1f}/s",
            f"{held.rate:.1f}/s",
            percent(held.rate / held.ideal),
            percent(held.loop),
            percent(held.driver),
            *(("", "", "") if kept is None else _follows(kept)),
        )


def _follows(kept: Kept) -> tuple[str, str, str]:
    return f"{kept.rate:.1f}/s", f"{kept.behind:,}", f"{kept.after:.0f} s"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.scaling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", choices=["rates", "sizes"], help="one half of it")
    only = parser.parse_args().only
    if only != "rates":
        _measure_sizes()
    if only != "sizes":
        _measure_rates()


def _measure_sizes() -> None:
    with tempfile.TemporaryDirectory(prefix="searchlab-sizes-") as directory:
        costs = list(sizes.measure(Path(directory), sizes.SIZES))
    print("| study | task | seconds | processor | memory | |\n|---|---|---|---|---|---|")
    for each in costs:
        print(
            f"| {each.study} | `{each.task}` | {each.seconds:.1f} s | {each.processor:.1f} s "
            f"| {each.memory:.0f} MB | {each.note} |"
        )
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / "sizes.json").write_text(json.dumps([asdict(each) for each in costs], indent=1))


def _measure_rates() -> None:
    with tempfile.TemporaryDirectory(prefix="searchlab-scaling-") as directory:
        on = f"{measured()}, mlflow {version('mlflow')}; {_forced(Path(directory))}."
        lines = []
        for line in measure(Path(directory)):
            print(*line.cells, sep="  ", file=sys.stderr, flush=True)
            lines.append(line)
    _show(lines)
    print(on)
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / "scaling.json").write_text(json.dumps([asdict(line) for line in lines], indent=1))


def _show(lines: Sequence[Line]) -> None:
    table = Table(*_COLUMNS, box=SIMPLE)
    for line in lines:
        table.add_row(*line.cells)
    Console(width=_WIDTH).print(table)
    for name, what in _COLUMNS.items():
        print(f"{name}: {what}")


def measure(directory: Path) -> Iterator[Line]:
    """All lines, in the order of the table."""
    for search in (RANDOMIZED, OPTUNA):
        for workers in WORKERS:
            yield _alone(_load(workers, TRIAL, search), directory)
    for seconds in LONGER:
        yield _alone(_load(WORKERS[-1], seconds, RANDOMIZED), directory)
    for name, opened in STORES.items():
        with opened(_new(directory)) as store:
            for workers in WORKERS:
                load = _load(workers, TRIAL, RANDOMIZED)
                yield Line("randomized", name, *follow(load, _new(directory), store))


def _alone(load: Load, directory: Path) -> Line:
    return Line(load.search["backend"], None, hold(load, _new(directory), Trackers([])))


def _load(workers: int, seconds: float, search: dict[str, Any]) -> Load:
    trials = max(_WAVES * workers, min(_MOST, int(_SECONDS * workers / seconds)))
    return Load(workers, trials, seconds / MEAN_EPOCHS, search)


def _new(directory: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=directory))


def _forced(directory: Path) -> str:
    """Measure how long the disk takes to do what the journal asks of it twice a trial."""
    times = []
    with (directory / "forced").open("wb", buffering=0) as file:
        for _ in range(100):
            begun = time.perf_counter()
            file.write(b"x" * 300)
            os.fsync(file.fileno())
            times.append(time.perf_counter() - begun)
    return f"a forced write to its disk takes {1000 * statistics.median(times):.1f} ms"


if __name__ == "__main__":
    main()
