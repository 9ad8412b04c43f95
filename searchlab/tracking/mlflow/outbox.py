"""The outbox: sends a study's entries to MLflow in a thread of its own, through any outage.

Entries wait in memory (and in the journal, for the next process) until the store has accepted them.
They are sent in batches: at once when a trial begins or ends, every few seconds while trials only
report. A failed batch is sent again after growing pauses; after each successful batch the number of
entries sent so far is written to the study's directory. A store that has lost what it had of the
study gets all of it again, from the journal.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from searchlab.errors import TrackingError
from searchlab.journal.events import Entry, Reported, Started
from searchlab.journal.journal import read_journal
from searchlab.journal.layout import StudyLayout
from searchlab.tracking.mlflow.address import file_identity, redact
from searchlab.tracking.mlflow.projection import Batch, Doubt, Planner
from searchlab.tracking.mlflow.state import State
from searchlab.tracking.mlflow.tracked import TrackedStudy
from searchlab.tracking.mlflow.trouble import LostRunsError, reason

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from searchlab.tracking.mlflow.store import MlflowStore

_LIVE = 5.0  # seconds that reports may wait, so that many go in one call
_FIRST, _LONGEST = 0.5, 30.0  # seconds between attempts
_PATIENCE = 5.0  # seconds that closing waits for a store that does not answer
_HURRY = 3.0  # seconds that closing waits at most in an interrupted program
_LARGEST = 5000  # entries in one batch


class Outbox:
    """Entries on their way to one store."""

    def __init__(
        self, study: TrackedStudy, drain_seconds: float, hurry: Callable[[], bool]
    ) -> None:
        self._study = study
        self._drain_seconds, self._hurry = drain_seconds, hurry
        self._changed = threading.Condition()
        self._waiting: deque[Entry] = deque()
        self._oldest = 0.0
        self._urgent = False
        self._closing = self._over = False
        self._problem: str | None = None
        self._unnoted: str | None = None  # why what was sent could not be noted
        self._failing: float | None = None
        self._taken = self._sent = self._first = self._known = 0
        self._store: MlflowStore | None = None
        self._doubt: Doubt | None = None  # what another process may have sent unnoted
        self._file: tuple[int, int] | None = None
        self._planner = Planner()
        self._batch: Batch | None = None
        self._thread = threading.Thread(target=self._run, name="searchlab-outbox", daemon=True)

    @property
    def pending(self) -> int:
        """Return how many entries the store does not have yet."""
        return self._taken - self._sent

    @property
    def over(self) -> bool:
        """Return whether it has been closed, so that nothing may be sent any more."""
        return self._over

    @property
    def sent(self) -> int:
        """Return how many entries this process has sent."""
        return max(0, self._sent - self._known)

    @property
    def problem(self) -> str | None:
        """Return why the last attempt failed or could not be noted, in one line, or None."""
        return self._problem

    @property
    def unnoted(self) -> str | None:
        """Return why what was sent could not be noted, in one line, or None if it was."""
        return self._unnoted

    def put(self, entries: Iterable[Entry]) -> None:
        """Take entries and return at once. The first call brings all entries so far."""
        with self._changed:
            for entry in entries:
                if not self._waiting:
                    self._oldest = time.monotonic()
                self._waiting.append(entry)
                self._taken += 1
                self._urgent = self._urgent or not isinstance(entry.event, Reported)
            if self._thread.ident is None and self._waiting:
                self._first = self._taken
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Wait until all is sent, or until the store has not answered for some seconds."""
        begun = time.monotonic()
        with self._changed:
            self._closing = True
            self._changed.notify()
        while self._thread.is_alive():
            end, failing = begun + self._drain_seconds, self._failing
            if failing is not None:
                end = min(end, max(begun, failing) + _PATIENCE)
            if self._hurry():
                end = min(end, begun + _HURRY)
            left = end - time.monotonic()
            if left <= 0:
                break
            self._thread.join(min(left, 0.2))
        self._over = True

    def _run(self) -> None:
        try:
            self._send_all()
        finally:
            if self._store is not None:
                self._store.close()

    def _send_all(self) -> None:
        delay = _FIRST
        while self._wait_for_work():
            try:
                self._work()
            except Exception as error:  # of a library, a server or a disk; all may be temporary
                if self._over:
                    return
                self._problem = reason(error, self._study.uri)
                answered = isinstance(error, LostRunsError)
                self._failing = None if answered else self._failing or time.monotonic()
                self._pause(delay)
                delay = min(2 * delay, _LONGEST)
            else:
                self._problem, self._failing, delay = self._unnoted, None, _FIRST

    def _wait_for_work(self) -> bool:
        """Wait until a batch is due; return False when there is nothing left to wait for."""
        with self._changed:
            while not self._over:
                if self._batch is not None or (self._waiting and (self._urgent or self._closing)):
                    return True
                if self._closing:
                    return False
                due = self._oldest + _LIVE - time.monotonic() if self._waiting else None
                if due is not None and due <= 0:
                    return True
                self._changed.wait(due)
        return False

    def _pause(self, seconds: float) -> None:
        """Wait between two attempts; only briefly once the study is being closed."""
        end = time.monotonic() + seconds
        with self._changed:
            while not self._closing and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
        if self._closing and not self._over:
            time.sleep(min(_FIRST, seconds))

    def _work(self) -> None:
        while not self._over:
            store = self._store = self._store or self._open()
            if self._batch is None:
                entries = self._take()
                if not entries:
                    return
                self._batch = self._planner.plan(entries)
                # Entries after the end of a process come from its successor, which makes the
                # artifacts and the model of the earlier process obsolete.
                self._batch.stopped = self._batch.stopped and not self._waiting
            try:
                self._refuse_another_file()
                doubt = self._doubt or Doubt(self._batch.earliest)
                store.send(self._batch, self._planner.record, doubt)
            except LostRunsError:
                self._begin_again()
                raise
            finally:
                if store is self._store and not self._over:
                    # With the runs that were created, even if the batch failed.
                    self._note(store.state)
            self._sent, self._doubt, self._batch = self._batch.until, None, None
            self._problem, self._failing = self._unnoted, None

    def _note(self, state: State) -> None:
        """Note what has been sent; without the note it is found in the store again."""
        try:
            state.save(self._study.directory)
        except OSError as error:
            self._unnoted = (
                f"{StudyLayout(self._study.directory).mlflow} cannot be written "
                f"({error.strerror}): make room, or take away what is in its place"
            )
        else:
            self._unnoted = None

    def _refuse_another_file(self) -> None:
        """Notice a SQLite file that was removed or replaced: its connections know nothing of that.

        Raises:
            LostRunsError: if it was.
        """
        if file_identity(self._study.uri) != self._file:
            raise LostRunsError("mlflow.db was removed or replaced, and everything is sent again")

    def _begin_again(self) -> None:
        """Forget all that was sent; the journal has it.

        Raises:
            JournalError: if the journal cannot be read.
            TrackingError: if it has been cut off.
        """
        with self._changed:
            gone = self._taken - len(self._waiting)
        path = StudyLayout(self._study.directory).journal
        entries = list(islice(read_journal(path), gone))
        if len(entries) < gone:
            raise TrackingError(f"{path}: has lost entries of this study: restore it from a backup")
        State(_study_id(entries[0]), redact(self._study.uri)).save(self._study.directory)
        with self._changed:
            self._waiting.extendleft(reversed(entries))
            self._urgent = True
        if self._store is not None:
            self._store.close()
        self._store, self._batch, self._planner = None, None, Planner()
        self._sent = self._known = 0

    def _take(self) -> list[Entry]:
        with self._changed:
            entries = self._next(min(len(self._waiting), _LARGEST))
            self._urgent = self._urgent and bool(self._waiting)
            return entries

    def _next(self, count: int) -> list[Entry]:
        with self._changed:
            return [self._waiting.popleft() for _ in range(count)]

    def _open(self) -> MlflowStore:
        """Connect, and skip the entries that the store already has."""
        from searchlab.tracking.mlflow.opening import open_store  # imports MLflow
        from searchlab.tracking.mlflow.store import MlflowStore

        identity, uri = _study_id(self._waiting[0]), redact(self._study.uri)
        state = State.load(self._study.directory, identity, uri)
        self._sent = self._known = min(state.sent, self._first)  # as far as known by now
        client, experiment = open_store(self._study.uri)
        self._file = file_identity(self._study.uri)
        guarded = cast("MlflowClient", _Guarded(client, self))
        store = MlflowStore(guarded, self._study, state)
        another = state.experiment_id != experiment or (state.run_id and not store.has_run())
        if not another and not self._still_has(state):
            store.delete()
            another = True
        if another:
            store.state = State(identity, uri, experiment_id=experiment)
        self._sent = self._known = min(store.state.sent, self._first)
        with self._changed:
            self._doubt = Doubt.of(self._waiting, store.state.sent, store.state.last)
        for begin in range(0, self._known, _LARGEST):  # a batch of all would have all of its points
            self._planner.plan(self._next(min(_LARGEST, self._known - begin)))
        return store

    def _still_has(self, state: State) -> bool:
        """Return whether the journal has what the store has of it.

        It has not if it was repaired or restored, or after a power cut, which may cost it reports.
        """
        if not state.sent:
            return True
        with self._changed:
            return (
                state.sent <= len(self._waiting)
                and self._waiting[state.sent - 1].time == state.last
            )


def _study_id(first: Entry) -> str:
    """Return the study's identity, which is in the first entry of its journal."""
    assert isinstance(first.event, Started)  # noqa: S101 - a tracker is given whole journals
    return first.event.id


class _Guarded:
    """A client that refuses calls once its outbox has given up.

    The study's lock is released then, and another process may be sending the same entries.
    """

    def __init__(self, client: MlflowClient, outbox: Outbox) -> None:
        self._client, self._outbox = client, outbox

    def __getattr__(self, name: str) -> Any:
        if self._outbox.over:
            raise TrackingError("the study has been left")
        return getattr(self._client, name)
