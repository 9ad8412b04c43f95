"""All programs of a host: one for each structure, width and method, made when first needed."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from searchlab.core.trial import Failure
from searchlab.core.wording import reason_text
from searchlab.fused.program import Method, Program
from searchlab.fused.structure import Structure, widened
from searchlab.fused.tensors import Tensors
from searchlab.fused.verify import Reference, problem
from searchlab.training.checkpoint import restore

METHODS = (
    Method(padded=True, masked=True, compiled=True),
    Method(padded=False, masked=True, compiled=True),
    Method(padded=True, masked=False, compiled=True),
    Method(padded=False, masked=False, compiled=True),
    Method(padded=False, masked=False, compiled=False),
)
"""From the fastest and most widely shared on."""

BUILDING = threading.RLock()
"""Held while a model is built: layers draw their seeds from generators that threads share."""

_TIMES = ((64, 4), (1024, 2))
"""How many trials fill a program, by the weights of their model: of a small one, a step is mostly
overhead, which slots share. Of a larger one an empty slot costs as much as a full one."""

_FEWEST, _MOST = 2, 4
"""Slots for one trial's trainings. Of a single slot, XLA makes other code; and when the first of
many folds has stopped early, its slot may stay empty."""


class Programs:
    """Finds or makes the program for a model.

    Attributes:
        data: the study's rows.
        batch: rows of a step.
        folds: how many trainings a trial has.
        made: how many programs have been compiled.
    """

    def __init__(self, data: Tensors, batch: int, folds: int) -> None:
        self.data, self.batch, self.folds, self.made = data, batch, folds, 0
        self._lock = threading.Lock()
        self._verified: dict[Hashable, Program | None] = {}
        self._reasons: dict[str, str] = {}
        self._refused: defaultdict[str, set[Method]] = defaultdict(set)

    def find(self, structure: Structure, rows: int) -> Program | str | None:
        """The program for trainings of a structure; why there can be none; None if not yet known.

        Args:
            structure: of the model.
            rows: of an epoch.
        """
        with self._lock:
            return self._find(structure, rows)

    def missing(self, structure: Structure, sizes: Sequence[int]) -> tuple[int, Hashable] | None:
        """What must be made for trainings of a structure, or None.

        Returns:
            The first of `sizes` (rows of an epoch) for which there is neither a program nor a
            reason, and what would be made for it: two threads should not make the same.
        """
        with self._lock:
            for size in sizes:
                if self._find(structure, size) is None:
                    return size, self._key(structure, self._methods(structure)[0], size)
        return None

    def make(self, structure: Structure, rows: int, model: Any) -> Program | str:
        """Makes the program for a structure, or says why there can be none.

        Args:
            structure: of the model.
            rows: of an epoch.
            model: built and compiled; it is trained a little, and kept if the program is.
        """
        start = None
        while (found := self.find(structure, rows)) is None:
            method = self._next_method(structure)
            tail = None if method.masked else rows % self.batch
            program, reason = None, ""
            try:
                if start is not None:
                    restore(model, start)
                reference = Reference(model, self.data, self.batch, tail)
                start = reference.before
                candidate = self._program(structure, method, tail or 0, model)
                reason = problem(candidate, reference, model.optimizer) or ""
                program = None if reason else candidate
            except Exception as error:  # whatever TensorFlow says of what it cannot stack
                reason = _reason(error)
            self._note(structure, method, rows, program, reason)
        return found

    def _find(self, structure: Structure, rows: int) -> Program | str | None:
        for method in self._methods(structure):
            key = self._key(structure, method, rows)
            if key not in self._verified:
                return None
            program = self._verified[key]
            if program is not None:
                return program
        return self._reasons[structure.family]

    def _key(self, structure: Structure, method: Method, rows: int) -> Hashable:
        """What tells programs apart."""
        widths = structure.padded if method.padded else structure.widths
        tail = None if method.masked else rows % self.batch
        return structure.text, structure.rule, widths, method, tail

    def _next_method(self, structure: Structure) -> Method:
        with self._lock:  # another size of the same structure may fail at the same time
            return (self._methods(structure) or METHODS[-1:])[0]

    def _methods(self, structure: Structure) -> list[Method]:
        """The methods that have not failed for the structure; the last has the last word."""
        refused = self._refused[structure.family]
        left = [each for each in METHODS if each not in refused]
        if not structure.widenable:
            left = [each for each in left if not each.padded]
        return left

    def _note(
        self, structure: Structure, method: Method, rows: int, program: Program | None, reason: str
    ) -> None:
        with self._lock:
            self.made += 1
            self._verified[self._key(structure, method, rows)] = program
            if program is None:
                self._refused[structure.family].add(method)
                self._reasons.setdefault(
                    structure.family,
                    f"its stacked program differs from the real model ({reason})",
                )

    def _program(self, structure: Structure, method: Method, tail: int, model: Any) -> Program:
        template = model
        if method.padded and structure.padded != structure.widths:
            with BUILDING:
                template = widened(model, structure.padded)
        size = sum(math.prod(each.shape) for each in template.trainable_variables)
        times = next((times for most, times in _TIMES if size <= most), 1)
        slots = times * (self.folds if _FEWEST <= self.folds <= _MOST else _FEWEST)
        return Program(model, template, structure.rule, method, self.batch, tail, slots, self.data)


def _reason(error: Exception) -> str:
    """What went wrong, in a line; TensorFlow tells in the last one what a trace has raised."""
    kind = type(error).__name__
    *_, last = str(error).strip().splitlines() or ["no message"]
    return reason_text(Failure(kind, last.strip().removeprefix(f"{kind}: ")))
