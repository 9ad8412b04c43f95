"""A disk as it may be after a power cut: it has what was forced to it, and perhaps more names.

`Disk` watches `os.fsync` and remembers the content of every file and the names in every directory
as they were when they were last forced. From that it rebuilds a directory in the two worst ways
that file systems allow: without any name that was not forced, and with all names, but with nothing
in the files that were not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Tree = dict[str, "bytes | Tree"]
"""Content by name; that of a directory is a tree."""

WAYS = ("names lost", "content lost")


@dataclass
class Disk:
    """The forced state of everything below a directory.

    Attributes:
        root: the directory; what it contains at first counts as forced.
        forced: called with the path of each file or directory once it is forced.
    """

    root: Path
    forced: Callable[[Path], None] = lambda path: None
    _files: dict[int, bytes] = field(default_factory=dict)
    _names: dict[int, dict[str, tuple[int, bool]]] = field(default_factory=dict)
    _held: list[int] = field(default_factory=list)

    def watch(self, monkeypatch) -> None:
        """Begin to watch."""
        for path in (self.root, *self.root.rglob("*")):
            self._take(os.open(path, os.O_RDONLY))
        fsync = os.fsync

        def watched(descriptor: int) -> None:
            fsync(descriptor)
            path = Path(f"/proc/self/fd/{descriptor}")
            self._take(os.open(path, os.O_RDONLY))
            self.forced(path.resolve())

        monkeypatch.setattr(os, "fsync", watched)

    def close(self) -> None:
        """Release what is held; its numbers may be those of other files from now on."""
        while self._held:
            os.close(self._held.pop())

    def after_cut(self, way: str) -> Tree:
        """Return what the directory may contain after a power cut now."""
        return self._named(self.root) if way == "content lost" else self._listed(self.root)

    def _take(self, descriptor: int) -> None:
        """Remember what is forced; hold the file open, so that no other one gets its number."""
        self._held.append(descriptor)
        number = os.fstat(descriptor).st_ino
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
            with os.scandir(descriptor) as entries:
                self._names[number] = {e.name: (e.inode(), e.is_dir()) for e in entries}
        else:
            self._files[number] = Path(f"/proc/self/fd/{descriptor}").read_bytes()

    def _listed(self, directory: Path) -> Tree:
        return self._below(directory.stat().st_ino)

    def _below(self, number: int) -> Tree:
        return {
            name: self._below(below) if is_dir else self._files.get(below, b"")
            for name, (below, is_dir) in self._names.get(number, {}).items()
        }

    def _named(self, directory: Path) -> Tree:
        return {
            path.name: self._named(path)
            if path.is_dir()
            else self._files.get(path.stat().st_ino, b"")
            for path in directory.iterdir()
        }


def live(directory: Path) -> Tree:
    """Return what a directory contains for the processes of a machine that runs."""
    return {
        path.name: live(path) if path.is_dir() else path.read_bytes()
        for path in directory.iterdir()
    }


def write(tree: Tree, directory: Path) -> None:
    """Write a tree into a new directory."""
    directory.mkdir(parents=True)
    for name, content in tree.items():
        if isinstance(content, bytes):
            (directory / name).write_bytes(content)
        else:
            write(content, directory / name)
