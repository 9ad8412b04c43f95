"""Fixtures for the tests of executors."""

import pytest

from searchlab.testing.bench import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A study with prepared data and its jobs, shared by the tests of a module."""
    return Bench(tmp_path_factory.mktemp("study"))
