"""Every path below `.searchlab/`, and of its counterpart on a cluster's node.

Nothing else knows them. Light, and changes no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from searchlab.errors import InputError, JournalError
from searchlab.study.others import is_name

STRAYS = ("__pycache__", ".DS_Store")
"""Names that other programs put among the files of a model, where they change nothing."""

ROOT = ".searchlab"
"""The directory, in the working directory, below which everything is kept."""

_SUBMITTED = ".submitted"


_VARIANT = "variant-"


@dataclass(frozen=True)
class StudyLayout:
    """The paths of one study.

    Attributes:
        directory: the study's directory, `.searchlab/<name>/`.
    """

    directory: Path

    @property
    def journal(self) -> Path:
        """The record of the study."""
        return self.directory / "journal.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the process that runs the study."""
        return self.directory / "lock"

    @property
    def owner(self) -> Path:
        """The holder of the lock, for people."""
        return self.directory / "owner"

    @property
    def mlflow(self) -> Path:
        """The progress of sending to MLflow."""
        return self.directory / "mlflow.jsonl"

    @property
    def brief(self) -> Path:
        """The study in brief, which only saves time; see `report.brief`."""
        return self.directory / "brief.json"

    @property
    def search(self) -> Path:
        """The state of the search library, which only saves time; see `engine.snapshots`."""
        return self.directory / "search.json"

    @property
    def data(self) -> Path:
        """The prepared data, only while the study runs."""
        return self.directory / "data"

    @property
    def profile(self) -> Path:
        """The data set as it was understood."""
        return self.directory / "data.json"

    @property
    def models(self) -> Path:
        """Trained weights that may still be needed, a directory a trial."""
        return self.directory / "models"

    @property
    def initial(self) -> Path:
        """A copy of the model that gives the initial weights, with its code."""
        return self.directory / "initial"

    @property
    def best(self) -> Path:
        """The package of the winner's own model."""
        return self.directory / "best"

    @property
    def refit(self) -> Path:
        """The package of the winner refitted to all rows but the test's."""
        return self.directory / "refit"

    @property
    def workers(self) -> Path:
        """The output of trainings."""
        return self.directory / "workers"

    def damaged(self, number: int) -> Path:
        """Return the copy of the journal as it was before a repair."""
        return self.directory / f"journal.damaged-{number}.jsonl"

    def model(self, number: int) -> Path:
        """Return the directory of a trial's weights."""
        return self.models / str(number)

    def kept(self) -> set[int]:
        """Return the trials with weights; whatever else lies beside them is nobody's."""
        try:
            names = [each.name for each in self.models.iterdir()]
        except OSError:  # a training that needs them says so
            return set()
        return {int(name) for name in names if name.isascii() and name.isdecimal()}

    def checkpoint(self, number: int, fold: int) -> Path:
        """Return the file of the weights of one fold of a trial."""
        return self.model(number) / f"fold-{fold}.npz"

    def checkpoints(self, number: int) -> list[Path]:
        """List the weights that there are of a trial, by fold as text."""
        return sorted(self.model(number).glob("fold-*.npz"))


def refit_data(data: Path) -> Path:
    """Return where prepared data have the arrays of a refit; see `data.prepare.prepare`."""
    return data / "refit"


def variant_data(data: Path, number: int | None) -> Path:
    """Return where a study's prepared data have a combination of params; None if it has none."""
    return data if number is None else data / f"{_VARIANT}{number}"


def study_data(data: Path) -> Path:
    """Return a study's prepared data, given themselves or those of a refit or a combination."""
    if data == refit_data(data.parent):
        data = data.parent
    return data.parent if data.name.startswith(_VARIANT) else data


def study_layout(name: str, cwd: Path) -> StudyLayout:
    """Return the paths of a study of a working directory.

    Raises:
        InputError: if no study may have this name, such as one that leads elsewhere.
    """
    return StudyLayout(cwd.resolve() / ROOT / _checked(name))


def journals(cwd: Path) -> list[Path]:
    """List the journals of a working directory, by the names of their studies.

    Raises:
        JournalError: if the directory with the studies cannot be read.
    """
    layouts = [StudyLayout(cwd / ROOT / name) for name in _names(cwd / ROOT)]
    return [each.journal for each in layouts if _may_exist(each.journal)]


def sent_file(cwd: Path) -> Path:
    """Return the file that says which studies were submitted to clusters from a directory."""
    return cwd / ROOT / ".sent.json"


@dataclass(frozen=True)
class SubmissionLayout:
    """The paths of one submitted study on a cluster's head.

    Attributes:
        directory: `.searchlab/.submitted/<name>/`.
    """

    directory: Path

    @property
    def order(self) -> Path:
        """The arguments of `searchlab run`."""
        return self.directory / "order.json"

    @property
    def source(self) -> Path:
        """The study's files."""
        return self.directory / "source"

    @property
    def output(self) -> Path:
        """The output of its drivers."""
        return self.directory / "output.log"

    @property
    def errors(self) -> Path:
        """The errors of its latest driver."""
        return self.directory / "errors.log"


def submission_layout(name: str, cwd: Path) -> SubmissionLayout:
    """Return the paths of a submitted study.

    Raises:
        InputError: if no study may have this name.
    """
    return SubmissionLayout(cwd / ROOT / _SUBMITTED / _checked(name))


def submissions(cwd: Path) -> list[str]:
    """List the names of the submitted studies, in alphabetical order.

    Raises:
        JournalError: if their directory cannot be read.
    """
    names = _names(cwd / ROOT / _SUBMITTED)
    return [name for name in names if _may_exist(submission_layout(name, cwd).order)]


def _names(directory: Path) -> list[str]:
    """List what may be named after a study in a directory; nothing if it is not there."""
    try:
        return sorted(each.name for each in directory.iterdir() if is_name(each.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise JournalError(
            f"{directory}: cannot be read ({error.strerror}): give access to it, then run this "
            "again"
        ) from None


def _may_exist(path: Path) -> bool:
    """Return whether there is a file, also one that cannot be looked at or is a broken link."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # whoever reads it reports this error
        return True
    return True


def _checked(name: str) -> str:
    if not is_name(name):
        raise InputError(
            f"there is no study {name!r}: a name has letters, digits, '.', '_' and '-' only; "
            "searchlab list shows the studies here"
        )
    return name


@dataclass(frozen=True)
class CacheLayout:
    """The paths of the user's cache, which can be lost at any moment.

    Attributes:
        directory: the directory that the system has for that.
    """

    directory: Path

    @property
    def programs(self) -> Path:
        """XLA's executables, in a directory for each kind of machine code."""
        return self.directory / "programs"

    def store(self, version: str) -> Path:
        """Return the empty store of a version of MLflow."""
        return self.directory / f"mlflow-{version}.db"


def cache_layout() -> CacheLayout:
    """Return the paths of the user's cache."""
    return CacheLayout(user_cache_path("searchlab"))


@dataclass(frozen=True)
class NodeLayout:
    """The paths of a cluster's node, while a study's driver uses it.

    Attributes:
        root: the node's own directory, new for each driver.
    """

    root: Path

    @property
    def data(self) -> Path:
        """The prepared data."""
        return self.root / "data"

    @property
    def code(self) -> Path:
        """The user's source."""
        return self.root / "code"

    @property
    def initial(self) -> Path:
        """The study's `StudyLayout.initial`, if it has one."""
        return self.root / "initial"

    @property
    def workers(self) -> Path:
        """The output of trainings."""
        return self.root / "workers"

    def job(self, number: int) -> StudyLayout:
        """Return the paths of what a job has in the place of the study's directory."""
        return StudyLayout(self.root / "jobs" / str(number))
