"""The capacity of a node for trainings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from searchlab.study.limits import ResourcesSpec

_ROUNDING = 1e-9  # so that three thirds of a GPU make one


@dataclass(frozen=True)
class Setup:
    """The use of a node.

    Attributes:
        slots: processes of each kind.
        threads: threads per process.
        gpus: GPUs per process, a whole number or a fraction below one.
    """

    slots: int
    threads: int
    gpus: float


def setup_of(total: Mapping[str, float], need: ResourcesSpec) -> Setup:
    """Return the setup for a node with these total resources, by Ray's names."""
    rooms = [total.get("CPU", 0.0) / need.cpus]
    if need.gpus:
        rooms.append(int(total.get("GPU", 0.0)) * _per_gpu(need.gpus))
    if need.memory is not None:
        rooms.append(total.get("memory", 0.0) / need.memory)
    slots = math.floor(min(rooms) + _ROUNDING)
    return Setup(slots, max(1, int(need.cpus)), need.gpus)


def devices_of(setup: Setup, given: Sequence[str]) -> list[str]:
    """Return the GPUs visible to each slot, in the form of `CUDA_VISIBLE_DEVICES`.

    Args:
        setup: the node's setup.
        given: names of the GPUs that the node may use.
    """
    if setup.gpus >= 1:
        each = int(setup.gpus)
        return [",".join(given[at * each : (at + 1) * each]) for at in range(setup.slots)]
    if setup.gpus:
        return [given[int(at // _per_gpu(setup.gpus))] for at in range(setup.slots)]
    return [""]


def claim(setup: Setup, need: ResourcesSpec) -> dict[str, float]:
    """Return the Ray options by which one actor claims all slots of a node."""
    options: dict[str, float] = {"num_cpus": setup.slots * need.cpus}
    if need.gpus:
        options["num_gpus"] = math.ceil(setup.slots / _per_gpu(need.gpus) - _ROUNDING)
    if need.memory is not None:
        options["memory"] = setup.slots * need.memory
    return options


def _per_gpu(gpus: float) -> float:
    """Return how many trainings fit on a GPU; below one if each needs several GPUs."""
    return math.floor(1 / gpus + _ROUNDING) or 1 / gpus
