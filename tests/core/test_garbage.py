"""The pause of Python's search for cycles."""

import gc

import pytest

from searchlab.core.garbage import no_collection


@pytest.mark.parametrize(("made", "frozen"), [(1000, False), (200_000, True)])
def test_very_many_objects_are_not_looked_at_again(made, frozen):
    """Few are, as cycles among them are to be found; the search goes on in both cases."""
    gc.unfreeze()
    with no_collection():
        assert not gc.isenabled()
        kept = [[] for _ in range(made)]
    try:
        assert gc.isenabled()
        assert (gc.get_freeze_count() >= len(kept)) == frozen
    finally:
        gc.unfreeze()


def test_who_has_ended_the_search_is_let_be():
    """It is not begun again by a pause within."""
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
