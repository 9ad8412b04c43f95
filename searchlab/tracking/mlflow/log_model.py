"""Logging of a Keras model to MLflow, in a process of its own.

Keras and TensorFlow take 5 to 12 seconds to import and keep 300 MB, and the process that drives a
study should stay light. The child comes from the fork server that also starts the training workers
and has imported Keras already.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from searchlab.core.quiet import quiet
from searchlab.errors import SearchlabError, TrackingError
from searchlab.private.python import hidden_main_module, start_fork_server

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


def log_model(model: ModelFile) -> LoggedModel:
    """Log a model with its signature, an example, its requirements and its code.

    Raises:
        TrackingError: if the store did not accept it; another attempt may succeed.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(["keras"])
    ours, theirs = context.Pipe(duplex=False)
    settings = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    child = context.Process(target=_child, args=(theirs, model, settings), daemon=True)
    with quiet():
        start_fork_server()
    with hidden_main_module():
        child.start()
    theirs.close()
    try:
        kind, text = ours.recv() if ours.poll(_SECONDS) else ("store", "took too long")
    except EOFError:  # loading the model has killed the process
        child.join()
        kind, text = "model", f"loading it ended its process with code {child.exitcode}"
    finally:
        child.terminate()
        child.join()
        ours.close()
    if kind == "store":
        raise TrackingError(f"{model.package}: the model could not be logged: {text}")
    return LoggedModel(model_id=text) if kind == "logged" else LoggedModel(problem=text)


def _child(answer: Connection, model: ModelFile, settings: dict[str, str]) -> None:
    """Load and log; answer with ("logged", id), ("model", problem) or ("store", problem)."""
    with Path(os.devnull).open("w") as nowhere:  # TensorFlow writes to the terminal directly
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    os.environ.update(settings)  # the fork server may have started before they were set
    # MLflow would add the files of a uv project that is in the working directory by chance.
    os.environ["MLFLOW_UV_AUTO_DETECT"] = "false"
    try:
        from searchlab.inference.loading import load_package  # Keras is imported in the child only

        load_package(model.package)
    except Exception as error:  # user classes may raise anything
        answer.send(("model", _line(error)))
        return
    try:
        answer.send(("logged", _log(model)))
    except Exception as error:
        answer.send(("store", _line(error)))


def _log(model: ModelFile) -> str:
    import mlflow
    from mlflow.models import Model

    from searchlab.inference import flavor
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
