"""Values as text for people."""

from __future__ import annotations

import pytest

from searchlab.core.wording import confirmed_text


@pytest.mark.parametrize(
    ("mean", "spread", "text"),
    [
        (0.97114, 0.00351, "0.9711 ± 0.0035"),
        (0.97114, 0.0, "0.9711 ± 0"),
        (126351.8, 456.4, "126352 ± 456"),
        (132622.4, 99.7, "132622 ± 100"),
        (0.97114, None, "0.9711"),
        (None, None, "-"),
    ],
)
def test_a_spread_has_all_digits_before_the_point(mean, spread, text):
    """It has two significant digits where it is small, and no exponent where it is large."""
    assert confirmed_text(mean, spread) == text
