"""The digest of a directory, and its signature with a key that a team shares."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Container
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
    whole = hashlib.sha256()
    names = (path.relative_to(directory) for path in directory.rglob("*"))
    for name in sorted(each.as_posix() for each in names):
        path = directory / name
        if any(part in without for part in Path(name).parts):
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise OSError(f"{path} is neither a file nor a folder")
        if path.is_file():  # each part is of the same length, so that no two lists look alike
            whole.update(hashlib.sha256(name.encode()).digest())
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


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
