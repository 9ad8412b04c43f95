"""The account of all that a node was told, so that no job is lost without a word.

Ray calls the methods of an actor without telling anybody of an error there, until somebody asks
for the result. A job could thus vanish: on a full disk, say, where its directory cannot be made.
The ledger asks for the result of each call, and compares the jobs that a node has with those that
it was given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

Holding = tuple[int, int | None]
"""A process on a node by its number, alone or with the key of one of its jobs."""

Finished = Callable[[Sequence[Any]], Collection[Any]]
"""Returns those of some calls that have finished, and raises if one of them failed."""


class Ledger:
    """The calls of a node that have not finished, and the processes and jobs that it should have.

    One thread adds calls, another one looks at them.
    """

    def __init__(self, finished: Finished) -> None:
        """Begin with nothing."""
        self._finished = finished
        self._calls: deque[Any] = deque()
        self._open: dict[Holding, Any] = {}
        self._done: set[Any] = set()

    def add(self, call: Any, entry: Holding | None = None) -> None:
        """Record a call, and the process or job that the node has from then on."""
        if entry is not None:
            self._open[entry] = call
        self._calls.append(call)

    def end(self, process: int, job: int | None = None) -> None:
        """Record the end of a job, or of a process with all of its jobs."""
        for entry in list(self._open):
            if entry == (process, job) or (job is None and entry[0] == process):
                self._open.pop(entry, None)

    def settle(self) -> list[tuple[Holding, Any]]:
        """Return what the node must have from now on, with the call that gave it to the node.

        Raises:
            Exception: the error of a call that failed.
        """
        calls = [self._calls.popleft() for _ in range(len(self._calls))]
        done = set(self._finished(calls)) if calls else set()
        self._calls.extendleft(call for call in reversed(calls) if call not in done)
        known = list(self._open.items())
        self._done = (self._done | done) & {call for _, call in known}
        return [(entry, call) for entry, call in known if call in self._done]

    def missing(
        self, settled: list[tuple[Holding, Any]], held: Collection[Holding]
    ) -> Holding | None:
        """Return a process or job that a node does not have although nobody heard of its end.

        Args:
            settled: the answer of `settle` before the node was asked.
            held: what the node had when it was asked. All news from before must have been recorded.
        """
        lost = (
            entry for entry, call in settled if entry not in held and self._open.get(entry) is call
        )
        return next(lost, None)
