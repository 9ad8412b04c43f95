"""Which studies were submitted from a working directory, and to which cluster."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from searchlab.core.atomic import whole_file
from searchlab.journal.layout import sent_file


def remember(name: str, address: str, cwd: Path) -> None:
    """Notes where a study was sent; the latest address counts.

    Raises:
        OSError: if it cannot be written.
    """
    path = sent_file(cwd)
    path.parent.mkdir(exist_ok=True)
    with whole_file(path) as scratch:
        scratch.write_text(json.dumps({**sent(cwd), name: address}, indent=1), encoding="utf-8")


def sent(cwd: Path) -> dict[str, str]:
    """The address of the cluster of each study that was sent from here; empty if none can be read.

    What is lost with it is only which clusters are asked without being named.
    """
    with suppress(OSError, ValueError):
        return dict(json.loads((sent_file(cwd)).read_text(encoding="utf-8")))
    return {}
