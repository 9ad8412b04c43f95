"""The form of a target: a column, class numbers or one-hot rows, as the model's output has it."""

from __future__ import annotations

import numpy as np
import pytest

from searchlab.measure.form import Form

pytestmark = pytest.mark.keras


@pytest.mark.parametrize(
    ("loss", "shape", "classes", "wanted"),
    [
        ("mse", (None, 1), 0, (4, 1)),
        ("mse", (None,), 0, (4,)),
        ("binary_crossentropy", (None, 1), 2, (4, 1)),
        ("sparse_categorical_crossentropy", (None, 3), 3, (4,)),
        ("categorical_crossentropy", (None, 3), 3, (4, 3)),
        ("categorical_crossentropy", (None, 5), 3, (4, 5)),
        ("kl_divergence", (None, 3), 3, (4, 3)),
        (lambda y, p: p, (None, 3), 3, (4,)),  # whatever it means, it has been given numbers
        (lambda y, p: p, (None, 1), 0, (4, 1)),
    ],
)
def test_a_target_has_the_form_that_the_model_needs(loss, shape, classes, wanted):
    """Arrays and tensors get the same form."""
    y = np.array([0, 1, 2, 1]) if classes > 2 else np.array([0, 1, 0, 1])
    form = Form.of(loss, shape, classes)
    found = form.array(y)
    assert found.shape == wanted
    np.testing.assert_array_equal(found, np.asarray(form.tensor(y)))
    if wanted[1:] and wanted[1] > 1:
        np.testing.assert_array_equal(found.argmax(axis=1), y)
