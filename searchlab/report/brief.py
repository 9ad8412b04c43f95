"""A study in brief, as `list` shows it: kept beside the journal, which may be long.

What is kept is used only as long as the journal is where it was, with the size and the last
checksum that it had, and searchlab is the same version; the checksum of a line covers all lines
before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchlab.core.atomic import whole_file
from searchlab.core.codec import decode, encode
from searchlab.core.sealed import sealed, unsealed
from searchlab.core.versions import __version__
from searchlab.journal.home import load_record
from searchlab.journal.journal import last_checksum
from searchlab.journal.layout import StudyLayout, study_layout
from searchlab.journal.record import StudyRecord
from searchlab.report.json import record_json
from searchlab.report.results import planned_trials
from searchlab.report.rows import StudyRow, study_row


@dataclass(frozen=True)
class Brief:
    """A study in brief.

    Attributes:
        row: the study beside others.
        planned: how many trials were asked for, or None.
        json: the study as plain JSON values, but for its place in a tracking store.
    """

    row: StudyRow
    planned: int | None
    json: Mapping[str, Any]


@dataclass(frozen=True)
class _Kept:
    """A brief and what it was made of: the place of a journal, its size in bytes, its checksum."""

    version: str
    directory: str
    size: int
    checksum: int
    brief: Brief


def brief_of(record: StudyRecord, directory: Path) -> Brief:
    """Return a study in brief."""
    return Brief(study_row(record), planned_trials(record), record_json(record, directory))


def load_brief(name: str, cwd: Path) -> Brief:
    """Return a study of this working directory in brief, and keep it for the next time.

    Raises:
        InputError: if there is no such study.
        JournalError: if its journal is damaged.
    """
    paths = study_layout(name, cwd)
    state = _state(paths)
    if state is not None and (kept := _read(paths)) is not None and _is_of(kept, state):
        return kept.brief
    brief = brief_of(load_record(name, cwd), paths.directory)
    if state is not None and state == _state(paths):  # no process has written meanwhile
        _write(paths, state, brief)
    return brief


def keep_brief(record: StudyRecord, paths: StudyLayout) -> None:
    """Keep a study in brief, so that even the first `list` need not read its journal.

    Args:
        record: the study, to the last line of its journal.
        paths: of the study, which no other process writes to.
    """
    if (state := _state(paths)) is not None:
        _write(paths, state, brief_of(record, paths.directory))


def _write(paths: StudyLayout, state: tuple[str, int, int], brief: Brief) -> None:
    """Write a brief; one that cannot be written costs only time."""
    with suppress(OSError, ValueError), whole_file(paths.brief, lasting=False) as scratch:
        values = encode(_Kept(__version__, *state, brief))
        scratch.write_text(sealed(values, allow_nan=False), encoding="utf-8")


def _state(paths: StudyLayout) -> tuple[str, int, int] | None:
    """Return place, size and last checksum of a journal; None if its last line is not whole."""
    with suppress(OSError):
        checksum, size = last_checksum(paths.journal), paths.journal.stat().st_size
        return None if checksum is None else (str(paths.directory), size, checksum)
    return None


def _is_of(kept: _Kept, state: tuple[str, int, int]) -> bool:
    return (kept.version, kept.directory, kept.size, kept.checksum) == (__version__, *state)


def _read(paths: StudyLayout) -> _Kept | None:
    try:
        return decode(_Kept, unsealed(paths.brief.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
