"""The record of which studies a working directory submitted to which cluster."""

from __future__ import annotations

import json
from pathlib import Path

from searchlab.core.atomic import make_directory, whole_file
from searchlab.errors import InputError
from searchlab.journal.layout import sent_file


def remember(name: str, address: str, cwd: Path) -> None:
    """Record the cluster that a study was submitted to, replacing an earlier address.

    Raises:
        InputError: if the file is damaged.
        OSError: if it cannot be written.
    """
    path = sent_file(cwd)
    make_directory(path.parent)
    with whole_file(path) as scratch:
        scratch.write_text(json.dumps({**sent(cwd), name: address}, indent=1), encoding="utf-8")


def sent(cwd: Path) -> dict[str, str]:
    """Return the cluster's address for each submitted study.

    Raises:
        InputError: if the file is there and cannot be read. Losing it only means that these
            clusters must be named to be asked.
    """
    path = sent_file(cwd)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict) and all(isinstance(each, str) for each in found.values()):
            return found
        why = "it is no object of texts"
    except (FileNotFoundError, NotADirectoryError):
        if not path.is_symlink():
            return {}
        why = "it is a broken link"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is damaged"
    raise InputError(
        f"{path}: cannot be read ({why}), so it is not known which studies were sent to clusters: "
        "delete it, and name their clusters with --address"
    )
