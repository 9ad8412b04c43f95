"""Overview of a working directory's studies, including those it submitted to clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from searchlab.core.state import StudyState
from searchlab.errors import InputError, SearchlabError
from searchlab.journal.home import StudyHome, study_names
from searchlab.journal.ids import StudyIds
from searchlab.remote.sent import sent
from searchlab.report.brief import Brief, brief_of, load_brief
from searchlab.tracking.mlflow.state import read_ids

if TYPE_CHECKING:
    from searchlab.remote.keeper import SubmissionStatus


@dataclass(frozen=True)
class Row:
    """One study in the overview.

    Attributes:
        brief: the study in brief.
        ids: returns its ids in the tracking store, if it has any.
        directory: its directory, on the cluster's head if it was submitted.
        cluster: address of the cluster that runs it, or "".
    """

    brief: Brief
    ids: Callable[[], StudyIds | None]
    directory: Path
    cluster: str = ""


def all_studies(cwd: Path, address: str | None, warn: Callable[[str], None]) -> list[Row]:
    """List the studies here and those submitted from here, or those of one cluster.

    Args:
        cwd: the working directory.
        address: address of a cluster, or None.
        warn: called with a message for each study that cannot be shown.

    Raises:
        SearchlabError: if the requested cluster cannot be used.
    """
    if address is not None:
        return list(_of_cluster(address, None, warn))
    rows = list(_here(cwd, warn))
    clusters: dict[str, list[str]] = {}
    for name, place in _sent(cwd, warn).items():
        clusters.setdefault(place, []).append(name)
    here = {row.directory for row in rows}
    for place, names in clusters.items():
        try:
            found = list(_of_cluster(place, names, warn))
        except SearchlabError as error:
            warn(f"{', '.join(names)}: {error}")
        else:  # a cluster on a shared disk may use this directory too
            rows += [row for row in found if row.directory not in here]
    return rows


def _sent(cwd: Path, warn: Callable[[str], None]) -> dict[str, str]:
    try:
        return sent(cwd)
    except InputError as error:
        warn(str(error))
        return {}


def _here(cwd: Path, warn: Callable[[str], None]) -> Iterator[Row]:
    for name in study_names(cwd):
        home = StudyHome(name, cwd).directory
        try:
            brief = load_brief(name, cwd)
        except SearchlabError as error:
            warn(str(error))
            continue
        if brief.row.name != name:
            warn(f"{home}: is a copy of study {brief.row.name}, listed as {name}")
            row = replace(brief.row, name=name)
            brief = replace(brief, row=row, json={**brief.json, "name": name})
        yield Row(brief, partial(read_ids, home), home)


def _of_cluster(
    address: str, names: list[str] | None, warn: Callable[[str], None]
) -> Iterator[Row]:
    from searchlab.remote.client import Cluster

    with Cluster(address) as cluster:
        statuses = cluster.statuses(names)
    for each in statuses:
        if each.record is not None:
            brief = brief_of(each.record, each.home)
            yield Row(brief, partial(_known, each.ids), each.home, cluster.address)
        if note := _note(each):
            warn(f"{each.name} at {cluster.address}: {note}")


def _known(ids: StudyIds | None) -> StudyIds | None:
    return ids


def _note(status: SubmissionStatus) -> str:
    """Return a remark on anything that the study's record does not show, or ""."""
    if status.running:
        return "" if status.record is not None else "is being prepared"
    if status.record is None or status.record.state is StudyState.RUNNING:
        return status.words or "its driver has ended: submit it again to resume it"
    return ""
