"""The most frequent reasons why trials failed, or were trained one by one, a line each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from searchlab.core.wording import one_line, reason_text
from searchlab.journal.record import StudyRecord
from searchlab.report.rows import TrialRow

_LISTED = 3  # reasons of one kind, and trials of one reason

Lines = Iterator[tuple[str, str]]
"""Label and text of each line; the label of a line that continues is empty."""


def failures(rows: Sequence[TrialRow]) -> Lines:
    """Yield the most frequent reasons of failure, with the trials that they struck."""
    struck: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row.error is not None:
            struck[row.error].append(row.number)
    for reason, numbers in _first(struck):
        shown = ", ".join(map(str, numbers[:_LISTED])) + (", ..." * (len(numbers) > _LISTED))
        yield "failed", f"{len(numbers)} x {reason}  (trial {shown})"
    yield from _rest(struck)


def unfused(rows: Sequence[TrialRow]) -> Lines:
    """Yield the most frequent reasons why trials were trained by themselves, with their number."""
    alone: dict[str, list[int]] = defaultdict(list)
    ended = [row for row in rows if row.seconds is not None]
    for row in ended:
        if row.unfused is not None:
            alone[one_line(row.unfused)].append(row.number)
    for reason, numbers in _first(alone):
        yield "unfused", f"{len(numbers)} of {len(ended)} trials were trained one by one: {reason}"
    yield from _rest(alone)


def fatal_failure(record: StudyRecord) -> str | None:
    """Return which trial's failure ended the study and how to go on; None if none did."""
    number = None if record.stopped is None else record.stopped.failed
    outcome = None if number is None else record.trials[number].outcome
    if outcome is None or outcome.error is None:
        return None
    return (
        f"trial {number} failed, and search.on_failure is stop: {reason_text(outcome.error)}; "
        "to go on without it, run again with --set search.on_failure=continue"
    )


def _first(reasons: dict[str, list[int]]) -> list[tuple[str, list[int]]]:
    return sorted(reasons.items(), key=lambda item: -len(item[1]))[:_LISTED]


def _rest(reasons: dict[str, list[int]]) -> Lines:
    if len(reasons) > _LISTED:
        yield "", f"and {len(reasons) - _LISTED} other reasons"
