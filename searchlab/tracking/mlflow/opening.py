"""Opening and creation of an MLflow store. Importing MLflow takes 1 to 3 seconds."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.version import VERSION

from searchlab.core.atomic import whole_file
from searchlab.errors import TrackingError
from searchlab.journal.layout import cache_layout
from searchlab.private.mlflow import fail_at_once, forget_connections, has_tables
from searchlab.tracking.mlflow.address import refuse_missing, sqlite_file


def connect(uri: str) -> MlflowClient:
    """Make a client whose runs and registered models are those of one store.

    MLflow looks for registered models at MLFLOW_REGISTRY_URI, at the tracking URI of the whole
    program or in `mlflow.db` of the working directory where it is given no address for them.

    Args:
        uri: a URI from `resolve_uri`.
    """
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def experiment_name() -> str:
    """Return the experiment of all studies: MLFLOW_EXPERIMENT_NAME, or "searchlab"."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or "searchlab"


def open_store(uri: str) -> tuple[MlflowClient, str]:
    """Connect, and create the database's tables and the experiment if they are missing.

    Args:
        uri: a URI from `resolve_uri`.

    Returns:
        The client and the experiment's id.

    Raises:
        TrackingError: if the experiment has been deleted.
        Exception: any error of MLflow's while the store is unavailable.
    """
    _speak_up(uri)
    file = sqlite_file(uri)
    if file is None:
        client = connect(uri)
        return client, _experiment(client, None)
    file.parent.mkdir(parents=True, exist_ok=True)
    forget_connections(uri)
    # Of several processes that create the tables at once, all but one fail.
    with FileLock(file.with_name(f"{file.name}.lock")):
        if not file.exists():
            _make_database(file)
        client = connect(uri)
        artifacts = file.parent / "mlartifacts" / quote(experiment_name(), safe="")
        experiment = _experiment(client, artifacts.as_uri())
    return client, experiment


def open_registry(uri: str) -> MlflowClient:
    """Connect to an existing store, without creating anything.

    Args:
        uri: a URI from `resolve_uri`.

    Raises:
        TrackingError: if it is a file that does not exist.
    """
    _speak_up(uri)
    refuse_missing(uri)
    return connect(uri)


def _speak_up(uri: str) -> None:
    """Make an unusable store raise an error at once, without logging."""
    for name in ("mlflow", "alembic", "urllib3"):  # searchlab reports problems once, itself
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if not uri.startswith("http"):
        fail_at_once()  # the outbox tries again itself


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
    """Create MLflow's tables under another name, and rename the database once it is complete.

    MLflow cannot continue migrations that a killed process left unfinished, so such a database
    would stay unusable. The migrations take four seconds of processor time, so an empty database is
    kept in the user's cache directory for the next working directory.
    """
    part = file.with_name(f"{file.name}.part")
    for left in part.parent.glob(f"{part.name}*"):  # SQLite's own journal too
        left.unlink()
    kept = cache_layout().store(VERSION)
    if not _copied(kept, part):
        connect(f"sqlite:///{part}").search_experiments(max_results=1)
        _keep(part, kept)
    _let_readers_be(part)
    for end in ("-wal", "-shm"):  # of a removed file, which SQLite would take for this one's
        file.with_name(f"{file.name}{end}").unlink(missing_ok=True)
    part.replace(file)


def _copied(kept: Path, part: Path) -> bool:
    """Copy the cached empty database; return whether it exists and is intact."""
    try:
        shutil.copyfile(kept, part)
        with contextlib.closing(sqlite3.connect(part)) as connection:
            whole = connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
            return whole and has_tables(connection)
    except (OSError, sqlite3.Error):
        part.unlink(missing_ok=True)
        return False


def _keep(part: Path, kept: Path) -> None:
    """Cache an empty database, if possible, whole or not at all."""
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(kept, lasting=False) as scratch:
            shutil.copyfile(part, scratch)


def _let_readers_be(file: Path) -> None:
    """Turn on write-ahead logging, so that `mlflow ui` and a study do not lock each other out."""
    connection = sqlite3.connect(file, timeout=20)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
