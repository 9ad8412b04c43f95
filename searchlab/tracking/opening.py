"""Opening an MLflow store, for the first time too. Imports MLflow, which takes 1 to 3 seconds."""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from searchlab.errors import TrackingError
from searchlab.tracking.address import sqlite_file


def experiment_name() -> str:
    """The experiment of all studies: MLFLOW_EXPERIMENT_NAME, or "searchlab"."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or "searchlab"


def open_store(uri: str) -> tuple[MlflowClient, str]:
    """Connects, and makes what is missing: the database's tables and the experiment.

    Args:
        uri: a URI from `resolve_uri`.

    Returns:
        The client and the experiment's id.

    Raises:
        TrackingError: if the experiment has been deleted.
        Exception: whatever MLflow raises while the store is away.
    """
    for name in ("mlflow", "alembic", "urllib3"):  # the outbox tells of problems once, itself
        logging.getLogger(name).setLevel(logging.ERROR)
    file = sqlite_file(uri)
    if file is None:
        client = MlflowClient(uri)
        return client, _experiment(client, None)
    file.parent.mkdir(parents=True, exist_ok=True)
    # Of several processes that make the tables at once, all but one fail.
    with FileLock(file.with_name(f"{file.name}.lock")):
        new = not file.exists()
        client = MlflowClient(uri)
        artifacts = file.parent / "mlartifacts" / quote(experiment_name(), safe="")
        experiment = _experiment(client, artifacts.as_uri())
        if new:
            _let_readers_be(file)
    return client, experiment


def _experiment(client: MlflowClient, artifacts: str | None) -> str:
    name = experiment_name()
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name, artifacts))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            experiment = client.get_experiment_by_name(name)  # another process was faster
    if experiment is None or experiment.lifecycle_stage != "active":
        raise TrackingError(
            f"the MLflow experiment {name!r} has been deleted; restore it in MLflow, or set "
            "MLFLOW_EXPERIMENT_NAME to another name"
        )
    return str(experiment.experiment_id)


def _let_readers_be(file: Path) -> None:
    """Write-ahead logging: an open `mlflow ui` and a study do not lock each other out."""
    connection = sqlite3.connect(file, timeout=20)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
