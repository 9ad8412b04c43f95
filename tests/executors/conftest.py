"""What the tests of executors start from."""

import pytest

from searchlab.testing.executors import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A study with prepared data, and jobs of it, for all tests of a module."""
    return Bench(tmp_path_factory.mktemp("study"))
