"""Name resolution: the only code that resolves names of backends, executors and trackers."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from searchlab.backends.base import Backend, Options, Problem
from searchlab.core.digest import signing_key
from searchlab.core.entry_points import Offer, find_offer, offers
from searchlab.core.nearest import did_you_mean
from searchlab.core.quiet import quiet
from searchlab.core.space import Int
from searchlab.data.catalog import DATASETS, file_problems
from searchlab.engine.foreign import Guarded, blamed
from searchlab.errors import InputError, MissingPackageError
from searchlab.executors.base import Executor
from searchlab.factories.check import factory_problems, function_problems, own_problems
from searchlab.factories.sources import declared_problems
from searchlab.study.explain import message_of, suggestion
from searchlab.study.spec import StudySpec
from searchlab.tracking.base import Render, Tracker, TrackerContext
from searchlab.tracking.mlflow.address import resolve_uri


@dataclass(frozen=True)
class Plugin:
    """The location of a name's code.

    Attributes:
        target: "module:attribute".
        package: the library that it needs, as imported.
        install: the pip argument that installs the library.
        slow: the module that takes seconds to import when a backend is made, or "".
        forks: whether an executor's trainings run in processes from the fork server.
    """

    target: str
    package: str
    install: str
    slow: str = ""
    forks: bool = False


BACKENDS = {
    "randomized": Plugin(
        "searchlab.backends.randomized:RandomizedBackend",
        "scikeras",
        "scikeras scikit-learn",
        slow="searchlab.backends.bridge",
    ),
    "hyperband": Plugin(
        "searchlab.backends.hyperband:HyperbandBackend",
        "keras_tuner",
        "keras-tuner tensorboard",
        slow="keras_tuner",
    ),
    "optuna": Plugin("searchlab.backends.optuna:OptunaBackend", "optuna", "optuna", slow="optuna"),
}
EXECUTORS = {
    "inline": Plugin("searchlab.executors.inline:InlineExecutor", "keras", "tensorflow"),
    "process": Plugin(
        "searchlab.executors.process:ProcessExecutor", "keras", "tensorflow", forks=True
    ),
    "fused": Plugin("searchlab.executors.fused:FusedExecutor", "keras", "tensorflow", forks=True),
    "ray": Plugin("searchlab.executors.cluster.executor:RayExecutor", "ray", "'searchlab[ray]'"),
}


TRACKERS = {
    "mlflow": Plugin("searchlab.tracking.mlflow.tracker:follow", "mlflow", "mlflow"),
    "memory": Plugin("searchlab.tracking.memory:MemoryTracker", "searchlab", "searchlab"),
}


@dataclass(frozen=True)
class _Kind:
    """A kind of named plugin.

    Attributes:
        name: one of `entry_points.GROUPS`.
        own: searchlab's own plugins, by name.
        port: the protocol whose members an implementation must have.
    """

    name: str
    own: Mapping[str, Plugin]
    port: type

    def find(self, name: str) -> Offer | Plugin:
        """Find the code of a name without importing it.

        Raises:
            InputError: if the name is unknown or ambiguous.
        """
        offer = find_offer(self.name, name, self.own)
        if offer is not None:
            return offer
        if name not in self.own:
            raise InputError(_no_such(self.name, name, [*self.own, *offers(self.name)]))
        return self.own[name]


_BACKEND = _Kind("backend", BACKENDS, Backend)
_EXECUTOR = _Kind("executor", EXECUTORS, Executor)
_TRACKER = _Kind("tracker", TRACKERS, Tracker)


def backend(name: str) -> type[Backend]:
    """Return the class of a backend.

    Raises:
        InputError: if there is no such backend, or another package's cannot be used.
        MissingPackageError: if its library is not installed.
    """
    return _load(_BACKEND, name)  # type: ignore[no-any-return]


def executor(name: str) -> type[Executor]:
    """Return the class of an executor; see `executors.base` for its arguments.

    Raises:
        InputError: if there is no such executor, or another package's cannot be used.
        MissingPackageError: if its library is not installed.
    """
    return _load(_EXECUTOR, name)  # type: ignore[no-any-return]


def make_backend(name: str, problem: Problem) -> Backend:
    """Make a backend for a problem.

    Raises:
        InputError: see `backend`, and if another package's fails, then or when it is used.
        MissingPackageError: if its library is not installed.
    """
    return _made(_BACKEND, name, backend(name), problem)  # type: ignore[no-any-return]


def forks(spec: StudySpec) -> bool:
    """Return whether a study's trainings run in processes from the fork server."""
    found = _EXECUTOR.find(spec.execution.executor)
    return isinstance(found, Plugin) and found.forks


def begin_imports(spec: StudySpec) -> None:
    """Import what a study's backend needs in a thread, while other processes try the model.

    `make_backend` waits for it, and tells what is wrong. An executor that trains in this process
    would import the same modules at the same time, which Python does not do safely.
    """
    found = _BACKEND.find(spec.search.backend)
    if isinstance(found, Plugin) and found.slow and forks(spec):
        threading.Thread(target=_import, args=(found.slow,), name="searchlab-imports").start()


def _import(module: str) -> None:
    with contextlib.suppress(Exception), quiet():
        importlib.import_module(module)


def make_executor(name: str, workers: int, directory: Path) -> Executor:
    """Make an executor; see `executors.base` for its arguments.

    Raises:
        InputError: see `executor`, and if another package's cannot be made.
        MissingPackageError: if its library is not installed.
    """
    found, code = _EXECUTOR.find(name), executor(name)
    if isinstance(found, Plugin):
        return code(workers, directory)
    with blamed(found):  # and no longer: `poll` calls functions that are searchlab's
        return code(workers, directory)


def trackers(
    names: Collection[str],
    cwd: Path,
    tracking_uri: str | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    render: Render | None = None,
) -> Callable[[Path], list[Tracker]]:
    """Load the trackers of these names; return the function that makes them for a study.

    Args:
        names: as the study file has them.
        cwd: the working directory.
        tracking_uri: the store or server that the user named, or None.
        interrupted: whether the program has been interrupted.
        render: makes the HTML report of the study, for trackers that keep one.

    Raises:
        InputError: if there is no such tracker, or another package's cannot be used; also when it
            is made or told something.
        MissingPackageError: if a library is not installed.
        TrackingError: if MLflow has no store for the tracking URI.
    """
    if "mlflow" in names:
        resolve_uri(tracking_uri, cwd)  # these raise before there is anything to tidy up
        signing_key()
    classes = {name: _load(_TRACKER, name) for name in names}

    def make(directory: Path) -> list[Tracker]:
        context = TrackerContext(directory, cwd, tracking_uri, interrupted, render)
        return [_made(_TRACKER, name, each, context) for name, each in classes.items()]

    return make


def check(spec: StudySpec, path: Path) -> Iterator[tuple[str, str]]:
    """Yield a dotted key and a message for each unusable name of a study.

    This imports neither user code nor searchlab's own search libraries, only the backend, executor
    and trackers of other packages that the study names.
    """
    backends = yield from _problems("search.backend", _BACKEND, spec.search.backend)
    executors = yield from _problems("execution.executor", _EXECUTOR, spec.execution.executor)
    for name in spec.trackers:
        yield from _problems("trackers", _TRACKER, name)
    if spec.data.dataset is not None and spec.data.dataset not in DATASETS:
        yield "data.dataset", _no_such("data set", spec.data.dataset, DATASETS)
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


def _problems(key: str, kind: _Kind, name: str) -> Generator[tuple[str, str], None, Any]:
    """Yield the problem with a name if there is one; return the name's code otherwise, or None."""
    try:
        found = kind.find(name)
        if isinstance(found, Plugin) and kind is not _BACKEND:
            return None if kind is _TRACKER else _attribute(found)  # libraries are for a run
        return _load(kind, name)
    except InputError as error:
        yield key, str(error)
        return None


def _backend_problems(spec: StudySpec, found: type[Backend]) -> Iterator[tuple[str, str]]:
    if found.needs_trials and spec.search.trials is None:
        yield "search", f"{spec.search.backend} needs to know how many trials: add trials: 30"
    elif spec.search.trials is None and spec.search.seconds is None and not found.sets_epochs:
        yield "search", "nothing ends this study: add trials: 30, or seconds: 600"
    if not found.sets_epochs:
        yield from _small_space(spec)
    if found.most_points is not None:
        yield from _large_space(spec, found.most_points)
    try:
        found.Options.model_validate(spec.search.options)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            places = [str(place) for place in detail["loc"] if not str(place).startswith("<")]
            yield ".".join(["search.options", *places]), _option_message(detail, found)


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


def _large_space(spec: StudySpec, most: int) -> Iterator[tuple[str, str]]:
    """Report a grid that the library cannot count; a log range is none of its lists."""
    space = spec.search_space
    grid = not any(isinstance(domain, Int) and domain.log for _, domain in space)
    if grid and (points := space.count) is not None and points > most:
        yield (
            "space",
            f"has {points:.3g} points, and {spec.search.backend} search counts to {most:.3g}: give "
            "a range of whole numbers log: true or a larger step, or use another backend",
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


def _no_such(kind: str, name: str, known: Collection[str]) -> str:
    hint = did_you_mean(name, known, f"there is: {', '.join(known)}")
    return f"there is no {kind} {name!r}: {hint}"


def _load(kind: _Kind, name: str) -> Any:
    found = kind.find(name)
    if isinstance(found, Plugin):
        if importlib.util.find_spec(found.package) is None:
            raise MissingPackageError(
                f"the {kind.name} {name} needs {found.package}: pip install {found.install}"
            )
        return _attribute(found)
    code = found.load()
    lacking = [] if kind is _TRACKER else _lacking(code, kind.port)
    if lacking or not callable(code):
        lacks = f"it has no {', '.join(lacking)}" if lacking else "it cannot be called"
        raise InputError(found.broken(lacks))
    if kind is _BACKEND and not (
        isinstance(code.Options, type) and issubclass(code.Options, Options)
    ):
        raise InputError(found.broken("its Options is no subclass of backends.base.Options"))
    return code


def _made(kind: _Kind, name: str, code: Any, argument: object) -> Any:
    """Make a backend or tracker; guard one of another package's, which can raise anything."""
    found = kind.find(name)
    if isinstance(found, Plugin):
        return code(argument)
    with blamed(found):
        made = code(argument)
    if lacking := _lacking(made, kind.port):
        raise InputError(
            found.broken(f"it makes a {type(made).__name__} without {', '.join(lacking)}")
        )
    return Guarded(made, found)


def _lacking(code: Any, port: type) -> list[str]:
    """Return the names of a port that a class must have and does not have."""
    fixed = [name for name, kind in port.__annotations__.items() if kind.startswith("ClassVar")]
    methods = [name for name in vars(port) if not name.startswith("_")]
    return [name for name in [*fixed, *methods] if not hasattr(code, name)]


def _attribute(plugin: Plugin) -> Any:
    module, _, attribute = plugin.target.partition(":")
    return getattr(importlib.import_module(module), attribute)
