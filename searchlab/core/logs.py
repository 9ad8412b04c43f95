"""Files that others write to without an end: their last bytes, and a bound on their size."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

MOST = 10_000_000
"""The largest size of a log in bytes, roughly: it is only looked at now and then."""

_LOOK = 10.0  # seconds between two looks at the size of a log
_KEPT = 1_000_000  # bytes of a log that was too large
_CUT = b"... earlier output was dropped ...\n"


def open_log(path: Path, *, anew: bool = False) -> int:
    """Open a log for appending, as `cap` needs it, and return its descriptor.

    Args:
        path: the log; a link is not followed, as it could point to any file of the user's.
        anew: whether to replace what is there, a link as well.

    Raises:
        OSError: if it cannot be opened.
    """
    if anew:
        path.unlink(missing_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)


def cap(log: int, most: int = MOST) -> None:
    """Drop all but the end of a log that is larger than `most` bytes.

    Its writers go on at the new end, as they append; what they write just now may be lost.

    Args:
        log: a descriptor from `open_log`.
        most: the size in bytes.
    """
    size = os.fstat(log).st_size
    if size <= most:
        return
    kept = min(_KEPT, most // 2)
    end = os.pread(log, kept, size - kept)
    os.ftruncate(log, 0)
    os.write(log, _CUT + end)


def wait_capping(process: subprocess.Popen[bytes], *logs: int) -> int:
    """Wait for a process' end, and keep its logs small meanwhile; return its exit code.

    Args:
        process: the process.
        logs: descriptors from `open_log`.
    """
    while True:
        for log in logs:
            cap(log)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_LOOK)


def tail(path: Path, most: int) -> str:
    """Return the last `most` bytes of a text file; nothing if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read(most).decode(errors="replace")
    except OSError:
        return ""


def last_line(path: Path) -> str:
    """Return the last line with text of a log, without spaces around it; "" if there is none."""
    lines = tail(path, 10_000).splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
