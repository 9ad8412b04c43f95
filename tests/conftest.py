"""What tests of several folders start from."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def database(tmp_path_factory) -> Path:
    """An empty database with MLflow's tables, which take seconds to make: tests copy it."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path
