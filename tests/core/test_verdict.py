"""A verdict is written as one line, and read from it again."""

import pytest

from searchlab.core.verdict import Alias, Verdict


@pytest.mark.parametrize("alias", Alias)
@pytest.mark.parametrize("reason", ["no other champion", "", "it: has: colons"])
def test_a_verdict_comes_back_from_its_text(alias, reason):
    """Whatever the reason is, the tag gives the same verdict again."""
    verdict = Verdict(alias, reason)
    assert str(verdict) == f"{alias.value}: {reason}"
    assert Verdict.read(str(verdict)) == verdict


@pytest.mark.parametrize("text", ["", "champion", "king: of the hill", "championship: won"])
def test_a_text_that_tells_no_verdict_is_none(text):
    """A tag that somebody has changed by hand is as one that is not there."""
    assert Verdict.read(text) is None
