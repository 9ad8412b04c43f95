"""The actor on each node, with the node's fork server and processes for trainings.

The processes are those of a single machine, supervised in the same way and with the same lifeline:
they end when the actor does, and the actor ends with its driver. Each has one thread that listens
to it and one that talks to it, because a process stuck in a factory must not hold up the others.

A job gets a directory of its own in place of the study's, with the weights that it starts from. The
files that it writes there are sent back with its result.
"""

from __future__ import annotations

import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from searchlab.core.scratch import Scratch
from searchlab.core.trial import Failure, FailureKind, Outcome, TrialState
from searchlab.core.versions import installed
from searchlab.errors import SearchlabError, StorageError
from searchlab.executors.child import Child
from searchlab.executors.cluster.capacity import Setup, devices_of
from searchlab.executors.cluster.ledger import Holding
from searchlab.executors.cluster.news import (
    WORKERS_JOB,
    Fault,
    Gone,
    Heard,
    Said,
    ended,
    fault_text,
)
from searchlab.executors.cluster.transfer import Files, on_node, pack, unpack
from searchlab.executors.sources import KINDS, Forked, Kind
from searchlab.fused.messages import Drop, Submit
from searchlab.journal.layout import NodeLayout, StudyLayout
from searchlab.training.job import Job, Result

_WAIT = 1.0  # seconds that `hear` waits for news; no news is a sign of life, too
_AT_ONCE = 500  # pieces of news
_LOOK = 0.2  # seconds between two measurements of memory
_PROBE = 100_000  # bytes that a disk must have room for; trainings write more


@dataclass(frozen=True)
class _JobDirectory:
    """The directory of a job, and the files in it before the job began."""

    directory: Path
    given: frozenset[str]


@dataclass(eq=False)
class _Entry:
    """A process with the messages queued for it, the directories of its jobs, and its end."""

    id: int
    kind: Kind
    slot: int
    child: Child
    outbox: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    jobs: dict[int, _JobDirectory] = field(default_factory=dict)
    killed: bool = False


class Node:
    """The actor. Its methods are called in order, except `hear`, which runs concurrently.

    Whoever calls one must ask for its result, because that is where an error of it is told.
    """

    _paths: NodeLayout

    def __init__(self, setup: Setup) -> None:
        """Begin without anything that can fail: Ray tells the reason for that only in passing."""
        self._setup = setup
        self._scratch: Scratch | None = None
        self._sources: dict[Kind, Forked] = {}
        self._entries: dict[int, _Entry] = {}
        self._directories = count()
        self._news: queue.SimpleQueue[Said | Gone | Fault] = queue.SimpleQueue()
        self._telling = threading.Lock()  # guards what is held with the news of its end
        self._looked = 0.0

    def open(self, data: Files, code: Files, initial: Files) -> dict[str, str]:
        """Create the node's directory, and wait until processes can be started.

        Directories left by killed actors are deleted.

        Args:
            data: the prepared data.
            code: the user's source.
            initial: the study's `initial/`, if it has one.

        Returns:
            The versions of the libraries on which results depend.

        Raises:
            OSError: if the node cannot write its files; or a StorageError.
        """
        self._scratch = Scratch()
        self._paths = NodeLayout(self._scratch.path)
        setup, devices = self._setup, devices_of(self._setup, _given())
        for kind in KINDS:
            self._sources[kind] = Forked(
                kind, setup.slots, self._paths.workers, setup.threads, devices
            )
        unpack(data, self._paths.data)
        unpack(code, self._paths.code)
        unpack(initial, self._paths.initial)
        while not self._sources["host"].ready(_WAIT):
            pass
        return installed()

    def start(self, number: int, kind: Kind) -> None:
        """Start a process under a number.

        Raises:
            OSError: if the node cannot write its files.
        """
        taken = {each.slot for each in self._entries.values() if each.kind == kind}
        slot = next(slot for slot in count() if slot not in taken)
        try:
            child = self._sources[kind].start(slot)
        except SearchlabError as error:
            failure = Failure("WorkerDied", str(error), kind=FailureKind.WORKER_DIED)
            self._news.put(Gone(number, failure))
            return
        entry = self._entries[number] = _Entry(number, kind, slot, child)
        talker = threading.Thread(target=self._talk, args=(entry,), daemon=True)
        talker.start()
        threading.Thread(target=self._listen, args=(entry, talker), daemon=True).start()

    def tell(self, number: int, message: Any, files: Files) -> None:
        """Forward a message to a process, with the files that its job needs.

        Raises:
            StorageError: if the node cannot write its files; or an OSError.
        """
        entry = self._entries.get(number)
        if entry is None:
            return
        match message:
            case Submit(key, job):
                message = Submit(key, self._take(entry, key, job, files))
            case _ if isinstance(message, Job):
                message = self._take(entry, WORKERS_JOB, message, files)
            case Drop(key):
                self._forget(entry, key)
        entry.outbox.put(message)

    def kill(self, number: int) -> None:
        """Kill a process at once."""
        if (entry := self._entries.get(number)) is not None:
            entry.killed = True
            entry.child.stop()

    def dump(self, number: int) -> str:
        """Kill a process; return its training's stack and the end of its output."""
        entry = self._entries.get(number)
        if entry is None:
            return ""
        entry.killed = True
        return entry.child.dump()

    def hear(self) -> Heard:
        """Return the news, waiting up to a second for some."""
        news: list[Said | Gone | Fault] = []
        held: frozenset[Holding] | None = None
        with suppress(queue.Empty):
            news.append(self._news.get(timeout=_WAIT))
        with suppress(queue.Empty):
            held = self._held()  # before the rest of the news, which has all that is not held
            while len(news) < _AT_ONCE:
                news.append(self._news.get_nowait())
            held = None
        memory: dict[int, int] = {}
        if time.monotonic() > self._looked + _LOOK:
            self._looked = time.monotonic()
            workers = [each for each in list(self._entries.values()) if each.kind == "worker"]
            memory = {each.id: each.child.memory() for each in workers}
        return Heard(news, memory, held)

    def close(self) -> None:
        """Kill all processes and delete the node's directory."""
        for entry in list(self._entries.values()):
            entry.killed = True
            entry.child.stop()
        for source in self._sources.values():
            source.close()
        if self._scratch is not None:
            self._scratch.remove()

    def _held(self) -> frozenset[Holding]:
        """Return the processes and the jobs of which no end has been told."""
        with self._telling:
            entries = list(self._entries.values())
            jobs = [(each.id, key) for each in entries for key in list(each.jobs)]
            return frozenset([*((each.id, None) for each in entries), *jobs])

    # ---- the processes' threads

    def _talk(self, entry: _Entry) -> None:
        with self._blamed(), suppress(OSError):  # it is gone, which its listener notices
            for message in iter(entry.outbox.get, None):
                entry.child.connection.send(message)

    def _listen(self, entry: _Entry, talker: threading.Thread) -> None:
        with self._blamed():
            while (message := _received(entry.child)) is not _END:
                self._pass_on(entry, message)
            entry.child.stop()
            entry.outbox.put(None)
            talker.join()  # the connection is closed next
            failure = entry.child.death()
            if not entry.killed:
                self._check_disk()  # a process that cannot write its log ends at once
            with self._telling:
                del self._entries[entry.id]
                self._news.put(Gone(entry.id, failure))
            for place in entry.jobs.values():
                _delete(place)

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """Tell an error in a thread as a fault of the node, as nobody else will hear of it."""
        try:
            yield
        except Exception as error:
            self._news.put(Fault(fault_text(error)))

    def _pass_on(self, entry: _Entry, message: Any) -> None:
        """Pass on a message with the files that belong to it, and forget the job that it ends."""
        key, result = ended(message)
        if key is None:
            self._news.put(Said(entry.id, message, {}))
            return
        if result is not None and result.error is not None:
            self._check_disk(result.error)
        files = self._written(entry, key, result)
        with self._telling:
            place = entry.jobs.pop(key, None)
            self._news.put(Said(entry.id, message, files))
        _delete(place)

    def _check_disk(self, failure: Failure | None = None) -> None:
        """Raise if a job may have failed because this node cannot write files.

        Raises:
            StorageError: if the job says so.
            OSError: if it cannot.
        """
        if failure is not None and failure.kind is FailureKind.STORAGE:
            raise StorageError(failure.message)
        with tempfile.TemporaryFile(dir=self._paths.root) as probe:
            probe.write(bytes(_PROBE))

    # ---- the jobs' directories

    def _take(self, entry: _Entry, key: int, job: Job, files: Files) -> Job:
        paths = self._paths.job(next(self._directories))
        entry.jobs[key] = _JobDirectory(paths.directory, frozenset(files))
        unpack(files, paths.directory)
        if self._paths.initial.exists():
            paths.directory.mkdir(parents=True, exist_ok=True)
            paths.initial.symlink_to(self._paths.initial)
        return on_node(job, self._paths.code, self._paths.data, paths.directory)

    def _written(self, entry: _Entry, key: int, result: Result | None) -> Files:
        """Return the files that a job has made.

        Raises:
            OSError: if one cannot be read, or the model is not among them.
        """
        place = entry.jobs.get(key)
        if place is None or result is None or result.error is not None:
            return {}
        if isinstance(result, Outcome) and result.state is not TrialState.COMPLETE:
            return {}
        StudyLayout(place.directory).initial.unlink(missing_ok=True)
        files = pack(place.directory)
        model = getattr(result, "model_path", None)
        if model is not None and model not in files:
            raise OSError(f"{place.directory / model} is gone")
        return {name: files[name] for name in files if name not in place.given}

    def _forget(self, entry: _Entry, key: int) -> None:
        _delete(entry.jobs.pop(key, None))


_END = object()


def _received(child: Child) -> Any:
    """Return a process' next message; `_END` if it is gone."""
    try:
        return child.connection.recv()
    except (EOFError, OSError):
        return _END


def _delete(place: _JobDirectory | None) -> None:
    if place is not None:
        shutil.rmtree(place.directory, ignore_errors=True)


def _given() -> list[str]:
    """Return the GPUs that Ray assigned to the actor."""
    import ray

    return [str(number) for number in ray.get_gpu_ids()]
