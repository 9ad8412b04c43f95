"""All programs of a host: one per structure, width and method, built on first use."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable
from typing import Any

from searchlab.core.trial import Failure
from searchlab.core.wording import reason_text
from searchlab.fused.left import Left
from searchlab.fused.program import Method, Program
from searchlab.fused.steps import Models
from searchlab.fused.structure import Structure, widened
from searchlab.fused.tensors import Tensors
from searchlab.fused.verify import Reference, apart, form_of, problem
from searchlab.measure.form import Form
from searchlab.training.checkpoint import restore

METHODS = (
    Method(padded=True, masked=True, compiled=True, direct=True),
    Method(padded=False, masked=True, compiled=True, direct=True),
    Method(padded=True, masked=False, compiled=True, direct=True),
    Method(padded=False, masked=False, compiled=True, direct=True),
    Method(padded=True, masked=True, compiled=True, direct=False),
    Method(padded=False, masked=True, compiled=True, direct=False),
    Method(padded=True, masked=False, compiled=True, direct=False),
    Method(padded=False, masked=False, compiled=True, direct=False),
    Method(padded=False, masked=False, compiled=False, direct=False),
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
        self._built: dict[Hashable, Program] = {}
        self._verified: dict[Hashable, Program | None] = {}
        self._reasons: dict[Hashable, str] = {}
        self._refused: defaultdict[Hashable, set[Method]] = defaultdict(set)

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
            names = apart(model, form, self.data) if self.find(structure, rows) is None else ()
            if names:  # rows that fill up a batch would count
                self._leave_out(structure, [each for each in METHODS if each.masked])
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
                candidate = self._program(structure, method, rows, model, form, names)
                constants = structure.constants(model.optimizer)
                reason = problem(candidate, reference, constants) or ""
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
            key = self._key(structure, method, rows), structure.variant
            if key not in self._verified:
                return None
            program = self._verified[key]
            if program is not None:
                return program
        return self._reasons[_kind(structure)]

    def _key(self, structure: Structure, method: Method, rows: int) -> Hashable:
        """Return the key that distinguishes programs."""
        widths = structure.padded if method.padded else structure.widths
        tail = None if method.masked else rows % self.batch
        numbers = () if method.direct else structure.numbers
        return structure.text, structure.rule, widths, numbers, method, tail

    def _next_method(self, structure: Structure) -> Method:
        with self._lock:  # another size of the same structure may fail at the same time
            return (self._methods(structure) or METHODS[-1:])[0]

    def _methods(self, structure: Structure) -> list[Method]:
        """Return the methods that have not failed for the structure, by preference."""
        refused = self._refused[_kind(structure)]
        return [each for each in METHODS if each not in refused and _suits(each, structure)]

    def _note(
        self, structure: Structure, method: Method, rows: int, program: Program | None, reason: str
    ) -> None:
        with self._lock:
            self._verified[self._key(structure, method, rows), structure.variant] = program
            if program is None:
                self._refused[_kind(structure)].add(method)
                self._reasons.setdefault(
                    _kind(structure),
                    f"its stacked program differs from the real model ({reason})",
                )

    def _refuse(self, structure: Structure, reason: str) -> None:
        """Note that no method works."""
        self._leave_out(structure, METHODS)
        with self._lock:
            self._reasons[_kind(structure)] = reason

    def _leave_out(self, structure: Structure, methods: Iterable[Method]) -> None:
        """Note that some methods do not work."""
        with self._lock:
            self._refused[_kind(structure)].update(methods)

    def _program(
        self,
        structure: Structure,
        method: Method,
        rows: int,
        model: Any,
        form: Form,
        names: Collection[str],
    ) -> Program:
        """Return the program for a structure, which may be verified for another variant already."""
        key = self._key(structure, method, rows)
        with self._lock:
            if key in self._built:
                return self._built[key]
        tail, template = 0 if method.masked else rows % self.batch, model
        if method.padded and structure.padded != structure.widths:
            with BUILDING:
                template = widened(model, structure.padded)
        size = sum(math.prod(each.shape) for each in template.trainable_variables)
        times = next((times for most, times in _TIMES if size <= most), 1)
        slots = times * (self.folds if _FEWEST <= self.folds <= _MOST else _FEWEST)
        models = Models(model, template, form, self.data, names)
        given = (models, structure.plan, structure.rule, method, self.batch, tail, slots)
        numbers = () if method.direct else structure.numbers
        program = Program(*given, f"{structure.text} {numbers}")
        with self._lock:
            self.made += 1
            self._built[key] = program
        return program


def _suits(method: Method, structure: Structure) -> bool:
    """Return whether a method may compute the same as models of a structure."""
    plan = structure.plan
    if plan is None:
        return not method.direct and (not method.padded or _widens(structure))
    if plan.mixes and method.masked:
        return False
    if not method.padded:
        return True
    return plan.widens and (_widens(structure) or (method.direct and bool(structure.widths)))


def _kind(structure: Structure) -> Hashable:
    """Return what structures have in common for which the same methods fail."""
    return structure.family, structure.variant


def _widens(structure: Structure) -> bool:
    return bool(structure.widths) and not structure.random


def _reason(error: Exception) -> str:
    """Return the error in one line; TensorFlow puts the cause of a failed trace in the last one."""
    kind = type(error).__name__
    *_, last = str(error).strip().splitlines() or ["no message"]
    return reason_text(Failure(kind, last.strip().removeprefix(f"{kind}: ")))
