"""`searchlab promote`: make a version of a registered model the champion."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from searchlab.core.verdict import Alias
from searchlab.errors import InputError, StudyLockedError
from searchlab.journal.home import StudyHome, load_record, study_names
from searchlab.journal.ids import Registration
from searchlab.tracking.mlflow.address import redact
from searchlab.tracking.mlflow.state import State, read_ids
from searchlab.tracking.mlflow.tracker import registry

if TYPE_CHECKING:
    from searchlab.tracking.mlflow.model_versions import Version


@dataclass(frozen=True)
class Promoted:
    """A promotion.

    Attributes:
        name: the registered model.
        version: the version that is the champion now.
        before: the version that was the champion before, or None.
    """

    name: str
    version: int
    before: int | None


def promote_model(name: str, version: int | None, cwd: Path, uri: str) -> Promoted:
    """Make a version the champion of its registered model.

    Args:
        name: a study of this directory, for its latest version; or a registered model.
        version: a version of the registered model `name`; None for its candidate.
        cwd: the working directory, where `.searchlab/` is.
        uri: the tracking URI, from `resolve_uri`.

    Raises:
        InputError: if there is no such version; names the existing ones.
        JournalError: if the study's journal is damaged.
        TrackingError: if the store cannot be used.
    """
    with registry(uri) as client:
        from searchlab.tracking.mlflow.alias import promote  # these import MLflow
        from searchlab.tracking.mlflow.model_versions import made_versions

        made = made_versions(client)
        if version is None and name in study_names(cwd):
            chosen = _of_study(name, cwd, uri, made)
        else:
            chosen = _of_model(name, version, made)
        before = promote(client, chosen)
    _remember(chosen, cwd, uri)
    return Promoted(chosen.name, chosen.version, before)


def _of_study(name: str, cwd: Path, uri: str, made: Sequence[Version]) -> Version:
    identity = load_record(name, cwd).id
    own = [each for each in made if each.study_id == identity]
    if own:
        return max(own, key=lambda each: (each.created, each.version))
    ids = read_ids(StudyHome(name, cwd).directory)
    why = "it is not finished, has registered_model: null, or was not sent there"
    if ids is not None and ids.registered is not None and not ids.registered.version:
        why = ids.registered.reason
    raise InputError(
        f"study {name} has no registered model in {redact(uri)}: {why}; {_there(made)}"
    )


def _of_model(name: str, version: int | None, made: Sequence[Version]) -> Version:
    own = [each for each in made if each.name == name]
    if not own:
        what = "registered model" if version else "study of this directory and no registered model"
        raise InputError(f"there is no {what} {name!r}; {_there(made)}")
    wanted = [
        each
        for each in own
        if (each.version == version if version else Alias.CANDIDATE in each.aliases)
    ]
    if not wanted:
        what = f"version {version}" if version else "candidate: give --version"
        raise InputError(f"registered model {name} has no {what}; {_there(own)}")
    return wanted[0]


def _there(made: Sequence[Version]) -> str:
    """List the existing versions in one line."""
    names = [
        f"{each.name} version {each.version}"
        + (f" ({', '.join(each.aliases)})" if each.aliases else "")
        for each in made
    ]
    return f"there is: {', '.join(names) or 'none yet'}"


def _remember(chosen: Version, cwd: Path, uri: str) -> None:
    """Record the promotion in the study, if it is one of this directory."""
    if chosen.study not in study_names(cwd):
        return
    if load_record(chosen.study, cwd).id != chosen.study_id:
        return
    home = StudyHome(chosen.study, cwd)
    with suppress(StudyLockedError), home.locked():  # the lock holder records it
        state = State.load(home.directory, chosen.study_id, redact(uri))
        ours = replace(
            state.registered or Registration("", "", None, ""),
            alias=Alias.CHAMPION,
            reason="promoted",
        )
        if (ours.name, ours.version) == (chosen.name, str(chosen.version)):
            state.registered = ours
            state.save(home.directory)
