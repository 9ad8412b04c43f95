"""What the tests of trackers start from."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from searchlab.tracking.address import resolve_uri


@pytest.fixture
def uri(database, tmp_path, monkeypatch):
    """An empty store of its own for each test."""
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
    """A small trained-like model, as a training leaves it."""
    code = (
        "import sys, keras; keras.utils.set_random_seed(int(sys.argv[2]));"
        "keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(sys.argv[1])"
    )
    path = tmp_path_factory.mktemp("models") / "model.keras"
    subprocess.run([sys.executable, "-c", code, str(path), "1"], check=True, capture_output=True)
    return path
