"""`searchlab compare`: studies side by side, and whether their scores can be compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from searchlab.core.wording import clock_text, confirmed_text, number_text
from searchlab.errors import InputError
from searchlab.journal.record import StudyRecord
from searchlab.report.phrases import data_text, division_text, search_text
from searchlab.report.rows import StudyRow, study_row
from searchlab.report.tables import FirstThatFits, plain_table

COLUMNS = ("trials", "best", "confirmed", "test", "epochs", "time")
"""The columns of the comparison, in the order of `texts`."""

_PAIR = 2
_INCOMPARABLE = {"data", "metrics", "directions"}  # where these differ, no study is the best


@dataclass(frozen=True)
class Comparison:
    """Studies side by side.

    Attributes:
        studies: in the order given.
        best: the name of the best, or None where that cannot be said.
        by: the score that decides: "confirmed", or "best" if not all are confirmed; or None.
        warnings: the differences that make their scores incomparable, a line each.
    """

    studies: tuple[StudyRow, ...]
    best: str | None
    by: str | None
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as plain JSON values."""
        return asdict(self)


def compare(records: Sequence[StudyRecord]) -> Comparison:
    """Put studies side by side.

    Raises:
        InputError: if there are fewer than two.
    """
    if len(records) < _PAIR:
        raise InputError("one study has nothing to be compared with: name two or more")
    rows = tuple(study_row(record) for record in records)
    warnings = _warnings(records)
    best, by = (None, None) if _INCOMPARABLE & warnings.keys() else _best(rows)
    return Comparison(rows, best, by, tuple(warnings.values()))


def compare_table(comparison: Comparison) -> RenderableType:
    """Return a table of studies, the best one marked; on two lines each in a narrow terminal."""
    wide, narrow = plain_table("study", "backend", "data"), plain_table("study")
    for table in (wide, narrow):
        for name in COLUMNS:
            table.add_column(name, justify="right", no_wrap=True)
    for row in comparison.studies:
        best = row.name == comparison.best
        name = f"* {row.name}" if best else row.name
        cells = [Text(cell) for cell in texts(row)]
        style = "bold" if best else ""
        wide.add_row(Text(name), Text(row.backend), Text(row.data), *cells, style=style)
        short = Text.assemble(name, "\n", (search_text(row.backend, row.data), "dim"))
        narrow.add_row(short, *cells, style=style)
    return FirstThatFits(wide, narrow)


def texts(row: StudyRow) -> list[str]:
    """Return the text of a study in each of `COLUMNS`."""
    return [
        str(row.trials),
        number_text(row.best),
        confirmed_text(row.confirmed, row.spread),
        number_text(row.value) + (" (validation)" if row.measured == "validation" else ""),
        f"{row.epochs:,}",
        clock_text(row.seconds),
    ]


def remarks(comparison: Comparison) -> list[str]:
    """Return the lines below the table: the meaning of the mark, and warnings."""
    first = comparison.studies[0]
    how = {"confirmed": "with other seeds", "best": "in the search; not all are confirmed"}
    lines = []
    if comparison.by is not None:
        better = "highest" if first.direction == "maximize" else "lowest"
        lines.append(f"* has the {better} {first.metric} {how[comparison.by]}")
    return [*lines, *(f"beware: {warning}" for warning in comparison.warnings)]


def _best(rows: Sequence[StudyRow]) -> tuple[str | None, str | None]:
    """Return the best study and the score that says so, of studies with comparable scores."""
    confirmed = all(row.confirmed is not None or row.best is None for row in rows)
    scored = [
        (row.confirmed if confirmed else row.best, row.name) for row in rows if row.best is not None
    ]
    known = [(score, name) for score, name in scored if score is not None]
    if not known:
        return None, None
    choose = max if rows[0].direction == "maximize" else min
    _, name = choose(known, key=lambda pair: pair[0])
    return name, "confirmed" if confirmed else "best"


def _warnings(records: Sequence[StudyRecord]) -> dict[str, str]:
    """Return the differences that make the studies' scores incomparable, a line each."""
    found: dict[str, str] = {}
    for what, read in _SAME.items():
        values: dict[str, list[str]] = {}
        for record in records:
            values.setdefault(read(record), []).append(record.spec.name)
        if len(values) > 1 and not (what == "splits" and "data" in found):
            shown = "; ".join(f"{value} in {', '.join(names)}" for value, names in values.items())
            found[what] = f"the studies have different {what}: {shown}"
    return found


def _data(record: StudyRecord) -> str:
    digest = "" if record.started is None else str(record.started.data.get("digest", ""))
    return f"{data_text(record.spec)} ({digest[:8]})" if digest else data_text(record.spec)


def _splits(record: StudyRecord) -> str:
    spec = record.spec
    scored = f"{spec.evaluation.folds} folds"
    if spec.evaluation.repeats > 1:
        scored += f" x {spec.evaluation.repeats}"
    if spec.evaluation.folds is None:
        scored = f"holdout {spec.evaluation.holdout}"
    return (
        f"{division_text(spec)}, test {spec.data.test_text}, validation {spec.data.validation}, "
        f"{scored}, seed {spec.search.seed}"
    )


_SAME: dict[str, Callable[[StudyRecord], str]] = {
    "data": _data,
    "metrics": lambda record: record.spec.objective.metric,
    "directions": lambda record: record.spec.objective.way,
    "splits": _splits,
}
"""The settings that comparable studies share, each with its text."""
