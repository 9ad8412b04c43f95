"""Temporary directories: each has an owner, and is removed once that owner has ended.

A process that is killed leaves its directories; the next one that makes any removes them. Whether
an owner lives is told by a lock, which the system releases at its end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "searchlab-"
_LOCK = ".lock"

_mine: set[Scratch] = set()


class Scratch:
    """A temporary directory of this process, which only its user can read.

    Attributes:
        path: the directory.
    """

    def __init__(self, where: Path | None = None) -> None:
        """Make the directory, and remove those of processes that were killed.

        Args:
            where: the directory to make it in; by default the one for temporary files.

        Raises:
            OSError: if it cannot be made.
        """
        where = where or Path(tempfile.gettempdir())
        _sweep(where)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=where)).resolve()
            self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if self.path.exists():  # no other process has taken it for an abandoned one
                _mine.add(self)
                return
            os.close(self._lock)

    def remove(self) -> None:
        """Remove the directory, as far as that is possible; safe to call twice."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1
            _mine.discard(self)


def remove_all() -> None:
    """Remove all directories of this process, for one that ends at once."""
    for each in list(_mine):
        each.remove()


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Provide a temporary directory for the duration of the block.

    Raises:
        OSError: if it cannot be made.
    """
    made = Scratch()
    try:
        yield made.path
    finally:
        made.remove()


def _sweep(where: Path) -> None:
    """Remove the directories of this user's whose owners have ended."""
    for left in where.glob(f"{_PREFIX}*"):
        # An error says that it is in use, another user's, or not such a directory at all.
        with contextlib.suppress(OSError):
            if left.is_symlink() or left.stat().st_uid != os.geteuid():
                continue
            lock = os.open(left / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(lock)
