"""A study in brief, as `list` shows it: kept beside the journal, which may be long.

What is kept is the study's record in little, after some lines of the journal. It is used as long as
the journal has these lines, which the checksum of the last of them tells, and searchlab is the same
version; the lines that came later are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchlab.core.atomic import whole_file
from searchlab.core.codec import decode, encode
from searchlab.core.sealed import sealed, unsealed
from searchlab.core.versions import __version__
from searchlab.errors import SearchlabError
from searchlab.journal.condensed import Condensed
from searchlab.journal.events import Asked, Entry, Reported, Told, Waited
from searchlab.journal.home import load_record, require_study
from searchlab.journal.journal import last_checksum, read_after
from searchlab.journal.layout import StudyLayout, study_layout
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import best_trials
from searchlab.report.json import record_json
from searchlab.report.results import planned_trials
from searchlab.report.rows import StudyRow, study_row

_EVERY = 10  # asks after which a running study keeps its brief
_MANY = 1000  # lines since then, after which `list` keeps it anew


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
    """A study's record in little, after the first bytes of its journal.

    Attributes:
        version: of searchlab.
        size: how many bytes.
        checksum: of the last line in them.
        record: the record.
    """

    version: str
    size: int
    checksum: int
    record: Condensed


class Briefs:
    """A tracker that keeps a running study in brief, so that `list` need not read its journal.

    After a kill the brief lacks some trials, which `list` finds in the lines that follow.
    """

    def __init__(self, record: StudyRecord, paths: StudyLayout) -> None:
        """Follow a study.

        Args:
            record: the study, which has each entry before this tracker.
            paths: of the study, which no other process writes to.
        """
        self._record, self._paths = record, paths
        self._asked = 0

    def replay(self, entries: Sequence[Entry]) -> None:
        """Take the entries of earlier processes."""

    def record(self, entry: Entry) -> None:
        """Keep the study in brief after some asks, and after all that is rare."""
        match entry.event:
            case Reported() | Told() | Waited():
                return
            case Asked():
                self._asked += 1
                if self._asked % _EVERY:
                    return
        keep_brief(self._record, self._paths)

    def close(self) -> None:
        """Do nothing, as all has been written by now."""


def brief_of(record: StudyRecord, directory: Path) -> Brief:
    """Return a study in brief."""
    return Brief(study_row(record), planned_trials(record), record_json(record, directory))


def load_brief(name: str, cwd: Path) -> Brief:
    """Return a study of this working directory in brief, and keep it for the next time.

    Raises:
        InputError: if there is no such study.
        JournalError: if its journal is damaged.
    """
    require_study(name, cwd)
    paths = study_layout(name, cwd)
    state = _state(paths)
    record, read = _continued(paths) or (load_record(name, cwd), _MANY)
    if read >= _MANY and state is not None and state == _state(paths):  # no line meanwhile
        _write(paths, state, record)
    return brief_of(record, paths.directory)


def _continued(paths: StudyLayout) -> tuple[StudyRecord, int] | None:
    """Return what was kept with the lines since, and their number; None if it cannot be used."""
    kept = _read(paths)
    if kept is None or kept.version != __version__:
        return None
    read = 0
    try:
        record = StudyRecord().restore(kept.record)
        ending = record.ending
        for entry in read_after(paths.journal, kept.size, kept.checksum):
            record.apply(entry)
            read += 1
    except (OSError, LookupError, SearchlabError):  # reading all of it will tell
        return None
    return (record, read) if record.ending == ending else None  # which says how many are the best


def keep_brief(record: StudyRecord, paths: StudyLayout) -> None:
    """Keep a study in brief, so that even the first `list` need not read its journal.

    Args:
        record: the study, to the last line of its journal.
        paths: of the study, which no other process writes to.
    """
    if (state := _state(paths)) is not None:
        _write(paths, state, record)


def _write(paths: StudyLayout, state: tuple[int, int], record: StudyRecord) -> None:
    """Write a brief; one that cannot be written costs only time."""
    winner = None if record.stopped is None else record.stopped.winner
    best = {each.trial.number for each in best_trials(record, max(1, record.ending.top))}
    condensed = record.condensed(best if winner is None else {*best, winner})
    if condensed is not None:
        with suppress(OSError), whole_file(paths.brief, lasting=False) as scratch:
            kept = _Kept(__version__, *state, condensed)
            scratch.write_text(sealed(encode(kept)), encoding="utf-8")


def _state(paths: StudyLayout) -> tuple[int, int] | None:
    """Return size and last checksum of a journal; None if its last line is not whole."""
    with suppress(OSError):
        checksum, size = last_checksum(paths.journal), paths.journal.stat().st_size
        return None if checksum is None else (size, checksum)
    return None


def _read(paths: StudyLayout) -> _Kept | None:
    try:
        return decode(_Kept, unsealed(paths.brief.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
