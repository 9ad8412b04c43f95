"""The MLflow tracker: one run a study, a nested run a trial, projected from the journal."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from searchlab.journal.events import Entry
from searchlab.tracking.base import Render, Tracker, TrackerContext
from searchlab.tracking.mlflow.address import redact, resolve_uri
from searchlab.tracking.mlflow.outbox import Outbox
from searchlab.tracking.mlflow.tracked import TrackedStudy
from searchlab.tracking.mlflow.trouble import told

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # the outbox retries itself, without blocking
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}


def settle() -> None:
    """Set MLflow's variables, where the user has not, before MLflow reads them."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def registry(uri: str) -> Iterator[MlflowClient]:
    """Provide a client of an existing store, for its model registry.

    Args:
        uri: the tracking URI, from `address.resolve_uri`.

    Raises:
        TrackingError: if the store is not there, or cannot be used within the block.
    """
    settle()
    with told(uri):
        from searchlab.tracking.mlflow.opening import open_registry  # imports MLflow

        yield open_registry(uri)


class MlflowTracker:
    """Sends a study to MLflow without ever holding it up.

    Nothing is lost and nothing stored twice: what a store could not take when the study was
    closed is sent by the next process that takes up the study, under the same runs.
    """

    def __init__(
        self,
        uri: str,
        directory: Path,
        drain_seconds: float = 30.0,
        hurry: Callable[[], bool] = lambda: False,
        render: Render | None = None,
    ) -> None:
        """Remember where to send; connect later, in a thread of its own.

        Args:
            uri: the tracking URI, from `address.resolve_uri`.
            directory: the study's directory, in which the journal and the models lie.
            drain_seconds: how long `close` may wait for a store that answers.
            hurry: whether the program has been interrupted, so that `close` must be quick.
            render: makes the HTML report that the study's run gets at the end; None for no report.
        """
        settle()
        self._outbox = Outbox(TrackedStudy(uri, directory, render), drain_seconds, hurry)

    @property
    def pending(self) -> int:
        """Return how many entries of the journal the store does not have yet."""
        return self._outbox.pending

    @property
    def sent(self) -> int:
        """Return how many entries this process has sent."""
        return self._outbox.sent

    @property
    def problem(self) -> str | None:
        """Return why the store is unusable at present, in one line without passwords, or None."""
        return self._outbox.problem

    @property
    def unnoted(self) -> str | None:
        """Return why it could not be noted what the store has, in one line, or None if it was."""
        return self._outbox.unnoted

    def replay(self, entries: Sequence[Entry]) -> None:
        """Take the entries of earlier processes; send those that the store lacks."""
        self._outbox.put(entries)

    def record(self, entry: Entry) -> None:
        """Take the next entry."""
        self._outbox.put([entry])

    def close(self) -> None:
        """Wait for the store: `drain_seconds` if it answers, 5 seconds once it does not.

        `pending` has the number of entries that it has not accepted by then.
        """
        self._outbox.close()


def follow(context: TrackerContext) -> MlflowTracker:
    """Make the tracker that study files name `mlflow`.

    Raises:
        TrackingError: if MLflow has no store for the tracking URI.
    """
    uri = resolve_uri(context.tracking_uri, context.cwd)
    return MlflowTracker(uri, context.directory, hurry=context.interrupted, render=context.render)


def backlog(trackers: Iterable[Tracker], name: str, option: str | None) -> Iterator[str]:
    """Yield a line for each MLflow tracker whose store, or note, lacks something of the study.

    Args:
        trackers: the trackers of the study, closed.
        name: the study.
        option: the tracking URI as the user gave it, or None.
    """
    for tracker in trackers:
        if not isinstance(tracker, MlflowTracker):
            continue
        if tracker.pending:
            where = f" --tracking-uri {redact(option)}" if option else ""
            yield (
                f"MLflow lacks the last {tracker.pending} events: "
                f"{tracker.problem or 'the store took too long'}; nothing is lost: once it is "
                f"back, searchlab sync {name}{where}"
            )
        elif tracker.unnoted:
            yield f"{tracker.unnoted}; MLflow has all of study {name}"
