"""Contracts and doubles for people who write a backend, an executor or a tracker of their own.

A test class that inherits from a contract holds an implementation to the laws of its port:

    from searchlab.testing import BackendContract

    class TestMine(BackendContract):
        backend = MyBackend

The contracts need pytest: pip install 'searchlab[testing]'.
"""

from __future__ import annotations

from searchlab.errors import MissingPackageError

try:
    import pytest
except ModuleNotFoundError as error:
    text = "searchlab.testing needs pytest: pip install 'searchlab[testing]'"
    raise MissingPackageError(text) from error

_ASSERTING = ("backends", "bench", "executors", "searches", "trackers")
# A law that is broken shows the two values that differ, as in a test module.
pytest.register_assert_rewrite(*(f"{__name__}.{m}" for m in _ASSERTING))

from searchlab.testing.backends import BackendContract
from searchlab.testing.doubles import LogicalExecutor, TrivialExecutor, bowl, study
from searchlab.testing.executors import ExecutorContract
from searchlab.testing.trackers import TrackerContract

__all__ = [
    "BackendContract",
    "ExecutorContract",
    "LogicalExecutor",
    "TrackerContract",
    "TrivialExecutor",
    "bowl",
    "study",
]
