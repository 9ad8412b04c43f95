"""The rungs of Hyperband's brackets: which of their trials can still be promoted.

A rung promotes its best, one after the other. A trial that has as many better ones beside it as
there are places left in the next rung is never one of them, however its other trials end.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field


@dataclass
class _Rung:
    """The places that are left in the next rung, and the ended trials of this one, best first."""

    left: int
    ended: list[tuple[float, int]] = field(default_factory=list)


class Rungs:
    """The rungs below others, updated with each trial that begins or ends."""

    def __init__(self) -> None:
        self._rungs: dict[tuple[int, int], _Rung] = {}
        self._of: dict[int, _Rung] = {}  # by trial, until it is promoted
        self._costs: dict[int, float] = {}  # by ended trial, until then

    def begin(self, number: int, rung: tuple[int, int], places: int, source: int | None) -> None:
        """Take a trial that began.

        Args:
            number: of the trial.
            rung: any two numbers that no other rung has, such as bracket and place in it.
            places: in the next rung, 0 if there is none.
            source: the trial that this one was promoted from, or None.
        """
        if source is not None:
            self._promote(source)
        if places:
            self._of[number] = self._rungs.setdefault(rung, _Rung(places))

    def end(self, number: int, cost: float) -> None:
        """Take a trial that ended; lower is better, and the earlier of equals."""
        if (rung := self._of.get(number)) is not None:
            self._costs[number] = cost
            insort(rung.ended, (cost, number))

    def promotable(self) -> set[int]:
        """Return the ended trials that can still be promoted."""
        return {number for rung in self._rungs.values() for _, number in rung.ended[: rung.left]}

    def _promote(self, number: int) -> None:
        rung = self._of.pop(number)
        del rung.ended[bisect_left(rung.ended, (self._costs.pop(number), number))]
        rung.left -= 1
        if rung.left:
            return
        # All trials of the rung have ended, or the last place would not have been given away.
        self._rungs = {key: each for key, each in self._rungs.items() if each is not rung}
        for _, other in rung.ended:
            del self._of[other], self._costs[other]
