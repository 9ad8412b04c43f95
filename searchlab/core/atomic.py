"""Files and directories written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a scratch file that replaces `path` once the block ends without an error.

    Raises:
        OSError: if the file cannot be written.
    """
    scratch = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield scratch
        scratch.replace(path)
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Yield a scratch directory that replaces `path` once the block ends without an error.

    Scratch directories of killed processes are removed.

    Raises:
        OSError: if the file cannot be written.
    """
    scratch = path.with_name(f".{os.getpid()}-{path.name}")
    old = path.with_name(f"{scratch.name}.old")
    path.parent.mkdir(parents=True, exist_ok=True)
    _clean(path)
    try:
        scratch.mkdir()
        yield scratch
        if path.exists():
            path.rename(old)
        scratch.rename(path)
    finally:
        _clean(path)


def _clean(path: Path) -> None:
    ours = re.compile(rf"\.\d+-{re.escape(path.name)}(\.old)?")
    for left in path.parent.iterdir():
        if ours.fullmatch(left.name):
            shutil.rmtree(left, ignore_errors=True)
