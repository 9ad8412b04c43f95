"""Logging of a Keras model to MLflow, in a process of its own.

Keras and TensorFlow take 5 to 12 seconds to import and keep 300 MB, and the process that drives a
study should stay light. The child comes from the fork server that also starts the training workers
and has imported Keras already. It is started while the study's last trainings go on, so that the
study's end does not wait for MLflow's imports.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from searchlab.core.quiet import quiet
from searchlab.errors import SearchlabError, TrackingError
from searchlab.private.python import fork_server_pid, hidden_main_module, start_fork_server

_SECONDS = 300.0  # long enough for a slow disk, a large model and a distant server


@dataclass(frozen=True)
class ModelFile:
    """A model to be logged.

    Attributes:
        uri: the tracking URI, with its password.
        experiment_id: the experiment of the run.
        run_id: the run that made the model.
        package: the directory of the model with everything that its use needs.
        params: the params that the model was made with.
        tags: tags of the logged model.
        step: the step whose metrics of the run are those of the model.
    """

    uri: str
    experiment_id: str
    run_id: str
    package: Path
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    step: int = 0


@dataclass(frozen=True)
class LoggedModel:
    """A logged model: its identity, or why a fresh process cannot load it."""

    model_id: str = ""
    problem: str = ""


class ModelLogger:
    """A process that logs one model; started early, it has made its imports by then."""

    def __init__(self) -> None:
        """Begin without a process."""
        self._child: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._model: ModelFile | None = None

    def start(self) -> None:
        """Start the process, if there is none and trainings have a fork server to start it from."""
        if fork_server_pid() is not None:
            self._started()

    def begin(self, model: ModelFile) -> None:
        """Begin to log a model with its signature, an example, its requirements and its code."""
        if self._model is not None:  # an earlier attempt was left
            self.close()
        self._model = model
        _, pipe = self._started()
        with contextlib.suppress(OSError):  # it has died, which `logged` notices
            pipe.send(model)

    def logged(self) -> LoggedModel:
        """Wait until the model is logged.

        Raises:
            TrackingError: if the store did not accept it; another attempt may succeed.
        """
        model, (child, pipe) = self._model, self._started()
        assert model is not None  # noqa: S101 - see `begin`
        try:
            kind, text = pipe.recv() if pipe.poll(_SECONDS) else ("store", "took too long")
        except (EOFError, OSError):  # loading the model has killed the process
            child.join()
            kind, text = "model", f"loading it ended its process with code {child.exitcode}"
        finally:
            self.close()
        if kind == "store":
            raise TrackingError(f"{model.package}: the model could not be logged: {text}")
        return LoggedModel(model_id=text) if kind == "logged" else LoggedModel(problem=text)

    def close(self) -> None:
        """Kill the process, if there is one."""
        child, pipe = self._child, self._pipe
        self._child, self._pipe, self._model = None, None, None
        if pipe is not None:
            pipe.close()
        if child is not None:
            child.kill()
            child.join()

    def _started(self) -> tuple[BaseProcess, Connection]:
        if self._child is not None and self._pipe is not None:
            return self._child, self._pipe
        context = get_context("forkserver")
        context.set_forkserver_preload(["keras"])
        self._pipe, theirs = context.Pipe()
        # The fork server may have started before they were set.
        settings = {name: text for name, text in os.environ.items() if name.startswith("MLFLOW_")}
        self._child = context.Process(target=_child, args=(theirs, settings), daemon=True)
        with quiet():
            start_fork_server()
        with hidden_main_module():
            self._child.start()
        theirs.close()
        return self._child, self._pipe


def _child(connection: Connection, settings: dict[str, str]) -> None:
    """Import, then load and log a model.

    Args:
        connection: receives a `ModelFile`; sends ("logged", id), ("model", problem) or
            ("store", problem).
        settings: MLflow's variables.
    """
    with Path(os.devnull).open("w") as nowhere:  # TensorFlow writes to the terminal directly
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    os.environ.update(settings)
    # MLflow would add the files of a uv project that is in the working directory by chance.
    os.environ["MLFLOW_UV_AUTO_DETECT"] = "false"
    from searchlab.inference import flavor, loading  # imports Keras and MLflow

    try:
        model: ModelFile = connection.recv()
    except (EOFError, OSError):  # the study was left without a model
        return
    try:
        loading.load_package(model.package)
    except Exception as error:  # user classes may raise anything
        connection.send(("model", _line(error)))
        return
    try:
        connection.send(("logged", _log(model, flavor)))
    except Exception as error:
        connection.send(("store", _line(error)))


def _log(model: ModelFile, flavor: ModuleType) -> str:
    import mlflow
    from mlflow.models import Model

    from searchlab.tracking.mlflow.opening import connect

    mlflow.set_tracking_uri(model.uri)  # `Model.log` takes no client: the child is for this store
    mlflow.set_registry_uri(model.uri)
    mlflow.set_experiment(experiment_id=model.experiment_id)  # a model takes the active one
    info = Model.log(
        artifact_path=None,
        name="model",
        flavor=flavor,
        run_id=model.run_id,
        params={name: str(value) for name, value in model.params.items()},
        tags=dict(model.tags),
        step=model.step,
        package=model.package,
        validate_serving_input=False,  # it has just been loaded
    )
    # Only a model with this tag is complete: see `artifacts._find_model`.
    client = connect(model.uri)
    client.set_logged_model_tags(info.model_id, {"searchlab.whole": "true"})
    return str(info.model_id)


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    named = text if isinstance(error, SearchlabError) else f"{type(error).__name__}: {text}"
    return named[:400]
