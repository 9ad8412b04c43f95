"""A study's names and wishes, held against the backends, executors and trackers there are."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from searchlab.backends.base import Backend
from searchlab.data.catalog import DATASETS, file_problems
from searchlab.engine.plugins import (
    BACKEND,
    EXECUTOR,
    TRACKER,
    Kind,
    Plugin,
    attribute,
    load,
    no_such,
)
from searchlab.errors import InputError
from searchlab.executors.base import Executor
from searchlab.factories.check import factory_problems, function_problems, own_problems
from searchlab.factories.sources import declared_problems
from searchlab.study.explain import message_of, suggestion
from searchlab.study.spec import StudySpec


def study_problems(spec: StudySpec, path: Path) -> Iterator[tuple[str, str]]:
    """Yield a dotted key and a message for each unusable name of a study.

    This imports neither user code nor searchlab's own search libraries, only the backend, executor
    and trackers of other packages that the study names.
    """
    backends = yield from _problems("search.backend", BACKEND, spec.search.backend)
    executors = yield from _problems("execution.executor", EXECUTOR, spec.execution.executor)
    for name in spec.trackers:
        yield from _problems("trackers", TRACKER, name)
    if spec.data.dataset is not None and spec.data.dataset not in DATASETS:
        yield "data.dataset", no_such("data set", spec.data.dataset, DATASETS)
    for key, files in spec.data.files.items():
        for problem in file_problems(files, path.parent):
            yield f"data.{key}", problem
    if spec.data.function is not None:
        for problem in function_problems("data function", spec.data.function, path.parent):
            yield "data.function", problem
    yield from factory_problems(spec, path.parent)
    yield from own_problems(spec, path.parent)
    yield from declared_problems(spec, path.parent)
    if backends is not None:
        yield from _backend_problems(spec, backends)
    if executors is not None:
        yield from _limit_problems(spec, executors)
        yield from _resource_problems(spec, executors)


def _problems(key: str, kind: Kind, name: str) -> Generator[tuple[str, str], None, Any]:
    """Yield the problem with a name if there is one; return the name's code otherwise, or None."""
    try:
        found = kind.find(name)
        if isinstance(found, Plugin) and kind is not BACKEND:
            return None if kind is TRACKER else attribute(found)  # libraries are for a run
        return load(kind, name)
    except InputError as error:
        yield key, str(error)
        return None


def _backend_problems(spec: StudySpec, found: type[Backend]) -> Iterator[tuple[str, str]]:
    if found.needs_trials and spec.search.trials is None:
        yield "search", f"{spec.search.backend} needs to know how many trials: add trials: 30"
    elif spec.search.trials is None and spec.search.seconds is None and not found.sets_epochs:
        yield "search", "nothing ends this study: add trials: 30, or seconds: 600"
    if found.sets_epochs and (param := spec.epochs_param) is not None:
        yield (
            param if "." in param else f"space.{param}",
            f"{spec.search.backend} itself sets the epochs of each trial, up to training.epochs: "
            "give that a number",
        )
    if not found.sets_epochs:
        yield from _small_space(spec)
    try:
        options = found.Options.model_validate(spec.search.options)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            places = [str(place) for place in detail["loc"] if not str(place).startswith("<")]
            yield ".".join(["search.options", *places]), _option_message(detail, found)
    else:
        if (problem := options.problem(spec.search_space)) is not None:
            yield "space", problem


def _small_space(spec: StudySpec) -> Iterator[tuple[str, str]]:
    """Report surplus trials, which could only repeat others: libraries drop or repeat them."""
    trials, points = spec.search.trials, spec.search_space.count
    if trials is not None and points is not None and points < trials:
        at_most = "at most " if spec.search_space.conditional else ""
        yield (
            "search.trials",
            f"{trials} are more than the {at_most}{points} points of the space: ask for "
            f"{points}, or widen the space",
        )


def _limit_problems(spec: StudySpec, found: type[Executor]) -> Iterator[tuple[str, str]]:
    name, limits = spec.execution.executor, spec.training.limits
    if limits.seconds is None and limits.memory is None:
        return
    if not found.enforces_limits:
        yield (
            "training.limits",
            f"cannot be enforced by the {name} executor, which trains in searchlab's own process: "
            "set execution.executor to process, or leave the limits out",
        )


def _resource_problems(spec: StudySpec, found: type[Executor]) -> Iterator[tuple[str, str]]:
    name = spec.execution.executor
    if spec.training.resources is not None and not found.counts_resources:
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
