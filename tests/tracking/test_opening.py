"""Creation of MLflow's tables in a new directory."""

import sqlite3

import pytest
from mlflow import MlflowClient

from searchlab.tracking.mlflow import opening

pytestmark = pytest.mark.slow


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "searchlab"


def tables(file):
    connection = sqlite3.connect(file)
    names = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return names


def test_the_second_directory_gets_its_tables_without_migrations(tmp_path, cache, monkeypatch):
    """The first directory's empty database is cached and copied, and MLflow accepts the copy."""
    opening.open_store(f"sqlite:///{tmp_path}/first/mlflow.db")
    (kept,) = cache.glob("*.db")
    monkeypatch.setattr(opening, "_keep", lambda *_: pytest.fail("migrated again"))
    client, experiment = opening.open_store(f"sqlite:///{tmp_path}/second/mlflow.db")
    assert client.get_experiment(experiment).name == opening.experiment_name()
    assert tables(tmp_path / "second" / "mlflow.db") == tables(kept)
    assert client.create_run(experiment).info.run_id


def test_a_damaged_kept_database_is_made_anew(tmp_path, cache):
    """A truncated file in the cache does no harm and is replaced."""
    opening.open_store(f"sqlite:///{tmp_path}/first/mlflow.db")
    (kept,) = cache.glob("*.db")
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    client, experiment = opening.open_store(f"sqlite:///{tmp_path}/second/mlflow.db")
    assert isinstance(client, MlflowClient)
    assert client.create_run(experiment).info.run_id
    assert len(kept.read_bytes()) == len(whole)


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    """The tables are created even if the cache directory is a file."""
    (tmp_path / "cache").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    client, experiment = opening.open_store(f"sqlite:///{tmp_path}/first/mlflow.db")
    assert client.get_experiment(experiment).lifecycle_stage == "active"
