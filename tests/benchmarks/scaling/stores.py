"""The MLflow stores that a driver sends its trials to, and how many have come there."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from searchlab.report.html.report import report_page
from searchlab.tracking.mlflow.opening import open_store
from searchlab.tracking.mlflow.tracker import MlflowTracker

from .driver import Held, Load, hold

_PATIENCE = 8.0  # seconds that a store may go on after a search; the rest is worked out from them
_FILE = "mlflow.db"


@dataclass(frozen=True)
class Store:
    """An MLflow store on this machine, with a SQLite database behind it.

    Attributes:
        uri: the tracking URI.
        database: the database.
    """

    uri: str
    database: Path

    def ended(self) -> int:
        """Count the trials that have ended, as far as the store knows."""
        uri = f"file:{self.database}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=20)) as connection:
            query = "SELECT count(*) FROM runs WHERE end_time IS NOT NULL"
            return int(connection.execute(query).fetchone()[0])


@dataclass(frozen=True)
class Kept:
    """The progress of a store behind a search.

    Attributes:
        rate: trials a second that it takes, from the search's beginning until it has all.
        behind: how many trials it lacked at the end of the search.
        after: the seconds after the end until it has all, at the rate at which it took them then.
    """

    rate: float
    behind: int
    after: float


def follow(load: Load, directory: Path, store: Store) -> tuple[Held, Kept]:
    """Has a driver run a study (see `hold`) that a store follows."""
    tracker = MlflowTracker(store.uri, directory, _PATIENCE, render=report_page)
    before = store.ended()
    held = hold(load, directory, tracker)
    then, begun = store.ended() - before, time.perf_counter()
    tracker.close()
    seconds, taken = time.perf_counter() - begun, store.ended() - before - then
    behind = load.trials - then
    after = seconds if tracker.pending == 0 else seconds * behind / max(1, taken)
    return held, Kept(load.trials / (held.seconds + after), behind, after)


@contextlib.contextmanager
def sqlite(directory: Path) -> Iterator[Store]:
    """A database in a file, which the driver writes to itself."""
    yield _opened(Store(f"sqlite:///{directory / _FILE}", directory / _FILE))


@contextlib.contextmanager
def server(directory: Path) -> Iterator[Store]:
    """An MLflow server with one worker, over HTTP."""
    from tests.support.mlflow_server import Server  # the benchmarks' tests know `tests` by no name

    running = Server(directory)
    try:
        yield _opened(Store(running.uri, directory / _FILE))
    finally:
        running.kill()


def _opened(store: Store) -> Store:
    """The store with what is made at the first study; that, and MLflow's imports, take seconds."""
    open_store(store.uri)
    return store


STORES: dict[str, Callable[[Path], contextlib.AbstractContextManager[Store]]] = {
    "SQLite": sqlite,
    "a server": server,
}
"""The function that opens each store in a directory, by its name in the table."""
