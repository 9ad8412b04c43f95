"""Compare default studies of twelve public tables with simple models, and write docs/tables.md.

    pip install -e ".[benchmarks]"
    python -m tests.benchmarks.tables

For each table, `searchlab init` writes a study file, and `searchlab run` runs it as it is. Tables
of few rows are run with several seeds, each with other test rows: the luck of 90 test rows is more
than the difference of two good models. docs/tables.md is written only if all tables were run in
full.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from ..commands import ROOT
from ..table import measured, with_table
from .compare import Compared, Standing, compare
from .report import line, markdown
from .sources import TABLES, PublicTable

_FEW, _SEEDS = 3_000, (1, 2, 3)


def main() -> None:
    """Run the benchmark."""
    given = _arguments()
    standings = []
    for table in TABLES:
        if table.name in given.only:
            standings.append(Standing(table, _studies(table, given.seeds)))
            print(line(standings[-1]), flush=True)
    if len(standings) == len(TABLES) and given.seeds is None:
        page = ROOT / "docs" / "tables.md"
        page.write_text(with_table(page.read_text(), markdown(standings, f"{measured()}.")))


def _studies(table: PublicTable, seeds: int | None) -> list[Compared]:
    """Run a table's studies: as many as asked for, or by default one if it has many rows."""
    studies: list[Compared] = []
    for seed in _SEEDS[:seeds]:
        with tempfile.TemporaryDirectory(prefix="searchlab-tables-") as directory:
            studies.append(compare(table, seed, Path(directory)))
        if seeds is None and studies[0].rows > _FEW:
            break
    return studies


def _arguments() -> argparse.Namespace:
    names = [table.name for table in TABLES]
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.tables",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="TABLE")
    parser.add_argument("--seeds", type=int, help="how many seeds for each table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
