"""A node of the cluster from the driver's side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from searchlab.core.trial import Failure, FailureKind
from searchlab.core.versions import installed
from searchlab.errors import StorageError
from searchlab.executors.cluster.capacity import Setup, claim
from searchlab.executors.cluster.link import Link
from searchlab.executors.cluster.node import Gone, Heard, Node, Said
from searchlab.executors.cluster.transfer import Files, needed, unpack_made
from searchlab.executors.sources import Kind
from searchlab.fused.messages import Ended, Submit
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
        refused: the reason why a living node is not used, or None.
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
        self._links: dict[int, Link] = {}
        self._numbers = count()
        self._lock = threading.Lock()  # guards `lost` with the links
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
        self._actor.start.remote(link.number, kind)
        return link

    def tell(self, number: int, message: Any) -> None:
        """Forward a message to a process, with the files that its job needs."""
        files: Files = {}
        if isinstance(message, Submit):
            files = needed(message.job)
        elif isinstance(message, Job):
            files = needed(message)
        self._actor.tell.remote(number, message, files)

    def kill(self, number: int) -> None:
        """Kill a process."""
        if self._links.pop(number, None) is not None:
            self._actor.kill.remote(number)

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
                    hear = self._actor.hear.options(concurrency_group=_HEAR).remote()
                    self._take(ray.get(hear, timeout=_SILENCE))
        except Exception:  # whatever the error, there is nothing more to hear
            self.ready = False
        self._lose()

    def _take(self, heard: Heard) -> None:
        for number, used in heard.memory.items():
            if number in self._links:
                self._links[number].used = used
        for news in heard.news:
            link = self._links.get(news.id)
            match news:
                case Said(_, message, files) if link is not None:
                    link.connection.feed(self._stored(message, files))
                case Gone(_, failure) if link is not None:
                    self._links.pop(news.id, None)
                    link.gone(failure)

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
        message = f"the node {self.address} was lost"
        return Failure("NodeLost", message, kind=FailureKind.NODE_LOST)


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
            return f"the node {address} has {name} {theirs[name]}, and this machine has {ours}"
    return None
