"""Whether a study's programs are worth their making: a varied, short one is faster without.

A program takes several times what it takes to start a training the ordinary way, and pays only if
trainings share it. How many programs a study needs is estimated from some points of its space.

The costs are constants and not measured on the machine, because only their ratio counts, all being
work of one core, and because a study must go the same way each time it is run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable

_PROGRAM, _ALONE, _STEP = 6.0, 1.5, 5e-4
"""Seconds of a core to make a program, to begin an ordinary training, and those of a step that is
alone beyond one that others share."""

_MATTERS = 15.0
"""Seconds of a core that must be saved: trials in programs are reported in an order that does not
depend on the clock, which is not given up for little."""

_FEWEST, _MOST = 8, 12
"""Points of a space that are looked at: more than the fewest only if it looks too varied."""


def too_varied(
    keys: Iterable[Hashable], points: int, trainings: int, epochs: int, steps: int
) -> str | None:
    """Return the reason why a study is faster without programs, or None.

    Args:
        keys: tell apart the programs that trials from all over the space need, without end; they
            are asked for only as far as needed.
        points: the number of different points of the space.
        trainings: the number of trainings at these points.
        epochs: the epochs of all trainings.
        steps: the steps of an epoch.
    """
    alone = trainings * _ALONE + epochs * steps * _STEP
    if points * _PROGRAM - alone < _MATTERS:
        return None
    seen: Counter[Hashable] = Counter()
    programs = float(points)
    for key in keys:
        seen[key] += 1
        programs = _expected(seen, points)
        if seen.total() >= _FEWEST and programs * _PROGRAM - alone < _MATTERS:
            return None
        if seen.total() == _MOST:
            break
    return (
        f"the study is too short for its variety: about {round(programs)} programs would be made "
        f"for {trainings} trainings of {epochs} epochs in all"
    )


def _expected(seen: Counter[Hashable], points: int) -> float:
    """Return how many programs as many points need, by how often two of some need the same."""
    alike = sum(math.comb(each, 2) for each in seen.values())
    if not alike:
        return points
    kinds = math.comb(seen.total(), 2) / alike
    return kinds * (1 - (1 - 1 / kinds) ** points)
