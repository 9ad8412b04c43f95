"""Files and directories that are whole or not there, also after a power cut.

After a power cut the disk may have a file's new name but not its content. The content is therefore
forced to the disk before the rename, and the name before anything can speak of the file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

_NO_MATTER = {errno.EINVAL, errno.EACCES, errno.EPERM}


@contextlib.contextmanager
def whole_file(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """Yield a scratch file that replaces `path` once the block ends without an error.

    Args:
        path: the file.
        lasting: whether it must outlive a power cut, unlike what each process writes anew.

    Raises:
        OSError: if the file cannot be written.
    """
    scratch = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield scratch
        if lasting:
            force(scratch)
        scratch.replace(path)
        if lasting:
            force(path.parent)
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_directory(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """Yield a scratch directory that replaces `path` once the block ends without an error.

    Scratch directories of killed processes are removed.

    Args:
        path: the directory.
        lasting: whether it must outlive a power cut; see `whole_file`.

    Raises:
        OSError: if the file cannot be written.
    """
    scratch = path.with_name(f".{os.getpid()}-{path.name}")
    old = path.with_name(f"{scratch.name}.old")
    make_directory(path.parent)
    _clean(path)
    try:
        scratch.mkdir()
        yield scratch
        if lasting:
            _force_below(scratch)
        if path.exists():
            path.rename(old)
        scratch.rename(path)
        if lasting:
            force(path.parent)
    finally:
        _clean(path)


def make_directory(path: Path) -> None:
    """Create a directory that outlives a power cut, with its parents, unless there is one.

    Raises:
        OSError: if it cannot be created.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in missing:
        force(each.parent)


def force(path: Path) -> None:
    """Force the content of a file, or the names in a directory, to the disk.

    Raises:
        OSError: if the disk does not take it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:  # not all file systems force directories, and not all can be read
        if error.errno not in _NO_MATTER or not stat.S_ISDIR(path.stat().st_mode):
            raise


def _force_below(directory: Path) -> None:
    for each in (directory, *directory.rglob("*")):
        force(each)


def _clean(path: Path) -> None:
    ours = re.compile(rf"\.\d+-{re.escape(path.name)}(\.old)?")
    for left in path.parent.iterdir():
        if ours.fullmatch(left.name):
            shutil.rmtree(left, ignore_errors=True)
