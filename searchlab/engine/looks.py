"""Look at a study's data set before trial 0: keep its profile, present it, refuse what is odd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from searchlab.core.progress import progress_told
from searchlab.core.scratch import scratch
from searchlab.data.understood import Profile, read_profile, write_profile
from searchlab.errors import DataError, StorageError
from searchlab.study.file import StudyFile

Show = Callable[[Profile], None]
"""A function that presents a data set as it was understood."""


@dataclass(frozen=True)
class Looks:
    """The attention that a study's data set gets before trial 0.

    Attributes:
        show: presents the data set, once, and again if it is understood in another way.
        strict: whether findings end the study before trial 0.
    """

    show: Show | None = None
    strict: bool = False


def look(profile: Profile, kept: Path, looks: Looks) -> None:
    """Keep a data set's profile, present it if it is news, and refuse it if it has to be clean.

    Raises:
        DataError: if there are findings and `looks` are strict.
        StorageError: if the profile cannot be written.
    """
    if read_profile(kept) != profile:
        if looks.show is not None:
            looks.show(profile)
        try:
            write_profile(kept, profile)
        except OSError as error:
            raise StorageError(
                f"{kept}: cannot be written ({error.strerror}): make room or give access, then "
                f"run the study again"
            ) from None
    if looks.strict:
        refuse_findings(profile)


def refuse_findings(profile: Profile) -> None:
    """Reject a data set with which something is odd.

    Raises:
        DataError: with the gravest finding.
    """
    if count := len(profile.findings):
        more = f" (and {count - 1} more)" * (count > 1)
        raise DataError(
            f"{profile.source}: {profile.findings[0].message}{more}; --strict refuses it"
        )


def telling(say: Callable[[str], None]) -> Show:
    """Return a function that tells what is odd about a data set, a line each."""

    def show(profile: Profile) -> None:
        for finding in profile.findings:
            say(finding.message)

    return show


def look_at(file: StudyFile, say: Callable[[str], None]) -> Profile:
    """Load and prepare a study's data set, keeping nothing, and return how it was understood.

    Args:
        file: the study.
        say: receives a line about each step that takes time.

    Raises:
        DataError: if it cannot be used as the study asks.
    """
    from searchlab.data.prepare import prepare  # imports pandas and scikit-learn

    spec = file.spec.model_copy(update={"refit": False})
    with scratch() as directory, progress_told(say):
        return prepare(spec, file.path.resolve().parent, directory / "data").profile
