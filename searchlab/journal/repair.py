"""Repair of a damaged journal: keep the lines before the damage, and the file as it was."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from searchlab.core.atomic import force, whole_file
from searchlab.errors import JournalError
from searchlab.journal.journal import good_lines
from searchlab.journal.layout import StudyLayout


@dataclass(frozen=True)
class Repair:
    """The result of a repair.

    Attributes:
        kept: the number of lines that are still there.
        dropped: the number of lines that are not; 0 if the journal was whole.
        backup: the file as it was; None if the journal was whole.
    """

    kept: int
    dropped: int
    backup: Path | None


def repair_journal(path: Path) -> Repair:
    """Cut a journal off at its first damaged line.

    Whatever the dropped lines recorded is searched and trained again by the next run.

    Args:
        path: the journal; its study must be locked.

    Raises:
        JournalError: if not even the first line is whole, or the file cannot be read or written.
    """
    try:
        good, lines = good_lines(path)
        if len(good) == lines:
            return Repair(lines, 0, None)
        if not good:
            raise JournalError(
                f"{path}:1: is damaged, so nothing can be kept: restore the file from a backup, or "
                "start the study anew under another --name"
            )
        backup = _unused(path)
        shutil.copy2(path, backup)
        force(backup)  # the damaged lines are nowhere else then
        with whole_file(path) as scratch, scratch.open("wb") as file:
            file.writelines(good)
    except OSError as error:
        raise JournalError(
            f"{error.filename or path}: cannot be written ({error.strerror}); make room or give "
            "write access, then run this again"
        ) from None
    return Repair(len(good), lines - len(good), backup)


def _unused(path: Path) -> Path:
    """Return a name for the backup that no earlier repair has used."""
    number = 1
    while os.path.lexists(backup := StudyLayout(path.parent).damaged(number)):
        number += 1
    return backup
