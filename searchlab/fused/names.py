"""Names of traced functions that are the same in each process.

TensorFlow gives each function that it traces the next number of the process, and XLA looks for what
it has kept by the names, too. So without this, a host compiles again what another host, or an
earlier study that came to it in another order, has compiled.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from searchlab.private.tensorflow import number_functions

_APART = 2**16
"""More than the functions of one name that are traced at a time."""


class _Numbers(threading.local):
    """The numbers of the functions that this thread traces, by name; TensorFlow's own if None."""

    first: int | None = None

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    def take(self, name: str) -> int | None:
        """Return the next number of a name."""
        if self.first is None:
            return None
        self.taken[name] += 1
        return self.first + self.taken[name]


_numbers = _Numbers()
_made: Counter[str] = Counter()
_lock = threading.Lock()


def first_number(text: str) -> int:
    """Return the number from which on to number the functions of a trace.

    It is another one if this process has asked for the same text before.

    Args:
        text: everything in which traces may differ.
    """
    with _lock:
        _made[text] += 1
        key = f"{_made[text]} {text}"
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:5], "big") * _APART


@contextmanager
def numbered(first: int) -> Iterator[None]:
    """Number the functions that this thread traces from a trace's first number on."""
    before = _numbers.first, _numbers.taken
    _numbers.first, _numbers.taken = first, Counter()
    try:
        yield
    finally:
        _numbers.first, _numbers.taken = before


number_functions(_numbers.take)
