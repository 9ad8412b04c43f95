"""Each way in which a file or directory can be other than it was left."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], bool]
"""A function that damages a path; it returns False if this cannot happen to such a path."""


def missing(path: Path) -> bool:
    """Remove it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return True


def empty(path: Path) -> bool:
    """Leave an empty file."""
    return _written(path, b"")


def another(path: Path) -> bool:
    """Leave another file in its place."""
    return _written(path, b"[1]")


def cut(path: Path) -> bool:
    """Leave the first two thirds of it."""
    if not path.is_file():
        return False
    content = path.read_bytes()
    return _written(path, content[: len(content) * 2 // 3])


def flipped(path: Path) -> bool:
    """Change a byte in its middle."""
    if not path.is_file() or not path.stat().st_size:
        return False
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    return _written(path, bytes(content))


def changed(path: Path) -> bool:
    """Change a digit in its middle, so that the file can still be read as one of its kind."""
    if not path.is_file():
        return False
    content = path.read_bytes()
    digit = re.search(rb"[1-8]", content[len(content) // 2 :])
    if digit is None:
        return False
    at = len(content) // 2 + digit.start()
    return _written(path, content[:at] + b"9" + content[at + 1 :])


def extra(path: Path) -> bool:
    """Put foreign files in it, or beside it."""
    where = path if path.is_dir() else path.parent
    if not where.is_dir():
        return False
    for name in (".DS_Store", "Thumbs.db", f"{path.name}.orig"):
        (where / name).write_bytes(b"\0")
    (where / "a copy").mkdir()
    return True


def directory(path: Path) -> bool:
    """Put a directory in its place."""
    missing(path)
    path.mkdir(parents=True)
    (path / ".DS_Store").write_bytes(b"\0")
    return True


def broken_link(path: Path) -> bool:
    """Put a link to nothing in its place."""
    return _linked(path, Path("/nonexistent/file"))


def circular_link(path: Path) -> bool:
    """Put a link to itself in its place."""
    return _linked(path, Path(path.name))


def link(path: Path) -> bool:
    """Move it, and put a link to it in its place."""
    if not path.exists():
        return False
    moved = _top(path) / f"moved-{path.name}"
    shutil.move(path, moved)
    return _linked(path, moved)


def unreadable(path: Path) -> bool:
    """Take away all permissions."""
    if not path.exists():
        return False
    path.chmod(0)
    return True


DAMAGES: dict[str, Damage] = {
    each.__name__: each
    for each in (
        *(missing, empty, another, cut, flipped, changed, extra, directory),
        *(broken_link, circular_link, link, unreadable),
    )
}
"""All damages by name."""


def _written(path: Path, content: bytes) -> bool:
    missing(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return True


def _linked(path: Path, to: Path) -> bool:
    missing(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)
    return True


def _top(path: Path) -> Path:
    """Return the directory that has `.searchlab`, or the file's own."""
    return next((each.parent for each in path.parents if each.name == ".searchlab"), path.parent)
