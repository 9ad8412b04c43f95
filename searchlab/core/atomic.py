"""Files and directories that are whole or not there, also after a power cut.

After a power cut the disk may have a file's new name but not its content. The content is therefore
forced to the disk before the rename, and the name before anything can speak of the file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

_RANDOM = 6  # bytes of a scratch file's name

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
    scratch = _beside(path)
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
    scratch = _beside(path)
    old = path.with_name(f"{scratch.name}.old")
    make_directory(path.parent)
    clear_away(path.parent, path.name)
    try:
        scratch.mkdir()
        yield scratch
        if lasting:
            _force_below(scratch)
        if os.path.lexists(path):
            path.rename(old)
        scratch.rename(path)
        if lasting:
            force(path.parent)
    finally:
        clear_away(path.parent, path.name)


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


def force_new(files: Collection[Path]) -> None:
    """Force files to the disk, with the names of them and of the directories that they are in.

    Files that were removed meanwhile are left out: nobody needs them any more.

    Raises:
        OSError: if the disk does not take it.
    """
    directories = {file.parent for file in files}
    for each in (*files, *directories, *{directory.parent for directory in directories}):
        with contextlib.suppress(FileNotFoundError):
            force(each)


def _force_below(directory: Path) -> None:
    for each in (directory, *directory.rglob("*")):
        force(each)


def _beside(path: Path) -> Path:
    """Return a name beside a path that nobody knows, so that no link can wait there."""
    return path.with_name(f".{secrets.token_hex(_RANDOM)}-{path.name}")


def clear_away(directory: Path, name: str | None = None) -> None:
    """Remove what killed processes left of files and directories that were not whole yet.

    Args:
        directory: where they were written; nobody else may write there now.
        name: the name that they would have got; None for all.
    """
    of = ".+" if name is None else re.escape(name)
    ours = re.compile(rf"\.[0-9a-f]{{{2 * _RANDOM}}}-{of}(\.old)?")
    for left in directory.iterdir():
        if ours.fullmatch(left.name):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    left.unlink()
