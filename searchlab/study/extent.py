"""How much a study trains at most, as far as its file says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from searchlab.study.spec import StudySpec


class Extent(NamedTuple):
    """The size of a study.

    Attributes:
        points: the number of points of the space.
        trainings: the number of trainings, one for each fold and confirmation.
        epochs: the epochs of all of them.
    """

    points: int
    trainings: int
    epochs: int


def extent(spec: StudySpec) -> Extent | None:
    """Return a study's size, or None if its file limits neither trials nor brackets."""
    search, folds = spec.search, spec.evaluation.trainings
    if search.backend == "hyperband":
        trials = list(_hyperband(spec))[: search.trials]
    elif search.trials is not None:
        trials = [(spec.most_epochs, True)] * search.trials
    else:
        return None
    again = spec.ending.top * spec.ending.seeds
    epochs = sum(each for each, _ in trials) * folds + again * spec.most_epochs
    return Extent(sum(new for _, new in trials), len(trials) * folds + again, epochs)


def _hyperband(spec: StudySpec) -> Iterator[tuple[int, bool]]:
    """Yield the new epochs of each trial of Hyperband's brackets, as Keras Tuner plans them.

    With them comes whether the trial's point is new; a promoted one's is not.
    """
    most, factor = spec.most_epochs, int(spec.search.options.get("factor", 3))
    first = math.ceil(1 + math.log(most, factor))
    brackets = 1
    while most / factor**brackets >= 1:
        brackets += 1
    for _ in range(int(spec.search.options.get("hyperband_iterations") or 1)):
        for bracket in reversed(range(brackets)):
            before = 0
            for rung in range(bracket + 1):
                rest = factor ** (bracket - rung)
                epochs = math.ceil(most / rest)
                size = math.ceil(first / (bracket + 1) * rest)
                yield from [(epochs - before, not before)] * size
                before = epochs
