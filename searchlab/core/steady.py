"""A clock that nobody sets: wall time at the start of the process, monotonic from then on."""

from __future__ import annotations

import time

_OFFSET = time.time() - time.monotonic()


def now() -> float:
    """Return the time in seconds since the epoch.

    Differences between two values of one process are seconds that passed, whatever is done to the
    machine's clock meanwhile; time in which the machine was suspended does not count.
    """
    return _OFFSET + time.monotonic()
