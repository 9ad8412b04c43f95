"""Digests of files and directories, and their signature with a key that a team shares."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Container, Iterable
from pathlib import Path

from searchlab.errors import InputError

KEY_FILE = "SEARCHLAB_SIGNING_KEY_FILE"
"""The environment variable that names the file of the team's key."""

_SHORTEST = 32  # bytes of a key
_PURPOSE = b"searchlab package "  # a signature must not be good for anything else


def directory_digest(directory: Path, without: Container[str] = ()) -> str:
    """Return the SHA-256 of the names and the bytes of all files below a directory.

    Args:
        directory: the directory.
        without: names of files and folders that are left out, wherever they are.

    Raises:
        OSError: if something in it is no file or folder, or cannot be read.
    """
    files: list[Path] = []
    names = (path.relative_to(directory) for path in directory.rglob("*"))
    for name in sorted(each.as_posix() for each in names):
        path = directory / name
        if any(part in without for part in Path(name).parts):
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise OSError(f"{path} is neither a file nor a folder")
        if path.is_file():
            files.append(path)
    return files_digest(directory, files)


def files_digest(directory: Path, files: Iterable[Path]) -> str:
    """Return the SHA-256 of the names below a directory and the bytes of files, in this order.

    Raises:
        OSError: if one cannot be read.
    """
    whole = hashlib.sha256()
    for path in files:  # each part is of the same length, so that no two lists look alike
        name = path.relative_to(directory).as_posix()
        whole.update(hashlib.sha256(name.encode()).digest())
        whole.update(bytes.fromhex(file_digest(path)))
    return whole.hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, which is not held in memory.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def signing_key() -> bytes | None:
    """Return the team's key, or None where none is configured.

    Raises:
        InputError: if its file cannot be read, or the key is too short.
    """
    name = os.environ.get(KEY_FILE)
    if not name:
        return None
    try:
        key = Path(name).read_bytes().strip()
    except OSError as error:
        raise InputError(
            f"{name}: the key that {KEY_FILE} names cannot be read ({error.strerror}): correct the "
            "variable, or unset it to do without signatures"
        ) from None
    if len(key) < _SHORTEST:
        raise InputError(
            f"{name}: the key has {len(key)} bytes, and at least {_SHORTEST} are needed: make one "
            "with `openssl rand -hex 32`"
        )
    return key


def signature(digest: str, key: bytes) -> str:
    """Return the HMAC-SHA256 of a digest."""
    return hmac.new(key, _PURPOSE + digest.encode(), hashlib.sha256).hexdigest()


def is_signature(text: str, digest: str, key: bytes) -> bool:
    """Return whether a text is the signature of a digest, in the same time whatever it is."""
    return hmac.compare_digest(text.encode(), signature(digest, key).encode())
