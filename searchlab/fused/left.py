"""Whatever calls of a factory leave behind, where models that are traced later may read it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from searchlab.errors import InputError
from searchlab.factories.find import BUILT_IN, locate_factory
from searchlab.factories.sources import own_files
from searchlab.fused.contents import Contents
from searchlab.training.job import Job
from searchlab.training.settings import settings, settings_kept

_Place = tuple[str, str]
"""The module that a value belongs to, if any, and what people call the value."""


class Left:
    """A watch over the values outside of a model that its code may read when it is traced.

    `factories.state` finds most of what changes them in the source, before any trial begins; this
    notices the rest, such as `globals()["ALPHA"] = alpha`, once it has happened.

    Attributes:
        reason: why no model of this process is fused any more; "" as long as nothing has changed.
    """

    def __init__(self) -> None:
        """Begin with nothing changed."""
        self.reason = ""
        self._files: dict[tuple[str, Path], frozenset[str]] = {}

    @contextmanager
    def watched(self, job: Job) -> Iterator[None]:
        """Notice what calls of a job's factory change, and restore the settings among it."""
        policy = keras.config.dtype_policy()
        factory = job.spec.factory.factory, job.base
        if factory not in self._files:
            self._files[factory] = _files(job)
        files = self._files[factory]
        with settings_kept():
            before = _values(files)
            try:
                yield
            finally:
                name = _changed(before, _values(files))
                if name and not self.reason:
                    self.reason = f"its code changes {name}, which another trial's model might read"
                keras.config.set_dtype_policy(policy)


def _changed(before: Mapping[_Place, Any], now: Mapping[_Place, Any]) -> str | None:
    """Return the first value that differs, or None; modules that are new have none to differ."""
    modules = {module for module, _ in before}
    for place in sorted(now.keys() | before.keys()):
        if place[0] in modules and before.get(place) != now.get(place):
            return place[1]
    return None


def _values(files: frozenset[str]) -> dict[_Place, Any]:
    """Return all values, by the module that they belong to and what people call them."""
    found: dict[_Place, Any] = {("", name): value for name, value in settings().items()}
    found["", "Keras' dtype policy"] = keras.config.dtype_policy().name
    modules = {each.__name__: each for each in _own(files)}
    contents = Contents(modules.keys())
    for module, place in modules.items():
        for name, value in list(vars(place).items()):
            if not name.startswith("__"):
                found[module, f"the variable {name} of {module}"] = contents.of(value)
    return found


def _own(files: frozenset[str]) -> Iterator[ModuleType]:
    """Yield the user's modules that have been imported."""
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) in files:
            yield module


def _files(job: Job) -> frozenset[str]:
    """Return the user's own files that a job's factory needs."""
    spec, base = job.spec, job.base
    factory = locate_factory(spec.factory.factory, base)
    if factory.reference in BUILT_IN:
        return frozenset()
    try:
        files = own_files(spec, [spec.factory.factory], base)
    except InputError:  # of files that only another machine would need
        files = []
    return frozenset(map(str, [factory.file, *files]))
