"""Compare default studies of twelve public tables with simple models, and write docs/tables.md.

    pip install -e ".[benchmarks]"
    python -m tests.benchmarks.tables

For each table, `searchlab init` writes a study file, and `searchlab run` runs it as it is. Tables
of few rows are run with several seeds, each with other test rows: the luck of 90 test rows is more
than the difference of two good models. Results are kept beside this file, so that `--only` measures
some tables again; docs/tables.md is written from all that are kept.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from ..commands import ROOT
from ..table import measured, with_table
from .compare import Compared, Standing, compare
from .report import line, markdown
from .sources import TABLES, PublicTable

_FEW, _SEEDS = 3_000, (1, 2, 3)
_KEPT = Path(__file__).parents[1] / "results" / "tables"


def main() -> None:
    """Run the benchmark."""
    given = _arguments()
    _KEPT.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        if table.name in given.only:
            studies = _studies(table, given.seeds)
            _file(table).write_text(json.dumps([asdict(each) for each in studies]))
            print(line(Standing(table, studies)), flush=True)
    page = ROOT / "docs" / "tables.md"
    standings = [Standing(table, _kept(table)) for table in TABLES if _file(table).exists()]
    missing = ", ".join(table.name for table in TABLES if not _file(table).exists())
    remark = f"{measured()}." + (f" Not measured yet: {missing}." if missing else "")
    page.write_text(with_table(page.read_text(), markdown(standings, remark)))


def _file(table: PublicTable) -> Path:
    return _KEPT / f"{table.name}.json"


def _kept(table: PublicTable) -> list[Compared]:
    """Return a table's studies of this run or an earlier one."""
    return [Compared(**each) for each in json.loads(_file(table).read_text())]


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
