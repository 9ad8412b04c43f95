"""Ray's private parts."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

_FORWARDED = ("RAY_AUTH", "RAY_USAGE_STATS", "RAY_worker_niceness", "RAY_TMPDIR")


def silence_dead_nodes() -> None:
    """Keep the last words of nodes that die from this process' standard output.

    Touches: `ray._private.worker.print_to_stdstream`, which is replaced, seen in Ray 2.60.0.
    Public: Ray prints them whatever `ray.init` is told of logging.
    Without it: results on standard output, such as JSON, have other lines among them.
    """
    from ray._private import worker

    vars(worker)["print_to_stdstream"] = _print_nothing


def _print_nothing(data: object, ignore_prefix: bool) -> None:
    pass


def start_command(*arguments: str) -> list[str]:
    """Return the command line of `ray start` in this Python.

    Touches: `ray.scripts.scripts` as a module to run, seen in Ray 2.60.0.
    Public: `python -m ray` does not exist, and the program `ray` is not on the path of a virtual
    environment that is not activated.
    Without it: this machine cannot join a cluster.
    """
    return [sys.executable, "-m", "ray.scripts.scripts", "start", *arguments]


def cluster_of(program: str, command: Sequence[str]) -> tuple[str, str] | None:
    """Return the host and the port of the cluster that a process is a node of; None if of none.

    Touches: the name of Ray's node process and one of its arguments, seen in Ray 2.60.0.
    Public: `ray.init` finds a node only of a cluster that was started on this machine last.
    Without it: a second node would be started where there is one.

    Args:
        program: the process' name.
        command: its command line.
    """
    if program == "raylet":
        for argument in command:
            if argument.startswith("--gcs-address="):
                host, _, port = argument.partition("=")[2].rpartition(":")
                return host.removeprefix("[").removesuffix("]"), port
    return None


def is_head(node: Mapping[str, Any]) -> bool:
    """Tell whether an entry of `ray.nodes()` is the head of the cluster.

    Touches: the resource `node:__internal_head__`, seen in Ray 2.60.0.
    Public: an entry does not say which node is the head.
    Without it: the actor that keeps submitted studies may be started on a node that goes away.
    """
    return "node:__internal_head__" in node["Resources"]


def for_another_driver(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an actor's environment without what Ray has set for the actor alone.

    Touches: the names of Ray's variables, `RAY_worker_niceness` among them, seen in Ray 2.60.0.
    Public: no page lists what an actor's process is given.
    Without it: a driver that an actor starts takes itself for a part of the actor's job.
    """
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("RAY_") or name.startswith(_FORWARDED)
    }
