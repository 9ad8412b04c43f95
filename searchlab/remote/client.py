"""Remote access to the submitted studies of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

from searchlab.engine import plugins
from searchlab.errors import InputError, SearchlabError
from searchlab.private.ray import is_head
from searchlab.remote.bundle import Bundle
from searchlab.remote.keeper import Keeper, SubmissionStatus

_ANSWER = 60.0  # seconds for the keeper to start and answer
_BEGIN = 600.0  # seconds until a driver's first trial, which may include a download
_LOOK = 0.5  # seconds between two polls of a driver


class Cluster:
    """A connection to a cluster's keeper, which is started if necessary. A context manager.

    Attributes:
        address: the address of the cluster's head.
    """

    def __init__(self, address: str | None) -> None:
        """Connect to a cluster.

        Args:
            address: the head's address; `RAY_ADDRESS` if None.

        Raises:
            SearchlabError: if the cluster cannot be used.
        """
        plugins.executor("ray")  # raises an error that says what to install
        from searchlab.executors.cluster.connect import Connection

        self._connection = Connection(address)
        self.address = self._connection.address
        try:
            self._keeper = _keeper()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def submit(self, bundle: Bundle) -> None:
        """Start or resume a study.

        Raises:
            InputError: if the study is already running.
            SearchlabError: if the cluster does not answer.
        """
        refused = self._ask("submit", bundle)
        if refused is not None:
            raise InputError(refused)

    def wait_for_begin(self, name: str) -> SubmissionStatus:
        """Wait until a submitted study trains, its driver has ended, or a time limit has passed.

        Raises:
            InputError: if the study fails to start.
            SearchlabError: if the cluster does not answer.
        """
        end = time.monotonic() + _BEGIN
        status = self._wait(name, lambda each: each.begun or time.monotonic() > end)
        if not status.running and status.code:
            raise InputError(f"on the cluster: {status.words}")
        return status

    def stop(self, name: str) -> SubmissionStatus:
        """Stop a study's driver and wait until it has ended.

        Raises:
            InputError: if no such study is running.
            SearchlabError: if the cluster does not answer.
        """
        if not self._ask("stop", name):
            names = ", ".join(each.name for each in self.statuses() if each.running)
            raise InputError(
                f"no submitted study {name!r} is running on the cluster; running: {names or 'none'}"
            )
        return self._wait(name, lambda _: False)

    def statuses(self, names: list[str] | None = None) -> list[SubmissionStatus]:
        """Return the status of the named submitted studies, or of all, sorted by name.

        Raises:
            SearchlabError: if the cluster does not answer.
        """
        found: list[SubmissionStatus] = self._ask("statuses", names)
        return found

    def _wait(self, name: str, enough: Callable[[SubmissionStatus], bool]) -> SubmissionStatus:
        """Poll a study until `enough` accepts its status or its driver has ended."""
        while True:
            (status,) = self.statuses([name])
            if enough(status) or not status.running:
                return status
            time.sleep(_LOOK)

    def _ask(self, method: str, argument: Any) -> Any:
        import ray

        try:
            return ray.get(getattr(self._keeper, method).remote(argument), timeout=_ANSWER)
        except Exception as error:  # Ray has no base class for its errors
            why = " ".join(str(error).split())[-300:]
            raise SearchlabError(
                f"the cluster's head does not answer ({type(error).__name__}: {why}): check "
                "that this version of searchlab is installed there, then try again"
            ) from None


def _keeper() -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    heads = [node for node in ray.nodes() if node["Alive"] and is_head(node)]
    if not heads:
        raise SearchlabError("the cluster's head is down: restart it")
    where = NodeAffinitySchedulingStrategy(heads[0]["NodeID"], soft=False)
    options = ray.remote(Keeper).options(
        name="searchlab",
        get_if_exists=True,
        lifetime="detached",
        max_restarts=-1,
        num_cpus=0,
        scheduling_strategy=where,
    )
    return options.remote(ray.get_runtime_context().gcs_address)
