"""Why trials failed, or were trained one by one: the most frequent reasons, a line each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from searchlab.core.trial import Outcome
from searchlab.core.wording import one_line, reason_text
from searchlab.journal.record import StudyRecord

_LISTED = 3  # reasons of one kind, and trials of one reason

Lines = Iterator[tuple[str, str]]
"""Label and text of each line; the label of a line that goes on is empty."""


def failures(record: StudyRecord) -> Lines:
    """The most frequent reasons of failure, with the trials that they struck."""
    struck: dict[str, list[int]] = defaultdict(list)
    for outcome in _outcomes(record):
        if outcome.error is not None:
            struck[reason_text(outcome.error)].append(outcome.number)
    for reason, numbers in _first(struck):
        shown = ", ".join(map(str, numbers[:_LISTED])) + (", ..." * (len(numbers) > _LISTED))
        yield "failed", f"{len(numbers)} x {reason}  (trial {shown})"
    yield from _rest(struck)


def unfused(record: StudyRecord) -> Lines:
    """The most frequent reasons why trials were trained by themselves, with how many were."""
    alone: dict[str, list[int]] = defaultdict(list)
    ended = _outcomes(record)
    for outcome in ended:
        if outcome.unfused is not None:
            alone[one_line(outcome.unfused)].append(outcome.number)
    for reason, numbers in _first(alone):
        yield "unfused", f"{len(numbers)} of {len(ended)} trials were trained one by one: {reason}"
    yield from _rest(alone)


def _outcomes(record: StudyRecord) -> list[Outcome]:
    """The outcomes so far, by trial."""
    trials = [record.trials[number] for number in sorted(record.trials)]
    return [trial.outcome for trial in trials if trial.outcome is not None]


def _first(reasons: dict[str, list[int]]) -> list[tuple[str, list[int]]]:
    return sorted(reasons.items(), key=lambda item: -len(item[1]))[:_LISTED]


def _rest(reasons: dict[str, list[int]]) -> Lines:
    if len(reasons) > _LISTED:
        yield "", f"and {len(reasons) - _LISTED} other reasons"
