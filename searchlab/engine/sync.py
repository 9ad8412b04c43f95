"""`searchlab sync`: what a tracking store lacks of a study is sent to it, from the journal."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from searchlab.errors import TrackingError
from searchlab.journal.home import StudyHome, load_record
from searchlab.journal.ids import StudyIds
from searchlab.journal.journal import read_journal
from searchlab.tracking.base import Render
from searchlab.tracking.mlflow.state import read_ids
from searchlab.tracking.mlflow.tracker import MlflowTracker

_LONGEST = 3600.0  # seconds; a store that answers may take its time with a long study


@dataclass(frozen=True)
class Synced:
    """What a store was sent.

    Attributes:
        sent: how many entries of the journal it lacked.
        ids: where the study is found there.
    """

    sent: int
    ids: StudyIds


def sync_study(name: str, cwd: Path, uri: str, render: Render) -> Synced:
    """Sends a study to a store, which has all of it afterwards, each point once.

    Args:
        name: the study.
        cwd: the working directory, where `.searchlab/` is.
        uri: the tracking URI, from `resolve_uri`. A store that has nothing of the study gets all.
        render: makes the HTML report of the study's run.

    Raises:
        InputError: if there is no such study.
        StudyLockedError: if a process runs the study, and so sends it itself.
        JournalError: if its journal is damaged.
        TrackingError: if the store did not take everything; the next call sends the rest.
    """
    load_record(name, cwd)  # a directory for a study that is not there must not be made
    home = StudyHome(name, cwd)
    with home.locked():
        tracker = MlflowTracker(uri, home.directory, _LONGEST, render=render)
        with contextlib.closing(tracker):
            tracker.replay(list(read_journal(home.paths.journal)))
    ids = read_ids(home.directory)
    if tracker.pending or tracker.problem or ids is None:
        raise TrackingError(
            f"{tracker.problem or 'the store took too long'}; nothing is lost, the journal has "
            f"all of study {name}: run this again once the store is back"
        )
    return Synced(tracker.sent, ids)
