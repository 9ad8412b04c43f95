"""What tests of several folders start from."""

import signal
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def database(tmp_path_factory) -> Path:
    """An empty database with MLflow's tables, which take seconds to make: tests copy it."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


def pytest_configure() -> None:
    """Lets Ctrl-C reach the programs that tests start, also where tests run in the background.

    A shell has what it starts in the background ignore it, and so do their children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts files with slow tests first: one that is begun last is waited for by all others."""
    ranks: dict[Path, int] = {}
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        rank = 0 if "slow" in marks else 1 if "keras" in marks else 2
        ranks[item.path] = min(rank, ranks.get(item.path, rank))
    items.sort(key=lambda item: ranks[item.path])
