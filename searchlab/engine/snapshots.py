"""Snapshots of a search library's state, so that a long study is not asked for all over again.

A replay costs what all asks cost together: hours for TPE after 20,000 trials. So now and then the
backend's state is written beside the journal, as plain values and never as code. It is only used if
it fits: the journal must have the lines that it was made after, by their running checksum, and
searchlab and the libraries must be the same. Otherwise the journal is replayed, which is always
right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from searchlab.backends.base import Backend, Past, Resumable
from searchlab.core.atomic import whole_file
from searchlab.core.codec import decode, encode
from searchlab.core.sealed import sealed, unsealed
from searchlab.core.trial import Outcome, Report, Suggestion
from searchlab.core.versions import __version__, installed
from searchlab.engine.replay import Answer, Answers, is_later, proceed, replay
from searchlab.journal.events import Asked, Entry, Reported, Told
from searchlab.journal.journal import Journal, checksum
from searchlab.journal.layout import StudyLayout

_EVERY = 10  # asks between snapshots; so many are repeated at most


@dataclass(frozen=True)
class Snapshot:
    """The state of a search after some lines of its journal.

    Attributes:
        lines: how many.
        checksum: of the last of them, which covers all.
        versions: of searchlab and the libraries.
        answers: the latest answer for each open trial that has reported.
        backend: the backend's own state.
    """

    lines: int
    checksum: int
    versions: Mapping[str, str]
    answers: Mapping[int, Answer]
    backend: Mapping[str, Any]


class Snapshots:
    """A tracker that writes snapshots while a search runs.

    An ask is written to the journal after the backend was asked, and all other calls to the backend
    come before the next ask: its state is then the one that the journal's lines lead to.
    """

    def __init__(
        self, paths: StudyLayout, journal: Journal, backend: Backend, answers: Answers
    ) -> None:
        self._path, self._journal = paths.search, journal
        self._backend, self._answers = backend, answers
        self._versions = _versions()
        self._asked = 0

    def replay(self, entries: Sequence[Entry]) -> None:
        """Take the entries of earlier processes."""

    def record(self, entry: Entry) -> None:
        """Write a snapshot after some asks; one that cannot be written costs only time."""
        self._asked += isinstance(entry.event, Asked)
        if isinstance(entry.event, Asked) and self._asked % _EVERY == 0:
            self.write()

    def write(self) -> None:
        """Write a snapshot now, if the backend has one."""
        kept = self._backend.snapshot() if isinstance(self._backend, Resumable) else None
        if kept is None:
            return
        journal = self._journal
        snapshot = Snapshot(
            journal.lines, journal.checksum, self._versions, dict(self._answers.open), kept
        )
        with suppress(OSError), whole_file(self._path, lasting=False) as scratch:
            scratch.write_text(sealed(encode(snapshot)), encoding="utf-8")

    def close(self) -> None:
        """Do nothing, as each snapshot has been written by now."""


def resume(backend: Backend, entries: Sequence[Entry], paths: StudyLayout) -> Answers:
    """Bring a new backend to the state that the journal leads to; see `replay`.

    Args:
        backend: made from the same study and not yet asked anything.
        entries: the journal, in order.
        paths: of the study.

    Raises:
        ReplayError: if the backend's suggestions differ from the journal's.
    """
    if isinstance(backend, Resumable) and (kept := _read(paths)) is not None:
        with suppress(ValueError):
            backend.restore(past(entries[: kept.lines]), kept.backend)
            answers = Answers(backend, kept.answers)
            proceed(backend, answers, entries[kept.lines :])
            return answers
    return replay(backend, entries)


def _versions() -> dict[str, str]:
    return {"searchlab": __version__, **installed()}


def _read(paths: StudyLayout) -> Snapshot | None:
    """Return the snapshot if there is one and it fits the journal and the versions."""
    try:
        kept = decode(Snapshot, unsealed(paths.search.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    fits = checksum(paths.journal, kept.lines) == kept.checksum
    return kept if fits and kept.versions == _versions() else None


def past(entries: Sequence[Entry]) -> list[Past]:
    """Return the trials that were asked for, with the reports that reached the backend."""
    asked: dict[int, Suggestion] = {}
    reports: dict[int, list[Report]] = {}
    outcomes: dict[int, Outcome] = {}
    for entry in entries:
        match entry.event:
            case Reported() as reported:  # most are
                report = reported.report
                known = reports[report.number]
                if not known or is_later(report, known[-1]):
                    known.append(report)
            case Asked(trial):
                asked[trial.number], reports[trial.number] = trial.suggestion, []
            case Told(outcome):
                outcomes[outcome.number] = outcome
    return [
        Past(number, suggestion, reports[number], outcomes.get(number))
        for number, suggestion in asked.items()
    ]
