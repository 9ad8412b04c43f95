"""How much room a node has for trainings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from searchlab.study.limits import ResourcesSpec

_ROUNDING = 1e-9  # three times a third of a GPU are one


@dataclass(frozen=True)
class Setup:
    """How a node is used.

    Attributes:
        slots: how many processes of each kind it has.
        threads: how many each may use.
        gpus: how many GPUs each has, a whole number or less than one.
    """

    slots: int
    threads: int
    gpus: float


def setup_of(total: Mapping[str, float], need: ResourcesSpec) -> Setup:
    """How a node is used that has these resources, by Ray's names, in all."""
    rooms = [total.get("CPU", 0.0) / need.cpus]
    if need.gpus:
        rooms.append(int(total.get("GPU", 0.0)) * _per_gpu(need.gpus))
    if need.memory is not None:
        rooms.append(total.get("memory", 0.0) / need.memory)
    slots = math.floor(min(rooms) + _ROUNDING)
    return Setup(slots, max(1, int(need.cpus)), need.gpus)


def devices_of(setup: Setup, given: Sequence[str]) -> list[str]:
    """The GPUs that each slot sees, as `CUDA_VISIBLE_DEVICES` has them.

    Args:
        setup: of the node.
        given: the names of those that it may use.
    """
    if setup.gpus >= 1:
        each = int(setup.gpus)
        return [",".join(given[at * each : (at + 1) * each]) for at in range(setup.slots)]
    if setup.gpus:
        return [given[int(at // _per_gpu(setup.gpus))] for at in range(setup.slots)]
    return [""]


def claim(setup: Setup, need: ResourcesSpec) -> dict[str, float]:
    """What an actor asks Ray for, as options, to hold all slots of a node."""
    options: dict[str, float] = {"num_cpus": setup.slots * need.cpus}
    if need.gpus:
        options["num_gpus"] = math.ceil(setup.slots / _per_gpu(need.gpus) - _ROUNDING)
    if need.memory is not None:
        options["memory"] = setup.slots * need.memory
    return options


def _per_gpu(gpus: float) -> float:
    """How many trainings a GPU has room for; less than one if each has several."""
    return math.floor(1 / gpus + _ROUNDING) or 1 / gpus
