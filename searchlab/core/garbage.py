"""Pauses of Python's search for cycles, while many objects are made that are all kept."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_MANY = 100_000  # objects made, less those that are gone


@contextmanager
def no_collection() -> Iterator[None]:
    """Do not look for garbage meanwhile: of a journal's entries, or a library's, none is any.

    The collector looks at all objects each time that their number has grown by a quarter, which is
    a third of the time to read a long journal. Nor are very many looked at afterwards: after an
    import of Keras, each look at its objects takes a quarter of a second.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            if gc.get_count()[0] > _MANY:
                gc.freeze()
            gc.enable()
