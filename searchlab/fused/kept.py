"""What XLA has compiled, kept on disk for the next process that needs the same.

To compile is most of what a program costs, and each host, resumed study and next study on the same
data would compile the same again. XLA itself writes each executable to a file of its own, and takes
one only for the very same computation; what else machine code depends on names the directory. What
comes from there is trusted no more than what is compiled: `verify` compares it with Keras.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_path

from searchlab.core.versions import installed

_MOST = 2**29
"""Bytes that may be kept, of all kinds of machine together; an executable has 0.1 to 1 MB."""

_SPARE = 2**30
"""Bytes that the disk must have free: an executable that cannot be written is an error to XLA."""

_SETTLED = 3600.0
"""Seconds after which no process is just about to read or write a file any more."""

_FLAG = "--tf_xla_persistent_cache_directory"
_CPU = ("vendor_id", "cpu family", "model", "stepping", "flags", "CPU", "Features")


def keep_compiled(threads: int) -> None:
    """Lets XLA find what it needs among what is kept, and keep what it compiles in this process.

    It reads its settings when TensorFlow first looks for devices, or once anything is compiled.

    Nothing is kept where that is not safe: without a directory of the user's own, on a disk that is
    nearly full, or on a system that does not say which processor it has. A directory that the user
    has chosen in `TF_XLA_FLAGS` is left alone.

    Args:
        threads: how many an operation may use.
    """
    flags = os.environ.get("TF_XLA_FLAGS", "")
    if _FLAG in flags or (kind := _kind(threads)) is None:
        return
    home = user_cache_path("searchlab") / "programs"
    directory = home / kind
    with contextlib.suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if '"' in str(directory) or not os.access(directory, os.W_OK):
            return
        if directory.stat().st_uid != os.getuid() or shutil.disk_usage(directory).free < _SPARE:
            return
        _make_room(home)
        ours = f'{_FLAG}="{directory}" --tf_xla_persistent_cache_device_types=CPU'
        os.environ["TF_XLA_FLAGS"] = f"{flags} {ours}".strip()


def _kind(threads: int) -> str | None:
    """The name of all that machine code depends on besides the computation."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    first = text.split("\n\n", 1)[0].splitlines()
    processor = [line for line in first if line.startswith(_CPU)]
    settings = (installed(), threads, os.environ.get("XLA_FLAGS", ""), processor)
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]


def _make_room(home: Path) -> None:
    """Removes what a crash of the machine has left empty, and the oldest of what is too much."""
    left = _MOST
    for _, size, file in sorted(_settled(home, time.time()), reverse=True):
        left -= size
        if left < 0 or not size:
            file.unlink(missing_ok=True)


def _settled(home: Path, now: float) -> Iterator[tuple[float, int, Path]]:
    """When each file was written, how large it is, and the file."""
    for file in home.glob("*/*"):
        with contextlib.suppress(FileNotFoundError):  # another process makes room as well
            stat = file.stat()
            empty = not stat.st_size and file.suffix == ".pb"  # it gets that name when it is whole
            if empty or now - stat.st_mtime > _SETTLED:
                yield stat.st_mtime, stat.st_size, file
