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
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if not uri.startswith("http"):
        _fail_at_once()
    file = sqlite_file(uri)
    if file is None:
        client = MlflowClient(uri)
        return client, _experiment(client, None)
    file.parent.mkdir(parents=True, exist_ok=True)
    # Of several processes that make the tables at once, all but one fail.
    with FileLock(file.with_name(f"{file.name}.lock")):
        if not file.exists():
            _make_database(file)
        client = MlflowClient(uri)
        artifacts = file.parent / "mlartifacts" / quote(experiment_name(), safe="")
        experiment = _experiment(client, artifacts.as_uri())
    return client, experiment


def _fail_at_once() -> None:
    """Lets a database that cannot be opened say so; the outbox tries again itself.

    MLflow 3.17 sleeps 100 seconds over it, in `create_sqlalchemy_engine_with_retry`.
    """
    from mlflow.store.db import utils  # half a second, of no use with a server

    utils.MAX_RETRY_COUNT = 1


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


def _make_database(file: Path) -> None:
    """Makes MLflow's tables under another name, and moves the database when it is whole.

    MLflow cannot go on where a killed process left off in the middle of its migrations, which
    take seconds: such a database would never be of use again.
    """
    part = file.with_name(f"{file.name}.part")
    for left in part.parent.glob(f"{part.name}*"):  # SQLite's own journal too
        left.unlink()
    MlflowClient(f"sqlite:///{part}").search_experiments(max_results=1)
    _let_readers_be(part)
    part.replace(file)


def _let_readers_be(file: Path) -> None:
    """Write-ahead logging: an open `mlflow ui` and a study do not lock each other out."""
    connection = sqlite3.connect(file, timeout=20)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
