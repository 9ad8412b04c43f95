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
from searchlab.errors import InputError, MissingPackageError, ModelError
from searchlab.executors.base import Executor
from searchlab.study import StudySpec
from searchlab.training import factories
from searchlab.training.names import DATASETS


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
}


def backend(name: str) -> type[Backend]:
    """The class of a backend.

    Raises:
        InputError: if there is no such backend.
        MissingPackageError: if its library is not installed.
    """
    return _load("backend", BACKENDS, name)  # type: ignore[no-any-return]


def executor(name: str, workers: int, directory: Path) -> Executor:
    """A new executor; see `executors.base` for its arguments.

    Raises:
        InputError: if there is no such executor.
        MissingPackageError: if its library is not installed.
    """
    return _load("executor", EXECUTORS, name)(workers, directory)  # type: ignore[no-any-return]


def check(spec: StudySpec, path: Path) -> Iterator[tuple[str, str]]:
    """What is wrong with the names of a study: a dotted key and a message for each problem.

    Imports neither user code nor a search library.
    """
    yield from _unknown("search.backend", spec.search.backend, BACKENDS)
    yield from _unknown("execution.executor", spec.execution.executor, EXECUTORS)
    if spec.data.dataset is not None:
        yield from _unknown("data.dataset", spec.data.dataset, DATASETS)
    for problem in _factory_problems(spec, path.parent):
        yield "model", problem
    if spec.search.backend in BACKENDS:
        yield from _backend_problems(spec)


def _factory_problems(spec: StudySpec, base: Path) -> list[str]:
    try:
        return list(factories.problems(spec, base))
    except (ModelError, OSError) as error:
        return [str(error)]


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
    try:
        found.Options.model_validate(spec.search.options)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            key = ".".join(["search.options", *map(str, detail["loc"])])
            yield key, _option_message(detail, found)


def _option_message(detail: Any, found: type[Backend]) -> str:
    if detail["type"] == "extra_forbidden":
        known = ", ".join(found.Options.model_fields) or "none"
        return f"unknown option; {found.__name__.removesuffix('Backend').lower()} has: {known}"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    message = detail["msg"]
    return f"{message[:1].lower()}{message[1:]}, got {detail['input']!r}"


def _unknown(key: str, name: str, known: Any) -> Iterator[tuple[str, str]]:
    if name not in known:
        yield key, _no_such(name, known)


def _no_such(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there is: {', '.join(known)}"
    return f"there is no {name!r}: {hint}"


def _load(kind: str, table: dict[str, Plugin], name: str) -> Any:
    if name not in table:
        raise InputError(f"{kind}: {_no_such(name, table)}")
    plugin = table[name]
    if importlib.util.find_spec(plugin.package) is None:
        raise MissingPackageError(
            f"the {kind} {name} needs {plugin.package}: pip install {plugin.install}"
        )
    module, _, attribute = plugin.target.partition(":")
    return getattr(importlib.import_module(module), attribute)
