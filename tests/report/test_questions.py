"""Impossible values of metrics are questioned, possible ones are not."""

import pytest

from searchlab.report.questions import questioned


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("val_r2", 1.8, "val_r2 is 1.8, and cannot be above 1"),
        ("f1", 8.5, "f1 is 8.5, and cannot be above 1"),
        ("val_accuracy", -0.1, "cannot be below 0"),
        ("mean_absolute_error", -3.0, "cannot be below 0"),
        ("r2", -110.0, None),
        ("val_f1_score", 1.0, None),
        ("neg_mse", -3.0, None),
        ("loss", -3.0, None),
        ("accuracy", float("nan"), None),
    ],
)
def test_values_that_cannot_be_are_questioned(name, value, says):
    """A share above 1 or below 0, an R2 above 1 or a negative error is named with its bound."""
    found = list(questioned({name: value}))
    assert len(found) == (says is not None)
    assert says is None or says in found[0]
