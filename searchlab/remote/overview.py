"""The studies of a working directory, with those that it has submitted to clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from searchlab.errors import SearchlabError
from searchlab.journal.home import StudyHome, load_record, study_names
from searchlab.journal.record import StudyRecord
from searchlab.remote.sent import sent
from searchlab.tracking.mlflow.state import TrackingIds, read_ids

if TYPE_CHECKING:
    from searchlab.remote.keeper import Standing


@dataclass(frozen=True)
class Row:
    """A study.

    Attributes:
        record: the study.
        ids: where it lies in its tracking store, if it has got there.
        directory: its directory; on the cluster's head for one that is there.
        cluster: the address of the cluster that it was submitted to, or "".
    """

    record: StudyRecord
    ids: TrackingIds | None
    directory: Path
    cluster: str = ""


def all_studies(cwd: Path, address: str | None, warn: Callable[[str], None]) -> list[Row]:
    """The studies here and those that were submitted from here; or those of one cluster.

    Args:
        cwd: the working directory.
        address: of the cluster, or None.
        warn: is told of what cannot be shown.

    Raises:
        SearchlabError: if the cluster that was asked for cannot be used.
        JournalError: if a journal here is damaged.
    """
    if address is not None:
        return list(_of_cluster(address, None, warn))
    rows = [
        Row(load_record(name, cwd), read_ids(home), home)
        for name in study_names(cwd)
        for home in [StudyHome(name, cwd).directory]
    ]
    clusters: dict[str, list[str]] = {}
    for name, place in sent(cwd).items():
        clusters.setdefault(place, []).append(name)
    here = {row.directory for row in rows}
    for place, names in clusters.items():
        try:
            found = list(_of_cluster(place, names, warn))
        except SearchlabError as error:
            warn(f"{', '.join(names)}: {error}")
        else:  # a cluster on a shared disk may have them in this very directory
            rows += [row for row in found if row.directory not in here]
    return rows


def _of_cluster(
    address: str, names: list[str] | None, warn: Callable[[str], None]
) -> Iterator[Row]:
    from searchlab.remote.client import Cluster

    with Cluster(address) as cluster:
        standings = cluster.standings(names)
    for each in standings:
        if each.record is not None:
            yield Row(each.record, each.ids, each.home, cluster.address)
        if note := _note(each):
            warn(f"{each.name} at {cluster.address}: {note}")


def _note(standing: Standing) -> str:
    """What the record does not tell."""
    if standing.running:
        return "" if standing.record is not None else "is being prepared"
    if standing.record is None or standing.record.state == "running":
        return standing.words or "its driver is gone: submit it again to continue it"
    return ""
