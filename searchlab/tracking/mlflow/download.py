"""Models in an MLflow store and their files. Importing MLflow takes 1 to 3 seconds.

MLflow's own `models:/` addresses are looked up in the registry of the whole program, whatever store
a caller names; so searchlab looks them up itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException

from searchlab.core.verdict import Alias
from searchlab.errors import PackageError
from searchlab.tracking.mlflow.address import MODEL, redact

_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")


@dataclass(frozen=True)
class StoredModel:
    """A model in a store.

    Attributes:
        location: the address of its files.
        tags: the tags of the version, the logged model or the run that it was found by.
    """

    location: str
    tags: Mapping[str, str]


def find(client: MlflowClient, uri: str, model: str) -> StoredModel:
    """Look up a model.

    Args:
        client: of the store.
        uri: the tracking URI, from `resolve_uri`.
        model: an address of a model, of the form `address.MODEL`.

    Raises:
        PackageError: if the store has no such model.
        Exception: any error of MLflow's while the store is unavailable.
    """
    found = MODEL.fullmatch(model)
    assert found is not None  # noqa: S101 - the caller has looked
    with _told(uri, model):
        if found["id"]:
            return _logged(client, found["id"])
        if found["run"]:
            return _of_run(client, found["run"], found["path"])
        return _version(client, found["name"], found["alias"], found["version"])


def download(uri: str, model: str, stored: StoredModel, folder: Path) -> Path:
    """Download the files of a model.

    Args:
        uri: the tracking URI, from `resolve_uri`.
        model: the model's address, for messages.
        stored: the model.
        folder: an empty directory for the files.

    Returns:
        The model's directory below `folder`.

    Raises:
        PackageError: if the store does not have the files.
        Exception: any error of MLflow's while the store is unavailable.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with _told(uri, model):
        found = download_artifacts(
            stored.location, dst_path=str(folder), tracking_uri=uri, registry_uri=uri
        )
    return Path(found)


def champion_of(client: MlflowClient, name: str) -> str | None:
    """Return the address of a registered model's champion, or None if there is no such model.

    Raises:
        PackageError: if it has no champion.
    """
    try:
        found = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code in _MISSING:
            return None
        raise
    if Alias.CHAMPION not in found.aliases:
        raise PackageError(
            f"the registered model {name} has no champion: name a version, as models:/{name}/1, "
            f"or searchlab promote {name}"
        )
    return f"models:/{name}@{Alias.CHAMPION}"


def _version(client: MlflowClient, name: str, alias: str | None, number: str) -> StoredModel:
    if alias is None:
        version = client.get_model_version(name, number)
    else:
        version = client.get_model_version_by_alias(name, alias)
    location = client.get_model_version_download_uri(name, str(version.version))
    if location.startswith("models:/m-"):  # of a version that other programs have made
        location = _logged(client, location.removeprefix("models:/")).location
    return StoredModel(location, version.tags)


def _logged(client: MlflowClient, model_id: str) -> StoredModel:
    model = client.get_logged_model(model_id)
    return StoredModel(model.artifact_location, model.tags)


def _of_run(client: MlflowClient, run_id: str, path: str) -> StoredModel:
    run = client.get_run(run_id)
    found = client.search_logged_models(
        [run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"
    )
    logged = [each for each in found if each.name == path]
    if logged:
        latest = max(logged, key=lambda each: each.creation_timestamp)
        return StoredModel(latest.artifact_location, latest.tags)
    return StoredModel(f"{run.info.artifact_uri}/{path}", run.data.tags)


@contextmanager
def _told(uri: str, model: str) -> Iterator[None]:
    """Turn MLflow's error about a missing model into one line."""
    try:
        yield
    except MlflowException as error:
        if error.error_code not in _MISSING:
            raise
        why = " ".join(str(error.message).split())[:200]
        raise PackageError(
            f"{redact(uri)} has no model {model} ({why}): searchlab models lists those that are "
            "there"
        ) from None
