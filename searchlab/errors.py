"""All exceptions that searchlab raises deliberately.

    SearchlabError                    exit code
    ├── InputError                        2      user input cannot be used
    │   ├── StudyFileError                2      the study file: file, line, key, remedy
    │   ├── StudyChangedError             2      a study of this name has another definition
    │   ├── DataError                     2      the data set: column, row, remedy
    │   ├── ModelError                    2      the model factory: its name, remedy
    │   ├── PackageError                  2      a packaged model: path, remedy
    │   └── MissingPackageError           2      an optional library is not installed
    ├── StudyLockedError                  3      another process holds this study
    ├── JournalError                      2      the journal cannot be read or written
    │   └── ReplayError                   2      the journal and the backend disagree
    ├── StorageError                      2      a training's files cannot be written
    ├── LostWeightsError                  2      saved weights are missing or others
    └── TrackingError                     2      the tracking store cannot be used

Each message is one line: where, what is wrong, and the remedy.
"""

from __future__ import annotations


class SearchlabError(Exception):
    """Base class of searchlab's errors.

    Attributes:
        exit_code: the command line's exit code for this error.
    """

    exit_code = 2


class InputError(SearchlabError):
    """Input from the user cannot be used."""


class StudyFileError(InputError):
    """A study file cannot be used.

    Attributes:
        problems: one line per problem, in the file's order; at least one.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(problems[0])


class StudyChangedError(InputError):
    """A study of this name exists with another definition."""


class DataError(InputError):
    """A data set cannot be used; raised before trial 0."""


class ModelError(InputError):
    """A model factory cannot be used; raised before trial 0."""


class PackageError(InputError):
    """A packaged model cannot be found, loaded or used."""


class MissingPackageError(InputError):
    """A library that the study needs is not installed."""


class StudyLockedError(SearchlabError):
    """Another process holds the study's lock."""

    exit_code = 3


class JournalError(SearchlabError):
    """A study's journal cannot be read or written."""


class DamagedJournalError(JournalError):
    """A line of a study's journal is not the one that was written there."""


class ReplayError(JournalError):
    """During replay, a backend asks for something other than the journal holds."""


class StorageError(SearchlabError):
    """A training's files cannot be written because the disk is full or read-only.

    It ends the process rather than the trial, which is retrained once there is room.
    """


class LostWeightsError(SearchlabError):
    """Saved weights are missing, or are not those that the journal names.

    The trial that they belong to is trained again.
    """


class TrackingError(SearchlabError):
    """The tracking store cannot be used."""
