"""File systems of their own, for root."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")


@contextmanager
def mounted(directory: Path, *options: str):
    """Mount a temporary file system."""
    directory.mkdir(exist_ok=True)
    try:
        subprocess.run(["mount", *options, str(directory)], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine does not let root mount: {error.stderr.decode().strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(file: Path, *, but: int = 0) -> None:
    """Use up all free space on a disk, but for some pages of 4,096 bytes."""
    with file.open("wb", buffering=0) as filler:
        with suppress(OSError):
            while True:
                filler.write(bytes(4096))
        filler.truncate(filler.tell() - but * 4096)
