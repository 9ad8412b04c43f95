"""All programs of a host: one per structure, width and method, built on first use."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Hashable
from typing import Any

from searchlab.core.trial import Failure
from searchlab.core.wording import reason_text
from searchlab.fused.left import Left
from searchlab.fused.program import Method, Program
from searchlab.fused.structure import Structure, widened
from searchlab.fused.tensors import Tensors
from searchlab.fused.verify import Reference, form_of, mixing, problem
from searchlab.measure.form import Form
from searchlab.training.checkpoint import restore

METHODS = (
    Method(padded=True, masked=True, compiled=True),
    Method(padded=False, masked=True, compiled=True),
    Method(padded=True, masked=False, compiled=True),
    Method(padded=False, masked=False, compiled=True),
    Method(padded=False, masked=False, compiled=False),
)
"""Methods by preference: from the fastest and most widely shared on."""

BUILDING = threading.RLock()
"""Lock for building models: layers draw their seeds from generators that threads share."""

_TIMES = ((64, 4), (1024, 2))
"""Trials that fill a program, by the number of weights of their model. A small model's step is
mostly overhead, which slots share; with a larger one, an empty slot costs as much as a full one."""

_FEWEST, _MOST = 2, 4
"""Slots for one trial's trainings. With a single slot, XLA generates different code; with many
folds, the slot of one that stopped early may stay empty."""


class Programs:
    """Finder and builder of programs for models.

    Attributes:
        data: the study's rows.
        batch: rows per step.
        folds: trainings per trial.
        left: what calls of factories have left behind in this process.
        made: number of compiled programs.
    """

    def __init__(self, data: Tensors, batch: int, folds: int, left: Left) -> None:
        self.data, self.batch, self.folds, self.left, self.made = data, batch, folds, left, 0
        self._lock = threading.Lock()
        self._verified: dict[Hashable, Program | None] = {}
        self._reasons: dict[str, str] = {}
        self._refused: defaultdict[str, set[Method]] = defaultdict(set)

    def find(self, structure: Structure, rows: int) -> Program | str | None:
        """Return the program for a structure, the reason why there is none, or None if unknown yet.

        Args:
            structure: the model's structure.
            rows: rows per epoch.
        """
        with self._lock:
            return self._find(structure, rows)

    def missing(self, structure: Structure, rows: int) -> Hashable | None:
        """Return the key of the program still to be built for a structure, or None.

        It keeps two threads from building the same one.

        Args:
            structure: the model's structure.
            rows: rows per epoch.
        """
        with self._lock:
            if self._find(structure, rows) is not None:
                return None
            return self._key(structure, self._methods(structure)[0], rows)

    def make(self, structure: Structure, rows: int, model: Any) -> Program | str:
        """Build the program for a structure, or return the reason why that is impossible.

        Args:
            structure: the model's structure.
            rows: rows per epoch.
            model: built and compiled; it is trained briefly, and kept with the program.
        """
        start = None
        try:
            with BUILDING:
                form = form_of(model, self.data)
            if self.find(structure, rows) is None and (name := mixing(model, form, self.data)):
                self._refuse(structure, f"its {name} looks at several rows")
        except Exception as error:  # an own metric may raise anything; a training tells it
            self._refuse(structure, f"its loss or a metric fails: {_reason(error)}")
        while (found := self.find(structure, rows)) is None:
            method = self._next_method(structure)
            tail = None if method.masked else rows % self.batch
            program, reason = None, ""
            try:
                if start is not None:
                    restore(model, start)
                reference = Reference(model, form, self.data, self.batch, tail)
                start = reference.before
                candidate = self._program(structure, method, tail or 0, model, form)
                reason = problem(candidate, reference, model.optimizer) or ""
                program = None if reason else candidate
                with BUILDING:  # a call of a factory meanwhile may have changed what was traced
                    if self.left.reason:
                        self._refuse(structure, self.left.reason)
                        return self.left.reason
            except Exception as error:  # TensorFlow has no one error for what it cannot stack
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
        """Return the key that distinguishes programs."""
        widths = structure.padded if method.padded else structure.widths
        tail = None if method.masked else rows % self.batch
        return structure.text, structure.rule, widths, method, tail

    def _next_method(self, structure: Structure) -> Method:
        with self._lock:  # another size of the same structure may fail at the same time
            return (self._methods(structure) or METHODS[-1:])[0]

    def _methods(self, structure: Structure) -> list[Method]:
        """Return the methods that have not failed for the structure, by preference."""
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

    def _refuse(self, structure: Structure, reason: str) -> None:
        """Note that no method works."""
        with self._lock:
            self._refused[structure.family].update(METHODS)
            self._reasons[structure.family] = reason

    def _program(
        self, structure: Structure, method: Method, tail: int, model: Any, form: Form
    ) -> Program:
        template = model
        if method.padded and structure.padded != structure.widths:
            with BUILDING:
                template = widened(model, structure.padded)
        size = sum(math.prod(each.shape) for each in template.trainable_variables)
        times = next((times for most, times in _TIMES if size <= most), 1)
        slots = times * (self.folds if _FEWEST <= self.folds <= _MOST else _FEWEST)
        given = (model, template, structure.rule, method, self.batch, tail, slots, self.data, form)
        return Program(*given)


def _reason(error: Exception) -> str:
    """Return the error in one line; TensorFlow puts the cause of a failed trace in the last one."""
    kind = type(error).__name__
    *_, last = str(error).strip().splitlines() or ["no message"]
    return reason_text(Failure(kind, last.strip().removeprefix(f"{kind}: ")))
