"""The table of a study's trials, as files of its run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from searchlab.core.escape import in_spreadsheet
from searchlab.journal.record import StudyRecord
from searchlab.report.rows import TrialRow, trial_rows


def trials_table(record: StudyRecord) -> tuple[list[str], list[list[Any]]]:
    """Return the names of the columns and one row a trial; None where a trial has no value."""
    params = [name for name, _ in record.spec.search_space]
    rows = trial_rows(record)
    confirmed = any(row.confirmed is not None for row in rows)
    scores = ["objective", "confirmed"] if confirmed else ["objective"]
    columns = ["trial", "state", *scores, *params, "epochs", "seconds", "seed", "error"]
    return columns, [_cells(row, params, confirmed=confirmed) for row in rows]


def as_json(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return the table as MLflow's table view reads it: in pandas' "split" form."""
    return json.dumps({"columns": columns, "data": rows}, ensure_ascii=False, allow_nan=False)


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return the table for spreadsheets and scripts."""
    text = io.StringIO()
    cells = [[in_spreadsheet(cell) for cell in row] for row in (columns, *rows)]
    csv.writer(text, lineterminator="\n").writerows(cells)
    return text.getvalue()


def _cells(row: TrialRow, params: Sequence[str], *, confirmed: bool) -> list[Any]:
    return [
        row.number,
        str(row.state),
        row.value,
        *([row.confirmed] if confirmed else []),
        *(row.params.get(name) for name in params),
        row.epochs,
        None if row.seconds is None else round(row.seconds, 3),
        row.seed,
        row.error,
    ]
