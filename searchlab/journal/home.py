"""The directory of a study: found by name and held by one process at a time.

`layout` defines the paths in it.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from searchlab.core.atomic import clear_away, make_directory
from searchlab.core.garbage import no_collection
from searchlab.errors import InputError, JournalError, StudyLockedError
from searchlab.journal.journal import read_journal
from searchlab.journal.layout import journals, study_layout
from searchlab.journal.record import StudyRecord
from searchlab.study.folds import fold_of
from searchlab.study.others import is_name


class StudyHome:
    """The directory of one study.

    Attributes:
        paths: the paths in it.
        cwd: the working directory, which contains other studies too.
    """

    def __init__(self, name: str, cwd: Path) -> None:
        self.cwd = cwd.resolve()
        self.paths = study_layout(name, cwd)
        self._made = False  # whether this process made the directory

    @property
    def directory(self) -> Path:
        """The study's directory."""
        return self.paths.directory

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the study for this process; the lock ends with the process, however that ends.

        Raises:
            StudyLockedError: if another process holds the study.
            JournalError: if the directory cannot be written.
        """
        owner = self.paths.owner
        lock = FileLock(self.paths.lock, timeout=0)
        self._made = not self.directory.exists()
        try:
            make_directory(self.directory)
            lock.acquire()
            clear_away(self.directory)
            owner.unlink(missing_ok=True)  # it may be a link to anywhere
            owner.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        except Timeout:
            raise StudyLockedError(
                f"study {self.directory.name} is being run by {_read(owner)}: wait for it, or "
                "stop it, then run this again"
            ) from None
        except OSError as error:
            lock.release()
            raise JournalError(
                f"{error.filename or self.directory}: cannot be written ({error.strerror}); make "
                "room or give write access, then run this again"
            ) from None
        try:
            yield
        finally:
            with suppress(OSError):  # the file is only read while the lock is held
                owner.unlink()
            lock.release()

    def refuse_remains(self) -> None:
        """Refuse to begin a study where another one left its models.

        Raises:
            JournalError: if there are results of a study, whose journal must be somewhere else.
        """
        paths = self.paths
        left = [each for each in (paths.models, paths.best, paths.refit) if each.exists()]
        if left:
            raise JournalError(
                f"{paths.journal}: is missing, but {left[0].name} has models of a study: put the "
                "journal back to continue it, or move the whole directory elsewhere to begin anew"
            )

    def discard_if_empty(self) -> None:
        """Remove the directory of a study that has not started if this process made it."""
        if self._made and not self.paths.journal.exists():
            shutil.rmtree(self.directory, ignore_errors=True)


def load_record(name: str, cwd: Path) -> StudyRecord:
    """Load the record of a study in this working directory.

    Raises:
        InputError: if there is no such study; names the existing ones.
        JournalError: if its journal is damaged.
    """
    require_study(name, cwd)
    with no_collection():
        return StudyRecord(read_journal(study_layout(name, cwd).journal))


def require_study(name: str, cwd: Path) -> None:
    """Check that there is a study of this name in this working directory.

    Raises:
        InputError: if there is none; names the existing ones.
    """
    if not (is_name(name) and _begun(study_layout(name, cwd).journal)):
        names = ", ".join(study_names(cwd)) or "none yet"
        where = "this directory" if cwd.resolve() == Path.cwd() else str(cwd)
        raise InputError(f"there is no study {name!r} in {where}; there is: {names}")


def load_folds(name: str, cwd: Path) -> list[StudyRecord]:
    """Load the studies of nested folds that have begun, in the order of the folds.

    Args:
        name: the name of the study file, which no study has.
        cwd: the working directory.

    Raises:
        JournalError: if a journal is damaged.
    """
    names = study_names(cwd)
    if name in names:
        return []
    found = [(fold, each) for each in names if (fold := fold_of(each, name)) is not None]
    records = [load_record(each, cwd) for _, each in sorted(found)]
    return [each for each in records if each.spec.data.test_folds is not None]


def study_names(cwd: Path) -> list[str]:
    """Return the names of the studies in this working directory, in alphabetical order."""
    return [journal.parent.name for journal in journals(cwd) if _begun(journal)]


def _begun(journal: Path) -> bool:
    """Return whether the study has started: a process killed before leaves an empty journal."""
    try:
        with journal.open("rb") as file:
            return file.readline().endswith(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return journal.is_symlink()
    except OSError:  # reading the whole journal will report this error
        return True


def _read(owner: Path) -> str:
    try:
        return owner.read_text() or "another process"
    except OSError:
        return "another process"
