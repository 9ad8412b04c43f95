"""The artifacts of a study's run: tables, the report and the study's model."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from searchlab.core.digest import file_digest
from searchlab.core.state import StudyState
from searchlab.journal.layout import StudyLayout
from searchlab.journal.record import StudyRecord
from searchlab.private.mlflow import table_tags
from searchlab.tracking.mlflow.log_model import ModelFile, ModelLogger
from searchlab.tracking.mlflow.points import milliseconds
from searchlab.tracking.mlflow.projection import Batch
from searchlab.tracking.mlflow.register import MODEL_PROBLEM, register
from searchlab.tracking.mlflow.seal import seal
from searchlab.tracking.mlflow.state import State
from searchlab.tracking.mlflow.table import as_csv, as_json, trials_table
from searchlab.tracking.mlflow.tracked import TrackedStudy
from searchlab.tracking.mlflow.values import log_values

_STATUS = {
    StudyState.FINISHED: "FINISHED",
    StudyState.FAILED: "FAILED",
    StudyState.INTERRUPTED: "KILLED",
}
_log = logging.getLogger(__name__)


def finish(
    client: MlflowClient,
    study: TrackedStudy,
    state: State,
    batch: Batch,
    record: StudyRecord,
    logger: ModelLogger,
) -> None:
    """Add the artifacts that are known when a process leaves the study, and end its run.

    Args:
        client: of the store.
        study: the study's place.
        state: what the store has; it is updated.
        batch: the last changes.
        record: the study at their end.
        logger: logs the study's model.

    Raises:
        TrackingError: if the store did not accept the model.
    """
    columns, rows = trials_table(record)
    client.log_text(state.run_id, as_json(columns, rows), "trials.json")
    client.log_text(state.run_id, as_csv(columns, rows), "trials.csv")
    log_values(client, state.run_id, tags=table_tags("trials.json"))
    model = _model(client, study, state, batch.process, record)
    if model is not None and model.file is not None:
        logger.begin(model.file)
    log_report(client, state.run_id, study, record)  # while another process logs the model
    if model is not None:
        state.model_id = model.id
        if model.file is not None:
            logged = logger.logged()
            state.model_id = logged.model_id
            _tell_problem(client, state.run_id, logged.problem, model.file.package)
        state.model = model.digest
        state.registered = register(client, state, record)
    client.set_terminated(state.run_id, _STATUS[record.state], milliseconds(batch.time))


def log_profile(client: MlflowClient, study: TrackedStudy, state: State) -> None:
    """Add how the study's data set was understood, if the study's directory has that."""
    profile = StudyLayout(study.directory).profile
    if profile.exists():
        client.log_artifact(state.run_id, str(profile))


def log_report(client: MlflowClient, run_id: str, study: TrackedStudy, record: StudyRecord) -> None:
    """Add the page of the study as it is now. The first takes seconds, for its imports."""
    if study.render is None:
        return
    try:
        page = study.render(record, study.directory)
    except Exception:  # a page is an extra, and must not hold back the results
        _log.warning("the report of %s could not be made", record.spec.name, exc_info=True)
        return
    client.log_text(run_id, page, "report.html")


@dataclass(frozen=True)
class _Model:
    """A study's model.

    Attributes:
        digest: the digest of its file.
        id: the id of the logged model, if the store has this file.
        file: what is to be logged, or None if the store has it.
    """

    digest: str
    id: str
    file: ModelFile | None = None


def _model(
    client: MlflowClient, study: TrackedStudy, state: State, process: int, record: StudyRecord
) -> _Model | None:
    """Return the study's model, or None if there is none."""
    stopped = record.stopped
    if stopped is None or stopped.winner is None or stopped.model_path is None:
        return None
    path = study.directory / stopped.model_path
    if not path.exists():
        return None
    digest = file_digest(path)
    if digest == state.model:
        return _Model(digest, state.model_id)
    tags = {"searchlab.model": digest, "searchlab.trial": str(stopped.winner), **seal(path.parent)}
    if model_id := _find_model(client, state, digest):
        return _Model(digest, model_id)
    file = ModelFile(
        uri=study.uri,
        experiment_id=state.experiment_id,
        run_id=state.run_id,
        package=path.parent,
        params=record.trials[stopped.winner].trial.suggestion.params,
        tags=tags,
        step=process,
    )
    return _Model(digest, "", file)


def _find_model(client: MlflowClient, state: State, digest: str) -> str:
    """Return the id of a complete model of this file that an interrupted attempt left, or ""."""
    models = client.search_logged_models([state.experiment_id], f"source_run_id = '{state.run_id}'")
    for model in models:
        if model.tags.get("searchlab.model") == digest and "searchlab.whole" in model.tags:
            return str(model.model_id)
    return ""


def _tell_problem(client: MlflowClient, run_id: str, problem: str, package: Path) -> None:
    """Keep a model that a fresh process cannot load as plain files, and tag the reason."""
    if problem:
        client.log_artifacts(run_id, str(package), "model_files")
        log_values(client, run_id, tags={MODEL_PROBLEM: problem, **seal(package)})
    elif MODEL_PROBLEM in client.get_run(run_id).data.tags:
        client.delete_tag(run_id, MODEL_PROBLEM)
