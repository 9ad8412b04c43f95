"""The record of which studies a working directory submitted to which cluster."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from searchlab.core.atomic import make_directory, whole_file
from searchlab.journal.layout import sent_file


def remember(name: str, address: str, cwd: Path) -> None:
    """Record the cluster that a study was submitted to, replacing an earlier address.

    Raises:
        OSError: if the file cannot be written.
    """
    path = sent_file(cwd)
    make_directory(path.parent)
    with whole_file(path) as scratch:
        scratch.write_text(json.dumps({**sent(cwd), name: address}, indent=1), encoding="utf-8")


def sent(cwd: Path) -> dict[str, str]:
    """Return the cluster's address for each submitted study; empty if the file cannot be read.

    Losing the file only means that these clusters must be named to be asked.
    """
    with suppress(OSError, ValueError):
        return dict(json.loads((sent_file(cwd)).read_text(encoding="utf-8")))
    return {}
