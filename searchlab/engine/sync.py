"""`searchlab sync`: send a tracking store the parts of a study that it lacks."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from searchlab.core.garbage import no_collection
from searchlab.errors import TrackingError
from searchlab.journal.home import StudyHome, require_study
from searchlab.journal.ids import StudyIds
from searchlab.journal.journal import read_journal
from searchlab.tracking.base import Render
from searchlab.tracking.mlflow.state import read_ids
from searchlab.tracking.mlflow.tracker import MlflowTracker

_LONGEST = 3600.0  # seconds; a store may need long for a big study, as long as it answers


@dataclass(frozen=True)
class Synced:
    """The result of a synchronization.

    Attributes:
        sent: number of journal entries that the store lacked.
        ids: the study's ids in the store.
    """

    sent: int
    ids: StudyIds


def sync_study(name: str, cwd: Path, uri: str, render: Render) -> Synced:
    """Send a study to a store, which then has all of it, each point once.

    Args:
        name: the study's name.
        cwd: the working directory that contains `.searchlab/`.
        uri: the tracking URI, from `resolve_uri`; a store without the study gets all of it.
        render: renders the HTML report of the study's run.

    Raises:
        InputError: if there is no such study.
        StudyLockedError: if a process runs the study, and thus sends it itself.
        JournalError: if its journal is damaged.
        TrackingError: if the store did not accept everything; the next call sends the rest.
    """
    require_study(name, cwd)  # before the lock, which would create a directory for a missing study
    home = StudyHome(name, cwd)
    with home.locked():
        tracker = MlflowTracker(uri, home.directory, _LONGEST, render=render)
        with contextlib.closing(tracker):
            with no_collection():
                entries = list(read_journal(home.paths.journal))
            tracker.replay(entries)
    ids = read_ids(home.directory)
    if tracker.pending or tracker.problem or ids is None:
        raise TrackingError(
            f"{tracker.problem or 'the store took too long'}; nothing is lost, the journal has "
            f"all of study {name}: run this again once the store is back"
        )
    return Synced(tracker.sent, ids)
