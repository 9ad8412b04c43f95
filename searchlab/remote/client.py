"""The submitted studies of a cluster, as seen from elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

from searchlab.engine import plugins
from searchlab.errors import InputError, SearchlabError
from searchlab.remote.bundle import Bundle
from searchlab.remote.keeper import Keeper, Standing

_ANSWER = 60.0  # seconds that the keeper may take to start and to answer
_BEGIN = 600.0  # seconds that a driver may take to its first trial; data may have to be fetched
_LOOK = 0.5  # seconds between two looks at a driver
_HEAD = "node:__internal_head__"


class Cluster:
    """A connection to a cluster's keeper, which is started if there is none. A context manager.

    Attributes:
        address: as it was given.
    """

    def __init__(self, address: str | None) -> None:
        """Connects.

        Args:
            address: of the cluster's head; that in `RAY_ADDRESS` if None.

        Raises:
            SearchlabError: if there is none that can be used.
        """
        plugins.executor("ray")  # tells what to install if it is not
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
        """Starts a study or resumes it.

        Raises:
            InputError: if it is running already.
            SearchlabError: if the cluster does not answer.
        """
        refused = self._ask("submit", bundle)
        if refused is not None:
            raise InputError(refused)

    def wait_for_begin(self, name: str) -> Standing:
        """Waits until a submitted study trains or its driver has ended, but not for too long.

        Raises:
            InputError: if it cannot be begun.
            SearchlabError: if the cluster does not answer.
        """
        end = time.monotonic() + _BEGIN
        standing = self._wait(name, lambda each: each.begun or time.monotonic() > end)
        if not standing.running and standing.code:
            raise InputError(f"on the cluster: {standing.words}")
        return standing

    def stop(self, name: str) -> Standing:
        """Has a study's driver leave it, and waits for that.

        Raises:
            InputError: if there is none at work.
            SearchlabError: if the cluster does not answer.
        """
        if not self._ask("stop", name):
            names = ", ".join(each.name for each in self.standings() if each.running)
            raise InputError(
                f"no submitted study {name!r} is running on the cluster; running are: "
                f"{names or 'none'}"
            )
        return self._wait(name, lambda _: False)

    def standings(self, names: list[str] | None = None) -> list[Standing]:
        """How submitted studies are: these, or all of them, by name.

        Raises:
            SearchlabError: if the cluster does not answer.
        """
        found: list[Standing] = self._ask("standings", names)
        return found

    def _wait(self, name: str, enough: Callable[[Standing], bool]) -> Standing:
        """Looks at a study until that is enough, or its driver is gone."""
        while True:
            (standing,) = self.standings([name])
            if enough(standing) or not standing.running:
                return standing
            time.sleep(_LOOK)

    def _ask(self, method: str, argument: Any) -> Any:
        import ray

        try:
            return ray.get(getattr(self._keeper, method).remote(argument), timeout=_ANSWER)
        except Exception as error:  # Ray has no base class for what can go wrong here
            why = " ".join(str(error).split())[-300:]
            raise SearchlabError(
                f"the cluster's head does not answer ({type(error).__name__}: {why}): see whether "
                "searchlab is installed there, in this version, then try again"
            ) from None


def _keeper() -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    heads = [node for node in ray.nodes() if node["Alive"] and _HEAD in node["Resources"]]
    if not heads:
        raise SearchlabError("the cluster has no head that is alive: start it anew")
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
