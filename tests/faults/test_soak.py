"""A short soak: studies run through random faults end as if nothing had happened.

For an hour of it, over all backends and executors: python -m tests.faults.soak --minutes 60
"""

import pytest
from faults.soak.hour import soak
from faults.soak.study import Case

pytestmark = [pytest.mark.keras, pytest.mark.slow, pytest.mark.long]

CASES = [Case("optuna", "process"), Case("hyperband", "fused"), Case("randomized", "inline")]


def test_studies_run_through_random_faults_end_as_without_any(tmp_path, record_property):
    """Whatever befalls driver, workers, MLflow, disk, clock and files changes no bit of them."""
    counts = soak(0, seed=1, pause=2, cases=CASES, directory=tmp_path)
    record_property("cases", counts.faults.total())
    assert counts.faults.total() >= len(CASES)
    assert counts.losses == 0, "printed above"
