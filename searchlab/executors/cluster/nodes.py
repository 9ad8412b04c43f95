"""All nodes of the cluster: new ones are used, and lost ones are given up."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from searchlab.errors import SearchlabError
from searchlab.executors.cluster.capacity import setup_of
from searchlab.executors.cluster.connect import Connection
from searchlab.executors.cluster.link import Link
from searchlab.executors.cluster.machine import Cargo, Machine
from searchlab.executors.cluster.transfer import node_code, pack, pack_code
from searchlab.executors.sources import Kind
from searchlab.journal.layout import StudyLayout, study_data
from searchlab.study.limits import ResourcesSpec
from searchlab.training.job import Job

_LOOK = 2.0  # seconds between two looks at the cluster's nodes
_FIRST = 30.0  # seconds within which a node must have room for a training
_TOGETHER = 10.0  # seconds that the first ready node waits for the others, once
_FAULTS = 3  # times that an actor is started again on a node with faults of its own
_LONGEST = 60.0  # seconds; the maximum pause before an actor is started again


class Nodes:
    """The nodes that take part in a study."""

    def __init__(self) -> None:
        """Connect to the cluster.

        Raises:
            InputError: if the address cannot be used.
            SearchlabError: if the connection fails for another reason.
        """
        self._connection = Connection()
        self._machines: dict[str, Machine] = {}
        self._losses: dict[str, tuple[int, float]] = {}
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._cargo: Cargo | None = None
        self._begun = 0.0
        self._seen = False
        self._refused: str | None = None  # the reason why no living node is used
        self._until: float | None = None

    def load(self, job: Job) -> None:
        """Begin to send the nodes the inputs of a study's jobs, at the first job.

        Raises:
            InputError: if a file of the user's cannot be sent.
            SearchlabError: if Ray's object store has no room for them.
        """
        if self._cargo is not None:
            return
        import ray

        need = job.spec.training.resources or ResourcesSpec()
        try:
            inputs = (
                pack(study_data(job.data)),
                pack_code(node_code(job.spec, job.base)),
                pack(StudyLayout(job.directory).initial),
            )
            data, code, initial = map(ray.put, inputs)
        except ray.exceptions.RayError as error:
            raise SearchlabError(
                f"the prepared data has no room in Ray's object store ({type(error).__name__}): "
                "start the nodes with a larger --object-store-memory"
            ) from None
        self._cargo, self._begun = Cargo(data, code, initial, job.directory, need), time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="searchlab-nodes", daemon=True)
        self._thread.start()

    def size(self) -> int:
        """Return the current number of processes of each kind."""
        return sum(each.setup.slots for each in self._ready())

    def wait(self, kind: Kind, timeout: float) -> bool:
        """Wait until a process can be started; return whether it can.

        Raises:
            SearchlabError: if no node can be used.
        """
        with self._changed:
            found = self._changed.wait_for(lambda: self._best(kind) is not None, timeout)
        if not found:
            self._refuse()
        return found

    def start(self, kind: Kind) -> Link:
        """Start a process on the node with the most room; `wait` has just returned True."""
        best = self._best(kind) or next(iter(self._machines.values()))
        return best.start(kind)

    def close(self) -> None:
        """Kill all processes on the nodes, and leave the cluster; safe to call twice."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._cargo is not None:
            self._thread.join()
        machines = list(self._machines.values())
        for each in machines:
            each.close()
        for each in machines:
            each.wait()
        self._connection.close()

    def _ready(self) -> list[Machine]:
        return [each for each in list(self._machines.values()) if each.ready]

    def _best(self, kind: Kind) -> Machine | None:
        if not self._gathered():
            return None
        return max(
            self._ready(),
            key=lambda each: each.setup.slots - each.living(kind),
            default=None,
        )

    def _gathered(self) -> bool:
        """Return whether trainings may begin; else the first ready node would get all of them."""
        machines = list(self._machines.values())
        if self._until is None and self._ready():
            self._until = time.monotonic() + _TOGETHER
        if all(each.ready or each.lost for each in machines):
            return True
        return self._until is not None and time.monotonic() > self._until

    def _refuse(self) -> None:
        """Raise if the cluster cannot run any training, unless it could before and may again."""
        if self._refused:
            raise SearchlabError(self._refused)
        if self._seen:
            return
        if self._begun and not self._machines and time.monotonic() > self._begun + _FIRST:
            assert self._cargo is not None  # noqa: S101 - it has begun
            need = self._cargo.need
            what = f"{need.cpus:g} CPUs" + (f" and {need.gpus:g} GPUs" if need.gpus else "")
            raise SearchlabError(
                f"no node of the cluster has room for a training with {what}: start one with `ray "
                "start --address=...`, or ask for less in training.resources"
            )

    # ---- the thread

    def _watch(self) -> None:
        while not self._closed.is_set():
            with suppress(Exception):  # the head is away; if it stays away, Ray ends this process
                self._look()
            self._closed.wait(_LOOK)

    def _look(self) -> None:
        import ray

        assert self._cargo is not None  # noqa: S101 - set before the thread starts
        used: list[Machine] = []
        for node in ray.nodes():
            setup = setup_of(node["Resources"], self._cargo.need)
            if not node["Alive"] or not setup.slots:
                continue
            known = self._machines.get(node["NodeID"])
            if known is None or self._again(node["NodeID"], known):
                known = Machine(node, setup, self._cargo, self._tell)
                self._machines[node["NodeID"]] = known
            used.append(known)
        refused = [each.refused for each in used]
        self._refused = refused[0] if all(refused) and refused else None

    def _again(self, node: str, machine: Machine) -> bool:
        """Return whether to replace now an actor that was lost on a living node.

        A node with faults of its own is given up after some of them: jobs would go there for ever.
        """
        if not machine.lost or machine.refused:
            return False
        times, since = self._losses.get(node, (0, 0.0))
        if machine.fault is not None and times >= _FAULTS:
            machine.refused = (
                f"the node {machine.address} cannot be used ({machine.fault}): make room in its "
                "directory for temporary files, or mend what it says, then run the study again"
            )
            return False
        if since and time.monotonic() < since:
            return False
        pause = min(_LONGEST, 2.0**times)
        self._losses[node] = times + 1, time.monotonic() + pause
        return True

    def _tell(self) -> None:
        with self._changed:
            self._seen = self._seen or bool(self._ready())
            self._changed.notify_all()


class NodeSource:
    """A `sources.Source` of one kind of processes on all nodes."""

    def __init__(self, nodes: Nodes, kind: Kind) -> None:
        self._nodes, self._kind = nodes, kind

    @property
    def size(self) -> int:
        """As many as fit now."""
        return self._nodes.size()

    def ready(self, timeout: float) -> bool:
        """Wait for a node; return whether there is one."""
        return self._nodes.wait(self._kind, timeout)

    def start(self, index: int) -> Link:  # noqa: ARG002 - each node numbers its own
        """Start a process on the node with the most room."""
        return self._nodes.start(self._kind)

    def close(self) -> None:
        """Do nothing: the owner of the nodes closes them."""
