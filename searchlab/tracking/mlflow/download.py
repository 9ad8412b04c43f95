"""Downloads of models from an MLflow store. Importing MLflow takes 1 to 3 seconds."""

from __future__ import annotations

import os
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException

from searchlab.core.verdict import Alias
from searchlab.errors import PackageError
from searchlab.tracking.mlflow.address import redact


def download(uri: str, model: str, folder: Path) -> Path:
    """Download the files of a model.

    Args:
        uri: the tracking URI, from `resolve_uri`.
        model: `models:/...` or `runs:/...`, as MLflow writes them.
        folder: an empty directory for the files.

    Returns:
        The model's directory below `folder`.

    Raises:
        PackageError: if the store has no such model.
        Exception: any error of MLflow's while the store is unavailable.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        found = download_artifacts(model, dst_path=str(folder), tracking_uri=uri, registry_uri=uri)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        why = " ".join(str(error.message).split())[:200]
        raise PackageError(
            f"{redact(uri)} has no model {model} ({why}): searchlab models lists those that are "
            "there"
        ) from None
    return Path(found)


def champion_of(client: MlflowClient, name: str) -> str | None:
    """Return the address of a registered model's champion, or None if there is no such model.

    Raises:
        PackageError: if it has no champion.
    """
    try:
        found = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    if Alias.CHAMPION not in found.aliases:
        raise PackageError(
            f"the registered model {name} has no champion: name a version, as models:/{name}/1, "
            f"or searchlab promote {name}"
        )
    return f"models:/{name}@{Alias.CHAMPION}"
