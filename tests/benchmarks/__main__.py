"""Measure searchlab beside plain scripts of the libraries, and write the table to docs/speed.md.

    python -m tests.benchmarks

Run it from the root of the repository on a quiet machine. docs/speed.md is written only if all rows
were measured in full. The plain scripts take most of the time, so `--reuse` takes their numbers
from an earlier run, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from searchlab.engine.plugins import EXECUTORS

from .bench import QUICK, Bench, Scale
from .commands import ROOT, BenchmarkError
from .peers import Peers
from .rows import book, data, ending, hundred, hyperband, limit, memory, overhead, pruning, short
from .table import Row, markdown, remark, show, with_table

ROWS: dict[str, Callable[[Bench], list[Row]]] = {
    "digits": short.rows,
    "book": book.rows,
    "data": data.rows,
    "ending": ending.rows,
    "hundred": hundred.rows,
    "optuna": pruning.rows,
    "hyperband": hyperband.rows,
    "limit": limit.rows,
    "memory": memory.rows,
    "overhead": overhead.rows,
}
"""The rows that can be measured, by their names for `--only`, in the order of the table."""

_RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run the benchmark."""
    given = _arguments()
    with tempfile.TemporaryDirectory(prefix="searchlab-benchmark-") as directory:
        place = Path(directory)
        store = place / "kept" if given.quick else _RESULTS
        bench = Bench(
            given.executor,
            given.repeat,
            QUICK if given.quick else Scale(),
            place / "ours",
            Peers(place / "plain", store, given.reuse),
        )
        rows, failures = measure(bench, given.only)
    on = remark(given.executor, given.repeat)
    show(rows, on)
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        sys.exit(1)
    if not given.quick and given.only == list(ROWS):
        _RESULTS.mkdir(exist_ok=True)
        (_RESULTS / "rows.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
        page = ROOT / "docs" / "speed.md"
        page.write_text(with_table(page.read_text(), markdown(rows, on)))


def measure(bench: Bench, names: Sequence[str]) -> tuple[list[Row], list[str]]:
    """Return the rows of these names, and the failures, which do not stop other rows."""
    rows: list[Row] = []
    failures = []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        try:
            rows += ROWS[name](bench)
        except BenchmarkError as error:
            failures.append(f"{name}: {error}")
    return rows, failures


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", type=names, default=list(ROWS), help=f"some of {','.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="tiny studies, to see that it works")
    parser.add_argument("--repeat", type=int, default=1, help="take medians of so many runs")
    parser.add_argument("--reuse", action="store_true", help="plain scripts' times as kept before")
    parser.add_argument("--executor", choices=sorted(EXECUTORS), default="fused")
    return parser.parse_args()


def names(text: str) -> list[str]:
    """Parse a list such as "book,limit" to names of rows, in the order of the table.

    Raises:
        ArgumentTypeError: if there is no such row.
    """
    given = text.split(",")
    if unknown := set(given) - set(ROWS):
        message = f"no row {', '.join(sorted(unknown))}: choose from {', '.join(ROWS)}"
        raise argparse.ArgumentTypeError(message)
    return [name for name in ROWS if name in given]


if __name__ == "__main__":
    main()
