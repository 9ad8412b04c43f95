"""MLflow's private parts."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param


def fail_at_once() -> None:
    """Let a database that cannot be opened raise its error at once.

    Touches: `mlflow.store.db.utils.MAX_RETRY_COUNT`, which is set, seen in MLflow 3.17.2.
    Public: `create_sqlalchemy_engine_with_retry` sleeps 100 seconds, and no setting ends that.
    Without it: a mistake in the tracking URI is told after the study.
    """
    from mlflow.store.db import utils  # half a second, of no use with a server

    utils.MAX_RETRY_COUNT = 1


def forget_connections(uri: str) -> None:
    """Close MLflow's kept connections to a SQLite file, which may have been removed or replaced.

    Touches: `_engine_map` of the `SqlAlchemyStore` of runs and of that of models, seen in MLflow
    3.17.2.
    Public: a new client of the same address uses the connections of the first.
    Without it: everything is written to a file that has no name any more.
    """
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Models
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Runs

    for store in (Models, Runs):
        if (engine := store._engine_map.get(uri)) is not None:
            engine.dispose()


def has_tables(connection: sqlite3.Connection) -> bool:
    """Tell whether a SQLite database is one that MLflow has made tables in.

    Touches: the table `alembic_version`, seen in MLflow 3.17.2.
    Public: a client that looks makes the tables.
    Without it: a kept database is not known to be whole.

    Raises:
        sqlite3.Error: if it is not, or cannot be read.
    """
    return connection.execute("SELECT version_num FROM alembic_version").fetchone() is not None


def table_tags(path: str) -> dict[str, str]:
    """Return the tags with which MLflow's pages show an artifact of a run as a table.

    Touches: the tag `mlflow.loggedArtifacts`, seen in MLflow 3.17.2.
    Public: `MlflowClient.log_table` sets it, but adds to the table that is there.
    Without it: the table of trials is a file that nobody sees.
    """
    return {"mlflow.loggedArtifacts": json.dumps([{"path": path, "type": "table"}])}


def version_tags(tags: Mapping[str, str], name: str, version: int) -> dict[str, str]:
    """Return the tags with which a logged model's page names a version made of it.

    Touches: `mlflow.utils.mlflow_tags.MLFLOW_MODEL_VERSIONS`, seen in MLflow 3.17.2.
    Public: `MlflowClient.create_model_version` does not link the version to its model in a
    database, as `mlflow.register_model` does for the global tracking URI.
    Without it: the page of the model does not lead to the registry.

    Args:
        tags: the logged model's.
        name: of the registered model.
        version: its number.

    Returns:
        The tags to set; none if the version is named already.
    """
    from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

    linked = json.loads(tags.get(MLFLOW_MODEL_VERSIONS) or "[]")
    if (name, version) in {(each["name"], int(each["version"])) for each in linked}:
        return {}
    return {MLFLOW_MODEL_VERSIONS: json.dumps([*linked, {"name": name, "version": version}])}


def code_source(name: str) -> str:
    """Return the source of a data set that code has made, for `Dataset(source_type="code")`.

    Touches: the JSON of `mlflow.data.code_dataset_source.CodeDatasetSource`, seen in MLflow 3.17.2.
    Public: `mlflow.data` makes it of data that is loaded, and imports much.
    Without it: the page of the data set shows no source.
    """
    return json.dumps({"tags": {"mlflow.source.name": name}})


def array_schema(shape: Sequence[int], *, text: bool = False) -> str:
    """Return the schema of a data set whose rows are arrays of a shape: float32, or text.

    Touches: the JSON that `mlflow.data` makes of a `TensorDatasetSchema`, seen in MLflow 3.17.2.
    Public: as for `code_source`.
    Without it: the page of the data set shows no schema.
    """
    tensor = {"dtype": "str" if text else "float32", "shape": [-1, *shape]}
    features = json.dumps([{"type": "tensor", "tensor-spec": tensor}])
    return json.dumps({"mlflow_tensorspec": {"features": features, "targets": None}})


def keras_flavor(data: str, version: str) -> dict[str, Any]:
    """Return the entry of an MLflow model from which `mlflow.keras.load_model` loads it.

    Touches: the fields of the flavor `keras`, seen in MLflow 3.17.2.
    Public: `mlflow.keras.save_model` writes a model of its own and takes 13 seconds.
    Without it: only pyfunc can load the model.

    Args:
        data: the directory with `model.keras` in it, relative to the MLflow model.
        version: of Keras.
    """
    return {
        "data": data,
        "keras_version": version,
        "keras_backend": "tensorflow",
        "save_exported_model": False,
    }


def scoring_app(model: str) -> Any:
    """Return MLflow's scoring server of a model, as an ASGI application.

    Touches: `mlflow.pyfunc.scoring_server.init`, seen in MLflow 3.17.2.
    Public: `mlflow models serve` runs it with nothing in front of it.
    Without it: requests to any host and with bodies of any size reach the model.

    Args:
        model: the directory of an MLflow model.
    """
    from mlflow.pyfunc import load_model, scoring_server

    return scoring_server.init(load_model(model))


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended, with all that it has; times in milliseconds since the epoch."""

    name: str
    status: str
    start: int
    end: int
    tags: Mapping[str, str]
    params: Sequence[Param]
    metrics: Sequence[Metric]


def insert_runs(
    client: MlflowClient, experiment_id: str, runs: Sequence[EndedRun]
) -> list[str] | None:
    """Add ended runs in one transaction: all of them or none.

    Touches: `MlflowClient._tracking_client`, `SqlAlchemyStore.ManagedSessionMaker` and the tables
    of runs, seen in MLflow 3.17.2.
    Public: `create_run`, `log_batch` and `set_terminated` take seven transactions a run, each of
    which is forced to the disk.
    Without it: a database gets ten runs a second in place of hundreds.

    Returns:
        The ids of the runs; None if the store is no database, but a server.
    """
    store = client._tracking_client.store
    if not hasattr(store, "ManagedSessionMaker"):
        return None
    from mlflow.store.tracking.dbmodels import models
    from mlflow.utils import uri
    from sqlalchemy import insert

    append_to_uri_path: Any = uri.append_to_uri_path

    place = store.get_experiment(experiment_id).artifact_location
    ids = _ids(len(runs))
    rows: dict[Any, list[dict[str, Any]]] = {
        models.SqlRun: [
            _run_row(run_id, run, experiment_id, append_to_uri_path(place, run_id, "artifacts"))
            for run_id, run in zip(ids, runs, strict=True)
        ],
        models.SqlTag: [],
        models.SqlParam: [],
        models.SqlMetric: [],
        models.SqlLatestMetric: [],
    }
    for run_id, run in zip(ids, runs, strict=True):
        tags = {**run.tags, "mlflow.runName": run.name}
        rows[models.SqlTag] += _rows(run_id, tags.items())
        rows[models.SqlParam] += _rows(run_id, ((each.key, each.value) for each in run.params))
        found = {(m.key, m.step, m.timestamp, m.value) for m in run.metrics}
        latest = {point[0]: point for point in sorted(found)}
        rows[models.SqlMetric] += [_metric_row(run_id, *point) for point in sorted(found)]
        rows[models.SqlLatestMetric] += [_metric_row(run_id, *point) for point in latest.values()]
    with store.ManagedSessionMaker(read_only=False) as session:
        for table, values in rows.items():
            if values:
                session.execute(insert(table), values)
    return ids


def _ids(count: int) -> list[str]:
    """Return new ids that follow all earlier ones (RFC 9562, version 7).

    A database keeps its indexes in the order of ids: those of one batch are then on a few pages,
    where random ids are on all pages there are.
    """
    now = f"{time.time_ns() // 1_000_000:012x}"
    return sorted(
        f"{now}7{random[:3]}8{random[3:18]}" for random in (uuid4().hex for _ in range(count))
    )


def _run_row(run_id: str, run: EndedRun, experiment_id: str, place: str) -> dict[str, Any]:
    return {
        "run_uuid": run_id,
        "name": run.name,
        "artifact_uri": place,
        "experiment_id": int(experiment_id),
        "source_type": "UNKNOWN",
        "source_name": "",
        "entry_point_name": "",
        "user_id": run.tags.get("mlflow.user", "unknown"),
        "status": run.status,
        "start_time": run.start,
        "end_time": run.end,
        "source_version": "",
        "lifecycle_stage": "active",
    }


def _rows(run_id: str, pairs: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"run_uuid": run_id, "key": key, "value": value} for key, value in pairs]


def _metric_row(run_id: str, key: str, step: int, time: int, value: float) -> dict[str, Any]:
    row = {"run_uuid": run_id, "key": key, "step": step, "timestamp": time}
    return {**row, "value": value, "is_nan": False}
