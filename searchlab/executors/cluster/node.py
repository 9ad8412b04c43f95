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
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from searchlab.core.scratch import Scratch
from searchlab.core.trial import Failure, FailureKind, Outcome, TrialState
from searchlab.core.versions import installed
from searchlab.errors import SearchlabError
from searchlab.executors.child import Child
from searchlab.executors.cluster.capacity import Setup, devices_of
from searchlab.executors.cluster.transfer import Files, on_node, pack, unpack
from searchlab.executors.sources import Forked, Kind
from searchlab.fused.messages import Declined, Drop, Ended, Submit
from searchlab.journal.layout import NodeLayout, StudyLayout
from searchlab.training.job import Job, Result

_WAIT = 1.0  # seconds that `hear` waits for news; no news is a sign of life, too
_AT_ONCE = 500  # pieces of news
_LOOK = 0.2  # seconds between two measurements of memory


@dataclass(frozen=True)
class Said:
    """A message from a process, with the files that it has made."""

    id: int
    message: Any
    files: Files


@dataclass(frozen=True)
class Gone:
    """The end of a process."""

    id: int
    failure: Failure


@dataclass(frozen=True)
class Heard:
    """News in the order of each process, and the resident memory of workers in bytes."""

    news: list[Said | Gone]
    memory: dict[int, int]


@dataclass(frozen=True)
class _JobDirectory:
    """The directory of a job, and the files in it before the job began."""

    directory: Path
    given: frozenset[str]


@dataclass(eq=False)
class _Entry:
    """A process with the messages queued for it, and the directories of its jobs."""

    id: int
    kind: Kind
    slot: int
    child: Child
    outbox: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    jobs: dict[int, _JobDirectory] = field(default_factory=dict)


class Node:
    """The actor. Its methods are called in order, except `hear`, which runs concurrently."""

    def __init__(self, setup: Setup) -> None:
        """Create the node's directory, and delete those left by killed actors."""
        self._scratch = Scratch()
        self._paths = NodeLayout(self._scratch.path)
        devices = devices_of(setup, _given())
        self._sources: dict[Kind, Forked] = {
            kind: Forked(kind, setup.slots, self._paths.workers, setup.threads, devices)
            for kind in ("host", "worker")
        }
        self._entries: dict[int, _Entry] = {}
        self._directories = count()
        self._news: queue.SimpleQueue[Said | Gone] = queue.SimpleQueue()
        self._looked = 0.0

    def open(self, data: Files, code: Files, initial: Files) -> dict[str, str]:
        """Unpack the inputs of a study's jobs, and wait until processes can be started.

        Args:
            data: the prepared data.
            code: the user's source.
            initial: the study's `initial/`, if it has one.

        Returns:
            The versions of the libraries on which results depend.
        """
        unpack(data, self._paths.data)
        unpack(code, self._paths.code)
        unpack(initial, self._paths.initial)
        while not self._sources["host"].ready(_WAIT):
            pass
        return installed()

    def start(self, number: int, kind: Kind) -> None:
        """Start a process under a number."""
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
        """Forward a message to a process, with the files that its job needs."""
        entry = self._entries.get(number)
        if entry is None:
            return
        match message:
            case Submit(key, job):
                message = Submit(key, self._take(entry, key, job, files))
            case _ if isinstance(message, Job):
                message = self._take(entry, 0, message, files)
            case Drop(key):
                self._forget(entry, key)
        entry.outbox.put(message)

    def kill(self, number: int) -> None:
        """Kill a process at once."""
        if (entry := self._entries.get(number)) is not None:
            entry.child.stop()

    def dump(self, number: int) -> str:
        """Kill a process; return its training's stack and the end of its output."""
        entry = self._entries.get(number)
        return "" if entry is None else entry.child.dump()

    def hear(self) -> Heard:
        """Return the news, waiting up to a second for some."""
        news: list[Said | Gone] = []
        with suppress(queue.Empty):
            news.append(self._news.get(timeout=_WAIT))
            while len(news) < _AT_ONCE:
                news.append(self._news.get_nowait())
        memory: dict[int, int] = {}
        if time.monotonic() > self._looked + _LOOK:
            self._looked = time.monotonic()
            workers = [each for each in list(self._entries.values()) if each.kind == "worker"]
            memory = {each.id: each.child.memory() for each in workers}
        return Heard(news, memory)

    def close(self) -> None:
        """Kill all processes and delete the node's directory."""
        for entry in list(self._entries.values()):
            entry.child.stop()
        for source in self._sources.values():
            source.close()
        self._scratch.remove()

    # ---- the processes' threads

    def _talk(self, entry: _Entry) -> None:
        with suppress(OSError):  # it is gone, which its listener notices
            for message in iter(entry.outbox.get, None):
                entry.child.connection.send(message)

    def _listen(self, entry: _Entry, talker: threading.Thread) -> None:
        with suppress(EOFError, OSError):
            while True:
                message = entry.child.connection.recv()
                self._news.put(Said(entry.id, message, self._made(entry, message)))
        entry.child.stop()
        entry.outbox.put(None)
        talker.join()  # the connection is closed next
        failure = entry.child.death()
        for key in list(entry.jobs):
            self._forget(entry, key)
        del self._entries[entry.id]
        self._news.put(Gone(entry.id, failure))

    # ---- the jobs' directories

    def _take(self, entry: _Entry, key: int, job: Job, files: Files) -> Job:
        paths = self._paths.job(next(self._directories))
        entry.jobs[key] = _JobDirectory(paths.directory, frozenset(files))
        unpack(files, paths.directory)
        if self._paths.initial.exists():
            paths.directory.mkdir(parents=True, exist_ok=True)
            paths.initial.symlink_to(self._paths.initial)
        return on_node(job, self._paths.code, self._paths.data, paths.directory)

    def _made(self, entry: _Entry, message: Any) -> Files:
        """Return the files that belong to a message, and forget the job that it ends."""
        files: Files = {}
        match message:
            case Ended(key, result):
                files = self._written(entry, key, result)
            case Declined(key):
                pass
            case _ if message is None or isinstance(message, Result):
                files = self._written(entry, key := 0, message)
            case _:
                return files
        self._forget(entry, key)
        return files

    def _written(self, entry: _Entry, key: int, result: Result | None) -> Files:
        place = entry.jobs.get(key)
        if place is None or result is None or result.error is not None:
            return {}
        if isinstance(result, Outcome) and result.state is not TrialState.COMPLETE:
            return {}
        StudyLayout(place.directory).initial.unlink(missing_ok=True)
        files = pack(place.directory)
        return {name: files[name] for name in files if name not in place.given}

    def _forget(self, entry: _Entry, key: int) -> None:
        if (place := entry.jobs.pop(key, None)) is not None:
            shutil.rmtree(place.directory, ignore_errors=True)


def _given() -> list[str]:
    """Return the GPUs that Ray assigned to the actor."""
    import ray

    return [str(number) for number in ray.get_gpu_ids()]
