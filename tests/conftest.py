"""Fixtures and settings that tests of several folders share."""

import gc
import os
import re
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.processes import THREADS

from searchlab.fused.kept import keep_compiled


@pytest.fixture(scope="session")
def database(tmp_path_factory) -> Path:
    """An empty database with MLflow's tables, which take seconds to make: tests copy it."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


def _share_cores() -> None:
    """Give this process its share of the cores: a study has a host, and so its programs, a core.

    It has more hosts in a test that asks for more.
    """
    name, count = os.environ.get("PYTEST_XDIST_WORKER"), os.environ.get("PYTEST_XDIST_WORKER_COUNT")
    if name and count and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[int(name.removeprefix("gw")) :: int(count)] or cores)


def pytest_configure() -> None:
    """Prepare this process, and so the programs that tests start.

    Ctrl-C is to reach them also where tests run in the background: a shell has what it starts
    there ignore it, and so do their children.
    """
    for name, value in THREADS.items():
        os.environ.setdefault(name, value)
    _share_cores()
    keep_compiled(threads=1)  # tests compile the same programs again and again
    gc.set_threshold(50_000)  # TensorFlow's objects are many, and none is garbage
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


NOT_QUICK = ("keras", "slow", "long", "cluster")
NONE_QUICK = re.compile(rf"^pytestmark = .*pytest\.mark\.({'|'.join(NOT_QUICK)})\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out modules without quick tests where only those are wanted: they import Keras."""
    if config.option.markexpr == "quick" and collection_path.suffix == ".py":
        return bool(NONE_QUICK.search(collection_path.read_text())) or None
    return None


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the quick tests, and have several processes begin with the files of most trainings.

    Tests of a real MLflow store are slow. All processes wait for a long file that is begun last.
    """
    for item in items:
        if "database" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
        if not any(item.get_closest_marker(name) for name in NOT_QUICK):
            item.add_marker("quick")
    if "PYTEST_XDIST_WORKER" not in os.environ:  # nobody waits: the order is the command's
        return
    trainings: Counter[Path] = Counter()
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        trainings[item.path] += bool(marks & {"slow", "keras"})
    items.sort(key=lambda item: -trainings[item.path])


_frozen: list[Path] = []


def pytest_runtest_call(item: pytest.Item) -> None:
    """Has collections, one after each training, not look at a million objects of libraries."""
    if "keras" in sys.modules and item.path not in _frozen:
        _frozen.append(item.path)
        gc.collect()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Fail a test in CI that would be skipped: CI has all that any test needs."""
    report = yield
    return _not_skipped(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """Fail a module in CI that would be skipped as a whole."""
    report = yield
    return _not_skipped(report)


def _not_skipped(report):
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("SEARCHLAB_CI"):
        *_, reason = report.longrepr
        report.outcome, report.longrepr = "failed", f"CI skips nothing: {reason}"
    return report
