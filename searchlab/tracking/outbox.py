"""The outbox: sends a study's entries to MLflow in a thread of its own, whatever the store does.

Entries wait in memory (and in the journal, for the next process) until the store has taken them.
They are sent in batches: at once when a trial begins or ends, every few seconds while trials
only report. A batch that fails is sent again, later and later; after each batch that succeeds the
number of entries sent so far is written to the study's directory.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from searchlab.journal import Entry, Reported
from searchlab.tracking.address import redact, scrub
from searchlab.tracking.projection import Batch, Planner, study_identity
from searchlab.tracking.state import State

if TYPE_CHECKING:
    from searchlab.tracking.store import MlflowStore

_LIVE = 5.0  # seconds that reports may wait, so that many go in one call
_FIRST, _LONGEST = 0.5, 30.0  # seconds between tries
_PATIENCE = 5.0  # seconds that closing waits for a store that does not answer
_LARGEST = 5000  # entries in one batch


class Outbox:
    """Entries on their way to one store."""

    def __init__(self, uri: str, directory: Path, drain_seconds: float) -> None:
        self._uri = uri
        self._directory = directory
        self._drain_seconds = drain_seconds
        self._changed = threading.Condition()
        self._waiting: deque[Entry] = deque()
        self._oldest = 0.0
        self._urgent = False
        self._closing = self._over = False
        self._problem: str | None = None
        self._taken = self._sent = self._first = 0
        self._store: MlflowStore | None = None
        self._planner = Planner()
        self._batch: Batch | None = None
        self._thread = threading.Thread(target=self._run, name="searchlab-outbox", daemon=True)

    @property
    def pending(self) -> int:
        """How many entries the store does not have yet."""
        return self._taken - self._sent

    @property
    def problem(self) -> str | None:
        """Why the last try failed, in one line, or None if it did not."""
        return self._problem

    def put(self, entries: Iterable[Entry]) -> None:
        """Takes entries; returns at once. The first call brings all entries there are so far."""
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
        """Waits until all is sent, or until waiting has become pointless."""
        begun = time.monotonic()
        with self._changed:
            self._closing = True
            self._changed.notify()
        while self._thread.is_alive():
            patience = self._drain_seconds if self._problem is None else _PATIENCE
            left = begun + min(patience, self._drain_seconds) - time.monotonic()
            if left <= 0:
                break
            self._thread.join(min(left, 0.2))
        self._over = True

    def _run(self) -> None:
        delay = _FIRST
        while self._wait_for_work():
            try:
                self._work()
            except Exception as error:  # a library's, a server's, a disk's: all may pass
                self._problem = scrub(f"{type(error).__name__}: {error}", self._uri)[:500]
                self._pause(delay)
                delay = min(2 * delay, _LONGEST)
            else:
                self._problem, delay = None, _FIRST

    def _wait_for_work(self) -> bool:
        """Waits until something is due; False when there is nothing left to wait for."""
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
        """Waits between two tries; only shortly once the study is being closed."""
        end = time.monotonic() + seconds
        with self._changed:
            while not self._closing and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
        if self._closing and not self._over:
            time.sleep(min(_FIRST, seconds))

    def _work(self) -> None:
        store = self._store = self._store or self._open()
        while not self._over:
            if self._batch is None:
                entries = self._take()
                if not entries:
                    return
                self._batch = self._planner.plan(entries)
            try:
                store.send(self._batch, self._planner.record)
            finally:
                store.state.save(self._directory)  # the runs that were made, even if not all went
            self._sent, self._batch = self._batch.until, None

    def _take(self) -> list[Entry]:
        with self._changed:
            count = min(len(self._waiting), _LARGEST)
            entries = [self._waiting.popleft() for _ in range(count)]
            self._urgent = self._urgent and bool(self._waiting)
            return entries

    def _open(self) -> MlflowStore:
        """Connects, and skips what the store already has."""
        from searchlab.tracking.opening import open_store  # imports MLflow
        from searchlab.tracking.store import MlflowStore

        client, experiment = open_store(self._uri)
        study, uri = study_identity(self._waiting[0]), redact(self._uri)
        state = State.load(self._directory, study, uri)
        store = MlflowStore(client, self._uri, self._directory, state)
        if state.experiment_id != experiment or (state.run_id and not store.has_run()):
            store.state = State(study, uri, experiment_id=experiment)
        # After a power failure the journal may lack reports that the store has; the entry after
        # them says that a process took up the study, which makes those reports void.
        with self._changed:
            known = [self._waiting.popleft() for _ in range(min(store.state.sent, self._first))]
        self._planner.plan(known)
        self._sent = len(known)
        return store
