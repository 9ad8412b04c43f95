"""A disk cache of XLA's executables, shared by processes that need the same ones.

Compilation is most of a program's cost, and each host, resumed study and next study on the same
data would repeat it. XLA writes each executable to its own file and reuses it only for the
identical computation; the directory's name covers everything else that machine code depends on.
Cached executables are trusted no more than fresh ones: `verify` compares them with Keras.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from searchlab.core.versions import installed
from searchlab.journal.layout import cache_layout
from searchlab.private.tensorflow import cache_flags, chooses_cache, is_executable

_MOST = 2**29
"""Size limit in bytes, over all machine kinds; one executable takes 0.1 to 1 MB."""

_SPARE = 2**30
"""Free disk space required, in bytes: XLA fails if it cannot write an executable."""

_SETTLED = 3600.0
"""Age in seconds beyond which no process is still about to read or write a file."""

_CPU = ("vendor_id", "cpu family", "model", "stepping", "flags", "CPU", "Features")


def keep_compiled(threads: int) -> None:
    """Make XLA reuse cached executables and cache those that it compiles in this process.

    Call it early: XLA reads its settings when TensorFlow first lists devices or compiles anything.

    Nothing is cached where that is unsafe: without a directory owned by the user, on a nearly full
    disk, or on a system that does not identify its processor. A directory that the user set in
    `TF_XLA_FLAGS` is left alone.

    Args:
        threads: threads that an operation may use.
    """
    flags = os.environ.get("TF_XLA_FLAGS", "")
    if chooses_cache(flags) or (kind := _kind(threads)) is None:
        return
    home = cache_layout().programs
    directory = home / kind
    with contextlib.suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if '"' in str(directory) or not os.access(directory, os.W_OK):
            return
        if directory.stat().st_uid != os.getuid() or shutil.disk_usage(directory).free < _SPARE:
            return
        _make_room(home)
        os.environ["TF_XLA_FLAGS"] = f"{flags} {cache_flags(directory)}".strip()


def _kind(threads: int) -> str | None:
    """Return a name for everything but the computation that machine code depends on."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    first = text.split("\n\n", 1)[0].splitlines()
    processor = [line for line in first if line.startswith(_CPU)]
    settings = (installed(), threads, os.environ.get("XLA_FLAGS", ""), processor)
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]


def _make_room(home: Path) -> None:
    """Remove files left empty by a machine crash, and the oldest files beyond the size limit."""
    left = _MOST
    for _, size, file in sorted(_settled(home, time.time()), reverse=True):
        left -= size
        if left < 0 or not size:
            file.unlink(missing_ok=True)


def _settled(home: Path, now: float) -> Iterator[tuple[float, int, Path]]:
    """Yield the modification time, size and path of each file that is safe to remove."""
    for file in home.glob("*/*"):
        with contextlib.suppress(OSError):  # another process may be making room too
            found = file.lstat()
            empty = not found.st_size and is_executable(file)
            if stat.S_ISREG(found.st_mode) and (empty or now - found.st_mtime > _SETTLED):
                yield found.st_mtime, found.st_size, file
