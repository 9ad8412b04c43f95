"""A data set as it was understood, as a table for a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text

from searchlab.core.wording import one_line
from searchlab.data.understood import Column, Profile
from searchlab.report.tables import FirstThatFits, plain_table

_MOST = 20  # lines of the short table
_NAMED = 2  # columns named of those that share a line
_NAME = 24  # characters of a line of a name in a narrow terminal
_TREATMENT = 19  # characters that most of them have
_FINDINGS = 10  # shown in the short form
_ROLES = {"target": "bold", "dropped": "dim"}


def understood(profile: Profile, *, whole: bool, command: str = "") -> RenderableType:
    """Return what was understood: the size, the columns, the findings.

    Args:
        profile: the data set.
        whole: whether each column gets a line, however many there are.
        command: the command that shows the whole, for a short form that leaves something out.
    """
    rows = [[column] for column in profile.columns]
    if not whole and len(rows) > _MOST:
        rows = _alike(profile.columns)
    shown = rows if whole else rows[:_MOST]
    parts: list[RenderableType] = [_head(profile), *_notes(profile), _table(shown, profile)]
    left = sum(map(len, rows[len(shown) :]))
    findings = profile.findings if whole else profile.findings[:_FINDINGS]
    parts += [Text(f"! {each.message}", "yellow") for each in findings]
    hidden = []
    if left:
        hidden.append(f"{left:,} more columns")
    if more := len(profile.findings) - len(findings):
        hidden.append(f"{more} more findings")
    if hidden or len(rows) < len(profile.columns):
        said = f"{' and '.join(hidden) or 'each column'}: {command}"
        parts.append(Text(said if command else " and ".join(hidden), "dim"))
    return Group(*parts)


def kind_text(column: Column) -> str:
    """Return kind and reason, or the reason alone if it names the kind."""
    if column.kind in column.why or not column.kind:
        return column.why
    return f"{column.kind} ({column.why})" if column.why else column.kind


def missing_text(column: Column, rows: int) -> str:
    """Return the share of rows without a value, never rounded to all or none; "" for none."""
    if not column.missing:
        return ""
    percent = 100 * column.missing / max(1, rows)
    near = "< 1 %" if percent < 1 else "> 99 %"
    return f"{percent:.0f} %" if 1 <= percent <= 99 or percent == 100 else near  # noqa: PLR2004


def parts_text(profile: Profile) -> str:
    """Return the rows of each part: `rows: 1,149 to train, 288 to stop early, 360 to test`."""
    words = {"train": "to train", "validation": "to stop early", "test": "to test"}
    said = (f"{profile.parts[key]:,} {use}" for key, use in words.items())
    return f"rows: {', '.join(said)}"


def _head(profile: Profile) -> Text:
    features = sum(column.role == "feature" for column in profile.columns)
    shape = " x ".join(f"{size:,}" for size in profile.shape)
    return Text.assemble(
        (profile.source, "bold"),
        f": {profile.rows:,} rows, {features:,} feature{'s' if features > 1 else ''} -> "
        f"{shape} input{'s' if profile.shape != (1,) else ''}\n",
        (parts_text(profile), "dim"),
    )


def _notes(profile: Profile) -> Iterator[Text]:
    for note in profile.notes:
        yield Text(f"  {one_line(note)}", "dim")


def _alike(columns: Sequence[Column]) -> list[list[Column]]:
    """Return columns that are used alike together, in the order of the first of each."""
    order: dict[tuple[str, ...], list[Column]] = {}
    for column in columns:
        order.setdefault(_use(column), []).append(column)
    return list(order.values())


def _use(column: Column) -> tuple[str, ...]:
    treatment = column.treatment.split(",", maxsplit=1)[0]
    return (column.role, column.kind, column.why.split(",", maxsplit=1)[0], treatment)


def _table(rows: Sequence[Sequence[Column]], profile: Profile) -> RenderableType:
    wide = plain_table("column", "kind", "why", "what is done", "missing", "examples")
    narrow = plain_table("column", "kind", "what is done", "missing", "examples")
    for table in (wide, narrow):
        missing_column = next(each for each in table.columns if each.header == "missing")
        missing_column.justify, missing_column.no_wrap = "right", True
    narrow.columns[0].max_width, narrow.columns[2].min_width = _NAME, _TREATMENT
    for row in rows:
        column, style = row[0], _ROLES.get(row[0].role, "")
        name, missing = _name(row), _missing(row, profile.rows)
        treatment, examples = _treatment(row), ", ".join(column.examples)
        cells = [name, column.kind, column.why, treatment, missing, examples]
        wide.add_row(*map(Text, cells), style=style)
        few = ", ".join(column.examples[:2])
        narrow.add_row(*map(Text, (name, kind_text(column), treatment, missing, few)), style=style)
    return FirstThatFits(wide, narrow)


def _name(row: Sequence[Column]) -> str:
    names = [one_line(column.name) for column in row]
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:_NAMED])}, ... ({len(names):,} columns)"


def _treatment(row: Sequence[Column]) -> str:
    column = row[0]
    said = column.treatment
    if len({each.treatment for each in row}) > 1:
        said = said.split(",", maxsplit=1)[0]
    if column.role in {"feature", "dropped"}:
        return said
    return f"{column.role}: {said}" if said else column.role


def _missing(row: Sequence[Column], rows: int) -> str:
    most = max(row, key=lambda column: column.missing)
    text = missing_text(most, rows)
    alike = len(list(groupby(sorted(column.missing for column in row)))) == 1
    return text if alike or not text else f"to {text}"
