"""Names to code: the only place where the name of a backend or an executor is resolved."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from searchlab.backends.base import Backend
from searchlab.data.catalog import DATASETS, file_problems
from searchlab.errors import InputError, MissingPackageError
from searchlab.executors.base import Executor
from searchlab.factories.find import factory_problems
from searchlab.study.explain import message_of, suggestion
from searchlab.study.spec import StudySpec


@dataclass(frozen=True)
class Plugin:
    """Where the code of a name is.

    Attributes:
        target: "module:attribute".
        package: the library that it needs, as imported.
        install: what to give to pip if that library is missing.
    """

    target: str
    package: str
    install: str


BACKENDS = {
    "randomized": Plugin(
        "searchlab.backends.randomized:RandomizedBackend", "scikeras", "scikeras scikit-learn"
    ),
    "hyperband": Plugin(
        "searchlab.backends.hyperband:HyperbandBackend", "keras_tuner", "keras-tuner tensorboard"
    ),
    "optuna": Plugin("searchlab.backends.optuna:OptunaBackend", "optuna", "optuna"),
}
EXECUTORS = {
    "inline": Plugin("searchlab.executors.inline:InlineExecutor", "keras", "tensorflow"),
    "process": Plugin("searchlab.executors.process:ProcessExecutor", "keras", "tensorflow"),
    "fused": Plugin("searchlab.executors.fused:FusedExecutor", "keras", "tensorflow"),
    "ray": Plugin("searchlab.executors.cluster.executor:RayExecutor", "ray", "'searchlab[ray]'"),
}


def backend(name: str) -> type[Backend]:
    """The class of a backend.

    Raises:
        InputError: if there is no such backend.
        MissingPackageError: if its library is not installed.
    """
    return _load("backend", BACKENDS, name)  # type: ignore[no-any-return]


def executor(name: str) -> type[Executor]:
    """The class of an executor; see `executors.base` for its arguments.

    Raises:
        InputError: if there is no such executor.
        MissingPackageError: if its library is not installed.
    """
    return _load("executor", EXECUTORS, name)  # type: ignore[no-any-return]


def check(spec: StudySpec, path: Path) -> Iterator[tuple[str, str]]:
    """What is wrong with the names of a study: a dotted key and a message for each problem.

    Imports neither user code nor a search library.
    """
    yield from _unknown("search.backend", "backend", spec.search.backend, BACKENDS)
    yield from _unknown("execution.executor", "executor", spec.execution.executor, EXECUTORS)
    if spec.data.dataset is not None:
        yield from _unknown("data.dataset", "data set", spec.data.dataset, DATASETS)
    if spec.data.path is not None:
        for problem in file_problems(spec.data.path, path.parent):
            yield "data.path", problem
    yield from factory_problems(spec, path.parent)
    if spec.search.backend in BACKENDS:
        yield from _backend_problems(spec)
    if spec.execution.executor in EXECUTORS:
        yield from _limit_problems(spec)
        yield from _resource_problems(spec)


def _backend_problems(spec: StudySpec) -> Iterator[tuple[str, str]]:
    try:
        found = backend(spec.search.backend)
    except MissingPackageError as error:
        yield "search.backend", str(error)
        return
    if found.needs_trials and spec.search.trials is None:
        yield "search", f"{spec.search.backend} needs to know how many trials: add trials: 30"
    elif spec.search.trials is None and spec.search.seconds is None and not found.sets_epochs:
        yield "search", "nothing ends this study: add trials: 30, or seconds: 600"
    if not found.sets_epochs:
        yield from _small_space(spec)
    try:
        found.Options.model_validate(spec.search.options)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            places = [str(place) for place in detail["loc"] if not str(place).startswith("<")]
            yield ".".join(["search.options", *places]), _option_message(detail, found)


def _small_space(spec: StudySpec) -> Iterator[tuple[str, str]]:
    """Tells of trials that could only repeat others: libraries drop them or train them again."""
    trials, points = spec.search.trials, spec.search_space.count
    if trials is not None and points is not None and points < trials:
        at_most = "at most " if spec.search_space.conditional else ""
        yield (
            "search.trials",
            f"{trials} are more than the {at_most}{points} points of the space: ask for "
            f"{points}, or widen the space",
        )


def _limit_problems(spec: StudySpec) -> Iterator[tuple[str, str]]:
    name, limits = spec.execution.executor, spec.training.limits
    if limits.seconds is None and limits.memory is None:
        return
    if not _found(EXECUTORS[name]).enforces_limits:
        yield (
            "training.limits",
            f"cannot be enforced by the {name} executor, which trains in searchlab's own process: "
            "set execution.executor to process, or leave the limits out",
        )


def _resource_problems(spec: StudySpec) -> Iterator[tuple[str, str]]:
    name = spec.execution.executor
    if spec.training.resources is not None and not _found(EXECUTORS[name]).counts_resources:
        yield (
            "training.resources",
            f"are what a training has on a cluster, and the {name} executor uses this machine: set "
            "execution.executor to ray, or leave them out",
        )


def _option_message(detail: Any, found: type[Backend]) -> str:
    places = [str(place) for place in detail["loc"]]
    if detail["type"] == "extra_forbidden":
        known = list(found.Options.model_fields)
        if not known:
            name = found.__name__.removesuffix("Backend").lower()
            return f"unknown option; {name} has none: leave it out"
        return f"unknown option; {suggestion(places[-1], known)}"
    return message_of(detail, ("search", "options", *places))


def _unknown(key: str, kind: str, name: str, known: Any) -> Iterator[tuple[str, str]]:
    if name not in known:
        yield key, _no_such(kind, name, known)


def _no_such(kind: str, name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there is: {', '.join(known)}"
    return f"there is no {kind} {name!r}: {hint}"


def _load(kind: str, table: dict[str, Plugin], name: str) -> Any:
    if name not in table:
        raise InputError(_no_such(kind, name, table))
    plugin = table[name]
    if importlib.util.find_spec(plugin.package) is None:
        raise MissingPackageError(
            f"the {kind} {name} needs {plugin.package}: pip install {plugin.install}"
        )
    return _found(plugin)


def _found(plugin: Plugin) -> Any:
    module, _, attribute = plugin.target.partition(":")
    return getattr(importlib.import_module(module), attribute)
