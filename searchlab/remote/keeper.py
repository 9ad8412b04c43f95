"""The actor on a cluster's head that keeps the drivers of submitted studies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from searchlab.errors import SearchlabError
from searchlab.journal.home import StudyHome, load_record, study_names
from searchlab.journal.ids import StudyIds
from searchlab.journal.layout import submissions
from searchlab.journal.record import StudyRecord
from searchlab.remote.bundle import Bundle
from searchlab.remote.driver import Driver, receive
from searchlab.tracking.mlflow.state import read_ids


@dataclass(frozen=True)
class SubmissionStatus:
    """The status of a submitted study.

    Attributes:
        name: name of the study.
        running: whether its driver is running.
        begun: whether the driver got past all errors before the first trial.
        code: the driver's exit code, or None while it runs or if it ended long ago.
        words: the last line of the driver's standard error.
        home: the study's directory, on the cluster's head.
        record: the study as recorded in its journal, or None if there is none yet.
        ids: its ids in the tracking store, if it has any.
    """

    name: str
    running: bool
    begun: bool
    code: int | None
    words: str
    home: Path
    record: StudyRecord | None
    ids: StudyIds | None


class Keeper:
    """The actor, one per cluster. Its working directory is that in which the head was started."""

    def __init__(self, address: str) -> None:
        """Resume the studies that had not ended when an earlier keeper died.

        Args:
            address: address of the cluster.
        """
        self._cwd, self._address = Path.cwd(), address
        self._drivers = {name: Driver(name, self._cwd, address) for name in submissions(self._cwd)}

    def submit(self, bundle: Bundle) -> str | None:
        """Start or resume a study; return the reason if that is refused, else None."""
        driver = self._drivers.get(bundle.name)
        if driver is not None and driver.running:
            return (
                f"study {bundle.name} is running on the cluster: wait for it, or stop it with "
                f"searchlab stop {bundle.name}, then submit it again"
            )
        try:
            receive(bundle, self._cwd)
        except SearchlabError as error:
            return str(error)
        except OSError as error:
            return f"{error.filename or self._cwd}: {error.strerror}: make room or give access"
        self._drivers[bundle.name] = Driver(bundle.name, self._cwd, self._address)
        return None

    def stop(self, name: str) -> bool:
        """Tell a study's driver to stop; return False if it is not running."""
        driver = self._drivers.get(name)
        if driver is None or not driver.running:
            return False
        driver.stop()
        return True

    def statuses(self, names: list[str] | None = None) -> list[SubmissionStatus]:
        """Return the status of the named submitted studies, or of all, sorted by name."""
        wanted = sorted(self._drivers) if names is None else names
        begun = set(study_names(self._cwd))
        found = [self._drivers[name] for name in wanted if name in self._drivers]
        return [self._status(driver, driver.name in begun) for driver in found]

    def _status(self, driver: Driver, recorded: bool) -> SubmissionStatus:
        home = StudyHome(driver.name, self._cwd).directory
        running, begun, words = driver.running, driver.begun, driver.words
        record, ids = None, None
        try:
            if recorded:
                record, ids = load_record(driver.name, self._cwd), read_ids(home)
        except SearchlabError as error:
            words = str(error)
        return SubmissionStatus(driver.name, running, begun, driver.code, words, home, record, ids)
