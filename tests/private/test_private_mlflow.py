"""Canaries: what searchlab touches of MLflow works as it should, and is needed."""

import contextlib
import json
import re
import shutil
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from searchlab.private import mlflow as private


@pytest.fixture
def client(database, tmp_path):
    """A client of an empty store, and the id of an experiment."""
    from mlflow import MlflowClient

    shutil.copyfile(database, tmp_path / "mlflow.db")
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    client.create_experiment("canary", (tmp_path / "artifacts").as_uri())
    return client


def test_fail_at_once(tmp_path, monkeypatch):
    """MLflow tries a database that cannot be opened again and again, and but once if told so."""
    from mlflow.store.db import utils

    class Slept(Exception):  # noqa: N818 - no error
        pass

    def sleep(seconds: float) -> None:
        raise Slept

    monkeypatch.setattr(utils.time, "sleep", sleep)
    monkeypatch.setattr(utils, "MAX_RETRY_COUNT", 10)
    uri = f"sqlite:///{tmp_path}"  # a directory
    with pytest.raises(Slept):
        utils.create_sqlalchemy_engine_with_retry(uri)
    private.fail_at_once()
    with pytest.raises(Exception, match="unable to open"):
        utils.create_sqlalchemy_engine_with_retry(uri)


def test_mlflow_does_not_fail_at_once_by_itself():
    """Without us, MLflow makes more than one try."""
    from mlflow.store.db import utils

    text = Path(utils.__file__).read_text()
    assert int(re.search(r"^MAX_RETRY_COUNT = (\d+)$", text, re.MULTILINE)[1]) > 1


def test_forget_connections(client, tmp_path, database):
    """A client keeps writing to a file that was replaced, and but for that to the new one."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    run = client.create_run("1").info.run_id
    (tmp_path / "mlflow.db").unlink()
    shutil.copyfile(database, tmp_path / "mlflow.db")
    assert MlflowClient(uri).get_run(run)
    private.forget_connections(uri)
    with pytest.raises(MlflowException, match="not found"):
        MlflowClient(uri).get_run(run)


def test_has_tables(database, tmp_path):
    """MLflow's own database has them; an empty one has not."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert private.has_tables(connection)
    with (
        contextlib.closing(sqlite3.connect(tmp_path / "empty.db")) as connection,
        pytest.raises(sqlite3.Error),
    ):
        private.has_tables(connection)


def test_table_tags(client, tmp_path):
    """They are the tags that `log_table` sets, which adds to a table that is there."""
    run = client.create_run("1").info.run_id
    for _ in range(2):
        client.log_table(run, {"a": [1]}, "trials.json")
    ((tag, value),) = private.table_tags("trials.json").items()
    assert json.loads(client.get_run(run).data.tags[tag]) == json.loads(value)
    path = client.download_artifacts(run, "trials.json", str(tmp_path))
    assert len(json.loads(Path(path).read_text())["data"]) == 2


def test_version_tags(client):
    """They are read as MLflow's own, and a database does not set them when a version is made."""
    from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

    run = client.create_run("1").info.run_id
    model = client.create_logged_model("1", name="model", source_run_id=run)
    client.create_registered_model("m")
    client.create_model_version("m", model.artifact_location, run, model_id=model.model_id)
    tags = client.get_logged_model(model.model_id).tags
    assert MLFLOW_MODEL_VERSIONS not in tags
    new = private.version_tags(tags, "m", 1)
    assert json.loads(new[MLFLOW_MODEL_VERSIONS]) == [{"name": "m", "version": 1}]
    assert private.version_tags(new, "m", 1) == {}
    assert len(json.loads(private.version_tags(new, "m", 2)[MLFLOW_MODEL_VERSIONS])) == 2


def test_code_source_and_array_schema():
    """They are what MLflow makes itself of an array that code has made."""
    import mlflow.data
    from mlflow.data.code_dataset_source import CodeDatasetSource

    source = CodeDatasetSource({"mlflow.source.name": "digits"})
    made = mlflow.data.from_numpy(np.zeros((5, 8, 8), np.float32), source=source).to_dict()
    assert json.loads(private.code_source("digits")) == json.loads(made["source"])
    assert json.loads(private.array_schema((8, 8))) == json.loads(made["schema"])


@pytest.mark.keras
def test_keras_flavor(tmp_path):
    """`mlflow.keras` loads a model that has just this entry."""
    import keras
    import mlflow.keras
    from mlflow.models import Model

    (tmp_path / "data" / "package").mkdir(parents=True)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(tmp_path / "data" / "package" / "model.keras")
    described = Model()
    described.add_flavor("keras", **private.keras_flavor("data/package", keras.__version__))
    described.save(str(tmp_path / "MLmodel"))
    loaded = mlflow.keras.load_model(str(tmp_path))
    x = np.ones((1, 2))
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_scoring_app(tmp_path):
    """MLflow still makes its server's application this way, and serves it with no guard."""
    import mlflow
    from mlflow.pyfunc import scoring_server

    model = mlflow.models.Model()
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "same.py").write_text(
        "class Same:\n    def predict(self, rows):\n        return rows\n"
        "def _load_pyfunc(path):\n    return Same()\n"
    )
    mlflow.pyfunc.add_to_model(model, loader_module="same", code="code")
    model.save(str(tmp_path / "MLmodel"))
    paths = [route.path for route in private.scoring_app(str(tmp_path)).routes]
    assert "/invocations" in paths
    command, _ = scoring_server.get_cmd("model", 5001, "127.0.0.1")
    assert command.endswith("mlflow.pyfunc.scoring_server.app:app")


def test_insert_runs(client):
    """Runs that are added at once are those that the public calls make; a server takes none."""
    from mlflow.entities import Metric, Param

    metrics = [Metric("loss", 1.0 / step, 1000 + step, step) for step in (1, 2)]
    params, tags = [Param("units", "8")], {"mlflow.user": "me", "kind": "trial"}
    one = client.create_run("1", start_time=5, tags=tags, run_name="trial").info.run_id
    client.log_batch(one, metrics, params)
    client.set_terminated(one, "KILLED", 9)
    ended = private.EndedRun("trial", "KILLED", 5, 9, tags, params, metrics)
    (other,) = private.insert_runs(client, "1", [ended])

    def shown(run_id):
        run = client.get_run(run_id)
        values = {**run.to_dictionary()["info"], **run.data.to_dictionary()}
        history = client.get_metric_history(run_id, "loss")
        return repr((values, history)).replace(run_id, "ID")

    assert shown(other) == shown(one)

    time.sleep(0.002)
    later = private.insert_runs(client, "1", [ended] * 3)
    assert len({one, other, *later}) == 5
    assert min(later) > other  # in the order of time, as a database keeps them

    class Elsewhere:
        class _tracking_client:  # noqa: N801 - MLflow's name
            store = object()

    assert private.insert_runs(Elsewhere(), "1", [ended]) is None
