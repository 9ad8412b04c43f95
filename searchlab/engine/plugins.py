"""Name resolution: the only code that resolves names of backends, executors and trackers."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchlab.backends.base import Backend, Options, Problem
from searchlab.core.digest import signing_key
from searchlab.core.entry_points import Offer, find_offer, offers
from searchlab.core.nearest import did_you_mean
from searchlab.core.quiet import quiet
from searchlab.engine.foreign import Guarded, blamed
from searchlab.errors import InputError, MissingPackageError
from searchlab.executors.base import Executor
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
class Kind:
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
            raise InputError(no_such(self.name, name, [*self.own, *offers(self.name)]))
        return self.own[name]


BACKEND = Kind("backend", BACKENDS, Backend)
EXECUTOR = Kind("executor", EXECUTORS, Executor)
TRACKER = Kind("tracker", TRACKERS, Tracker)


def backend(name: str) -> type[Backend]:
    """Return the class of a backend.

    Raises:
        InputError: if there is no such backend, or another package's cannot be used.
        MissingPackageError: if its library is not installed.
    """
    return load(BACKEND, name)  # type: ignore[no-any-return]


def executor(name: str) -> type[Executor]:
    """Return the class of an executor; see `executors.base` for its arguments.

    Raises:
        InputError: if there is no such executor, or another package's cannot be used.
        MissingPackageError: if its library is not installed.
    """
    return load(EXECUTOR, name)  # type: ignore[no-any-return]


def make_backend(name: str, problem: Problem) -> Backend:
    """Make a backend for a problem.

    Raises:
        InputError: see `backend`, and if another package's fails, then or when it is used.
        MissingPackageError: if its library is not installed.
    """
    return _made(BACKEND, name, backend(name), problem)  # type: ignore[no-any-return]


def forks(spec: StudySpec) -> bool:
    """Return whether a study's trainings run in processes from the fork server."""
    found = EXECUTOR.find(spec.execution.executor)
    return isinstance(found, Plugin) and found.forks


def begin_imports(spec: StudySpec) -> None:
    """Import what a study's backend needs in a thread, while other processes try the model.

    `make_backend` waits for it, and tells what is wrong. An executor that trains in this process
    would import the same modules at the same time, which Python does not do safely.
    """
    found = BACKEND.find(spec.search.backend)
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
    found, code = EXECUTOR.find(name), executor(name)
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
    classes = {name: load(TRACKER, name) for name in names}

    def make(directory: Path) -> list[Tracker]:
        context = TrackerContext(directory, cwd, tracking_uri, interrupted, render)
        return [_made(TRACKER, name, each, context) for name, each in classes.items()]

    return make


def no_such(kind: str, name: str, known: Collection[str]) -> str:
    """Say that a name is unknown, with the nearest one or all that there are."""
    hint = did_you_mean(name, known, f"there is: {', '.join(known)}")
    return f"there is no {kind} {name!r}: {hint}"


def load(kind: Kind, name: str) -> Any:
    """Return the code of a name, with all that its port asks for.

    Raises:
        InputError: if the name is unknown or ambiguous, or another package's code cannot be used.
        MissingPackageError: if its library is not installed.
    """
    found = kind.find(name)
    if isinstance(found, Plugin):
        if importlib.util.find_spec(found.package) is None:
            raise MissingPackageError(
                f"the {kind.name} {name} needs {found.package}: pip install {found.install}"
            )
        return attribute(found)
    code = found.load()
    lacking = [] if kind is TRACKER else _lacking(code, kind.port)
    if lacking or not callable(code):
        lacks = f"it has no {', '.join(lacking)}" if lacking else "it cannot be called"
        raise InputError(found.broken(lacks))
    if kind is BACKEND and not (
        isinstance(code.Options, type) and issubclass(code.Options, Options)
    ):
        raise InputError(found.broken("its Options is no subclass of backends.base.Options"))
    return code


def _made(kind: Kind, name: str, code: Any, argument: object) -> Any:
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


def attribute(plugin: Plugin) -> Any:
    """Import the code of one of searchlab's own plugins."""
    module, _, attribute = plugin.target.partition(":")
    return getattr(importlib.import_module(module), attribute)
