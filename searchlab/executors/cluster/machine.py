"""A node of the cluster from the driver's side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from searchlab.core.trial import Failure, FailureKind
from searchlab.core.versions import installed
from searchlab.errors import StorageError
from searchlab.executors.cluster.capacity import Setup, claim
from searchlab.executors.cluster.ledger import Holding, Ledger
from searchlab.executors.cluster.link import Link
from searchlab.executors.cluster.news import (
    WORKERS_JOB,
    Fault,
    Gone,
    Heard,
    Said,
    ended,
    fault_text,
)
from searchlab.executors.cluster.node import Node
from searchlab.executors.cluster.transfer import Files, needed, unpack_made
from searchlab.executors.sources import Kind
from searchlab.fused.messages import Drop, Ended, Submit
from searchlab.study.limits import ResourcesSpec
from searchlab.training.job import Job, Result
from searchlab.training.outcome import failure_of

_SILENCE = 30.0  # seconds without a sign of life after which a node is given up
_ANSWER = 5.0  # seconds for an answer that is not essential
_HEAR = "hear"


@dataclass(frozen=True)
class Cargo:
    """The inputs sent to each node once: references into Ray's object store.

    Attributes:
        data: the prepared data.
        code: the user's source.
        initial: the model that provides the initial weights, if any.
        directory: the study's directory, which receives the files of trainings.
        need: the resources of one training.
    """

    data: Any
    code: Any
    initial: Any
    directory: Path
    need: ResourcesSpec


class Machine:
    """One node with its actor, to which a thread listens.

    Attributes:
        address: the node's address.
        setup: the node's setup.
        ready: whether processes can be started.
        lost: whether it can no longer be used.
        refused: the reason why a living node is not used any more, or None.
        fault: the node's own fault by which it was lost, or None.
    """

    def __init__(
        self,
        node: Mapping[str, Any],
        setup: Setup,
        cargo: Cargo,
        changed: Callable[[], None],
    ) -> None:
        """Start an actor on a node without waiting for it.

        Args:
            node: its description by `ray.nodes()`.
            setup: the node's setup.
            cargo: the inputs to send to it.
            changed: called when it becomes ready or is lost.
        """
        self.address: str = node["NodeManagerAddress"]
        self.setup, self._cargo, self._changed = setup, cargo, changed
        self.ready = self.lost = self._closed = False
        self.refused: str | None = None
        self.fault: str | None = None
        self._links: dict[int, Link] = {}
        self._numbers = count()
        self._ledger = Ledger(_finished)
        self._lock = threading.Lock()  # guards `lost` and the ledger with the links
        self._actor = _actor(node["NodeID"], setup, cargo.need)
        name = f"searchlab-node-{self.address}"
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)
        self._thread.start()

    def living(self, kind: Kind) -> int:
        """Return the number of its processes of a kind."""
        return sum(link.kind == kind for link in list(self._links.values()))

    def start(self, kind: Kind) -> Link:
        """Start a process."""
        link = Link(next(self._numbers), kind, self)
        with self._lock:
            if self.lost:
                link.gone(self._loss())
                return link
            self._links[link.number] = link
            call = self._actor.start.remote(link.number, kind)
            self._ledger.add(call, (link.number, None))
        return link

    def tell(self, number: int, message: Any) -> None:
        """Forward a message to a process, with the files that its job needs."""
        key: int | None = None
        files: Files = {}
        match message:
            case Submit(key, job):
                files = needed(job)
            case Drop(dropped):
                self._ledger.end(number, dropped)
            case _ if isinstance(message, Job):
                key, files = WORKERS_JOB, needed(message)
        with self._lock:
            call = self._actor.tell.remote(number, message, files)
            given = key is not None and number in self._links
            self._ledger.add(call, (number, key) if given else None)

    def kill(self, number: int) -> None:
        """Kill a process."""
        if self._forget(number) is not None:
            self._actor.kill.remote(number)

    def _forget(self, number: int) -> Link | None:
        """Expect nothing more of a process; return its link, or None the second time."""
        with self._lock:
            self._ledger.end(number)
            return self._links.pop(number, None)

    def dump(self, number: int) -> str:
        """Kill a process; return where its training was if the node answers in time."""
        import ray

        with suppress(Exception):
            return str(ray.get(self._actor.dump.remote(number), timeout=_ANSWER))
        return ""

    def close(self) -> None:
        """Begin to kill everything on the node; see `wait`."""
        self._closed = True
        self._closing = self._actor.close.remote()

    def wait(self) -> None:
        """Wait until the node is closed, and kill the actor."""
        import ray

        with suppress(Exception):  # already gone, or still starting
            ray.get(self._closing, timeout=_ANSWER)
        with suppress(Exception):
            ray.kill(self._actor)
        self._thread.join(_SILENCE)  # Ray aborts a process that calls it during its shutdown

    # ---- the thread

    def _follow(self) -> None:
        import ray

        try:
            cargo = self._cargo
            theirs = ray.get(self._actor.open.remote(cargo.data, cargo.code, cargo.initial))
            self.refused = _differences(self.address, theirs)
            if self.refused is None:
                self.ready = True
                self._changed()
                while not self._closed:
                    settled = self._ledger.settle()
                    hear = self._actor.hear.options(concurrency_group=_HEAR).remote()
                    self._take(ray.get(hear, timeout=_SILENCE), settled)
        except Exception as error:  # whatever the error, there is nothing more to hear
            self.ready, self.fault = False, _fault_of(error)
        self._lose()

    def _take(self, heard: Heard, settled: list[tuple[Holding, Any]]) -> None:
        for number, used in heard.memory.items():
            if number in self._links:
                self._links[number].used = used
        for news in heard.news:
            link = None if isinstance(news, Fault) else self._links.get(news.id)
            match news:
                case Said(number, message, files) if link is not None:
                    key = ended(message)[0]
                    if key is not None:
                        self._ledger.end(number, key)
                    link.connection.feed(self._stored(message, files))
                case Gone(number, failure) if link is not None:
                    self._forget(number)
                    link.gone(failure)
                case Fault(reason):
                    raise _FaultError(reason)
        if heard.held is not None and self._ledger.missing(settled, heard.held) is not None:
            raise _FaultError("it has lost a job without saying why")

    def _stored(self, message: Any, files: Files) -> Any:
        """Return a message after storing its files in the study's directory."""
        try:
            unpack_made(files, self._cargo.directory)
        except StorageError as error:
            failure = failure_of(error)
            if isinstance(message, Ended):
                return replace(message, result=_failed(message.result, failure))
            if isinstance(message, Result):
                return _failed(message, failure)
        return message

    def _lose(self) -> None:
        import ray

        with self._lock:
            self.lost, self.ready = True, False
            links = list(self._links.values())
            self._links.clear()
        for link in links:
            link.gone(self._loss())
        if not self._closed:
            with suppress(Exception):  # it may be alive and only out of reach
                ray.kill(self._actor)
            self._changed()

    def _loss(self) -> Failure:
        message = f"the node {self.address} was lost" + (f": {self.fault}" if self.fault else "")
        return Failure("NodeLost", message, kind=FailureKind.NODE_LOST)


class _FaultError(Exception):
    """A node's own fault."""


def _fault_of(error: Exception) -> str | None:
    """Return a node's own account of why it cannot go on; None if it is just not heard of."""
    import ray

    if isinstance(error, _FaultError):
        return str(error)
    if isinstance(error, ray.exceptions.RayTaskError):
        return fault_text(getattr(error, "cause", error))
    if isinstance(error, ray.exceptions.RayActorError) and error.actor_init_failed:
        return str(error).strip().splitlines()[-1]  # such as an import that fails there
    return None


def _finished(calls: Sequence[Any]) -> Sequence[Any]:
    """Return those of an actor's calls that have finished.

    Raises:
        RayError: if one of them failed.
    """
    import ray

    done: list[Any] = ray.wait(list(calls), num_returns=len(calls), timeout=0)[0]
    ray.get(done)
    return done


def _failed(result: Result, failure: Failure) -> Result:
    """Return a failed result of the same job."""
    return type(result).failed(result.number, failure, result.seconds)


def _actor(node: str, setup: Setup, need: ResourcesSpec) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    where = NodeAffinitySchedulingStrategy(node, soft=False)
    made = ray.remote(concurrency_groups={_HEAR: 1})(Node)
    options = claim(setup, need)
    return made.options(scheduling_strategy=where, max_concurrency=1, **options).remote(setup)


def _differences(address: str, theirs: Mapping[str, str]) -> str | None:
    """Describe how a node's libraries differ from the driver's, which would change results."""
    for name, ours in installed().items():
        if theirs.get(name, ours) != ours:  # a machine with GPUs has another tensorflow package
            return (
                f"the node {address} has {name} {theirs[name]}, and this machine has {ours}, which "
                "would change results: install the same versions on all nodes"
            )
    return None
