"""Everything that searchlab raises on purpose.

    SearchlabError                    exit code
    ├── InputError                        2      something the user gave cannot be used
    │   ├── StudyFileError                2      the study file: file, line, key, remedy
    │   ├── StudyChangedError             2      another study already has this name
    │   ├── DataError                     2      the data set: column, row, remedy
    │   ├── ModelError                    2      the model factory: its name, remedy
    │   ├── PackageError                  2      a model to be used: where it is, remedy
    │   └── MissingPackageError           2      an optional library is not installed
    ├── StudyLockedError                  3      another process holds this study
    ├── JournalError                      2      the journal cannot be read or written
    │   └── ReplayError                   2      the journal and the backend disagree
    ├── StorageError                      2      what a training made cannot be written
    └── TrackingError                     2      the tracking store cannot be used

Each message is one line: what is wrong, where, and what to do next.
"""

from __future__ import annotations


class SearchlabError(Exception):
    """Base of all errors that searchlab raises on purpose.

    Attributes:
        exit_code: the exit code of the command line for this error.
    """

    exit_code = 2


class InputError(SearchlabError):
    """Something that the user gave cannot be used."""


class StudyFileError(InputError):
    """A study file cannot be used.

    Attributes:
        problems: one line for each problem, in the order of the file; at least one.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(problems[0])


class StudyChangedError(InputError):
    """A study of this name exists and was made from something else."""


class DataError(InputError):
    """A data set cannot be used; raised before trial 0."""


class ModelError(InputError):
    """A model factory cannot be used; raised before trial 0."""


class PackageError(InputError):
    """A packaged model cannot be found, loaded or used."""


class MissingPackageError(InputError):
    """A library that the study needs is not installed."""


class StudyLockedError(SearchlabError):
    """Another process holds this study."""

    exit_code = 3


class JournalError(SearchlabError):
    """The journal of a study cannot be read or written."""


class ReplayError(JournalError):
    """A backend, fed with its journal, asks for something else than it did before."""


class StorageError(SearchlabError):
    """What a training made cannot be written: the disk is full, or read-only.

    It ends the process and not the trial, which is trained again once there is room.
    """


class TrackingError(SearchlabError):
    """The tracking store cannot be used."""
