"""`searchlab compare`: studies side by side, and whether they can be compared at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from searchlab.core.wording import clock_text, confirmed_text, number_text
from searchlab.errors import InputError
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import standing_of
from searchlab.report.json import test_value, value_of
from searchlab.report.phrases import data_text
from searchlab.report.tables import FirstThatFits, plain_table

COLUMNS = ("trials", "best", "confirmed", "test", "epochs", "time")
"""What each of the texts of a study is."""

_PAIR = 2
_INCOMPARABLE = {"data", "metrics", "directions"}  # where these differ, no study is the best


@dataclass(frozen=True)
class Line:
    """A study in a comparison; what is not known is None.

    Attributes:
        name: the study's.
        backend: the search library.
        data: the name of the data set.
        metric: the objective.
        direction: "maximize" or "minimize".
        state: the study's.
        trials: how many have ended.
        best: the best objective of the search.
        confirmed: the winner's mean with other seeds.
        spread: their standard deviation.
        test: the objective's metric of the study's model on the test rows.
        epochs: model-epochs of all trials.
        seconds: wall time that processes have spent on the study.
    """

    name: str
    backend: str
    data: str
    metric: str
    direction: str
    state: str
    trials: int
    best: float | None
    confirmed: float | None
    spread: float | None
    test: float | None
    epochs: int
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """Some studies, side by side.

    Attributes:
        studies: in the order given.
        best: the name of the best, or None where that cannot be said.
        by: what makes it the best: "confirmed", or "best" if not all are confirmed; or None.
        warnings: in what the studies differ so that their scores are not the same thing, a line
            each.
    """

    studies: tuple[Line, ...]
    best: str | None
    by: str | None
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The comparison as plain JSON values."""
        return asdict(self)


def compare(records: Sequence[StudyRecord]) -> Comparison:
    """Puts studies side by side.

    Raises:
        InputError: if there are fewer than two.
    """
    if len(records) < _PAIR:
        raise InputError("one study has nothing to be compared with: name two or more")
    lines = tuple(_line(record) for record in records)
    warnings = _warnings(records)
    best, by = (None, None) if _INCOMPARABLE & warnings.keys() else _best(lines)
    return Comparison(lines, best, by, tuple(warnings.values()))


def compare_table(comparison: Comparison) -> RenderableType:
    """One row a study, the best one marked; two lines each where there is no room."""
    wide, narrow = plain_table("study", "backend", "data"), plain_table("study")
    for table in (wide, narrow):
        for name in COLUMNS:
            table.add_column(name, justify="right", no_wrap=True)
    for line in comparison.studies:
        best = line.name == comparison.best
        name = f"* {line.name}" if best else line.name
        cells = [Text(cell) for cell in texts(line)]
        style = "bold" if best else ""
        wide.add_row(Text(name), Text(line.backend), Text(line.data), *cells, style=style)
        short = Text.assemble(name, "\n", (f"{line.backend} on {line.data}", "dim"))
        narrow.add_row(short, *cells, style=style)
    return FirstThatFits(wide, narrow)


def texts(line: Line) -> list[str]:
    """What a study has in each of `COLUMNS`, for people."""
    return [
        str(line.trials),
        number_text(line.best),
        confirmed_text(line.confirmed, line.spread),
        number_text(line.test),
        f"{line.epochs:,}",
        clock_text(line.seconds),
    ]


def remarks(comparison: Comparison) -> list[str]:
    """What is to be said below the table: what the mark means, and what to beware of."""
    first = comparison.studies[0]
    how = {"confirmed": "with other seeds", "best": "in the search; not all are confirmed"}
    lines = []
    if comparison.by is not None:
        better = "highest" if first.direction == "maximize" else "lowest"
        lines.append(f"* has the {better} {first.metric} {how[comparison.by]}")
    return [*lines, *(f"beware: {warning}" for warning in comparison.warnings)]


def _line(record: StudyRecord) -> Line:
    spec, best, standing = record.spec, record.best_trial, standing_of(record)
    return Line(
        name=spec.name,
        backend=spec.search.backend,
        data=data_text(spec),
        metric=spec.objective.metric,
        direction=spec.objective.way,
        state=record.state,
        trials=record.ended,
        best=None if best is None else value_of(best),
        confirmed=None if standing is None else standing.mean,
        spread=None if standing is None else standing.spread,
        test=test_value(record),
        epochs=record.epochs,
        seconds=record.seconds,
    )


def _best(lines: Sequence[Line]) -> tuple[str | None, str | None]:
    """The best study and the score that says so, of studies that mean the same by a score."""
    confirmed = all(line.confirmed is not None or line.best is None for line in lines)
    scored = [
        (line.confirmed if confirmed else line.best, line.name)
        for line in lines
        if line.best is not None
    ]
    known = [(score, name) for score, name in scored if score is not None]
    if not known:
        return None, None
    choose = max if lines[0].direction == "maximize" else min
    _, name = choose(known, key=lambda pair: pair[0])
    return name, "confirmed" if confirmed else "best"


def _warnings(records: Sequence[StudyRecord]) -> dict[str, str]:
    """In what the studies differ so that their scores are not the same thing, a line each."""
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
    if spec.evaluation.folds is None:
        scored = f"holdout {spec.evaluation.holdout}"
    return (
        f"test {spec.data.test}, validation {spec.data.validation}, {scored}, "
        f"seed {spec.search.seed}"
    )


_SAME: dict[str, Callable[[StudyRecord], str]] = {
    "data": _data,
    "metrics": lambda record: record.spec.objective.metric,
    "directions": lambda record: record.spec.objective.way,
    "splits": _splits,
}
"""What studies should have in common, and how it reads."""
