"""Fixtures for the tests of trackers."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from support.packages import package_of

from searchlab.package import write
from searchlab.tracking.mlflow.address import resolve_uri


@pytest.fixture
def uri(database, tmp_path, monkeypatch):
    """An empty store for each test."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    shutil.copy(database, tmp_path / "mlflow.db")
    return resolve_uri(None, tmp_path)


@pytest.fixture
def home(tmp_path):
    """The study's directory."""
    (tmp_path / "study").mkdir()
    return tmp_path / "study"


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """A small model's Keras file with the rest of its package, as a training leaves it."""
    values = np.random.default_rng(1).normal(size=(60, 4))
    frame = pd.DataFrame(values, columns=["a", "b", "c", "y"])
    return write.model_file(package_of(tmp_path_factory.mktemp("models"), frame))
