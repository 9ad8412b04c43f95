"""The registration of a finished study's model as a version of a registered model, once.

The version is found again by its tags: the study's identity and the digest of the model's file.
"""

from __future__ import annotations

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from searchlab.journal.ids import Registration
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import standing_of
from searchlab.private.mlflow import version_tags
from searchlab.report.results import model_value
from searchlab.tracking.mlflow.alias import decide
from searchlab.tracking.mlflow.description import result
from searchlab.tracking.mlflow.model_versions import PREFIX, Version, made_versions
from searchlab.tracking.mlflow.seal import seal_of
from searchlab.tracking.mlflow.state import State
from searchlab.tracking.mlflow.values import log_values

MODEL_PROBLEM = f"{PREFIX}model_error"
"""The tag of a study's run that says why a fresh process cannot load its model."""

_PROBLEM = f"{PREFIX}registry_error"
_DESCRIPTION = (
    "Keras models that searchlab has found. `champion` is the one with the best confirmed score "
    "on its data; `candidate` is the latest that was made since and did not take its place."
)
_HOPELESS = {  # permanent errors; all others may be temporary
    "CUSTOMER_UNAUTHORIZED",
    "ENDPOINT_NOT_FOUND",
    "FEATURE_DISABLED",
    "INVALID_PARAMETER_VALUE",
    "NOT_FOUND",
    "NOT_IMPLEMENTED",
    "PERMISSION_DENIED",
    "RESOURCE_DOES_NOT_EXIST",
    "UNAUTHENTICATED",
}


def register(client: MlflowClient, state: State, record: StudyRecord) -> Registration | None:
    """Ensure that the study's model is a version of its registered model.

    Args:
        client: of the store.
        state: what the store has: the study's run and its model.
        record: the study, finished.

    Returns:
        The registration, or None if the model is to be registered nowhere. If the registry can
        never accept it, the registration and a tag of the study's run say why.

    Raises:
        Exception: any error of MLflow's while the store is unavailable.
    """
    name = record.ending.registered_model
    if name is None:
        return None
    registration = _try(client, name, state, record)
    if not registration.version:
        log_values(client, state.run_id, tags={_PROBLEM: registration.reason})
    elif _PROBLEM in client.get_run(state.run_id).data.tags:
        client.delete_tag(state.run_id, _PROBLEM)
    return registration


def _try(client: MlflowClient, name: str, state: State, record: StudyRecord) -> Registration:
    if not state.model_id:
        problem = client.get_run(state.run_id).data.tags.get(MODEL_PROBLEM, "it cannot be loaded")
        reason = f"{problem} (its files are kept with the study's run)"
        return Registration(name, "", None, reason)
    try:
        return _registered(client, name, state, record)
    except MlflowException as error:
        if error.error_code not in _HOPELESS:
            raise
        said = " ".join(str(error).split())[:300]
        return Registration(name, "", None, f"the model registry refuses it ({said})")


def _registered(client: MlflowClient, name: str, state: State, record: StudyRecord) -> Registration:
    _make_registered_model(client, name)
    version = _find(client, name, state) or _make(client, name, state, record)
    _link(client, state.model_id, version)
    verdict = decide(client, version)
    return Registration(name, str(version.version), verdict.alias, verdict.reason)


def _make_registered_model(client: MlflowClient, name: str) -> None:
    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        try:
            client.create_registered_model(name, description=_DESCRIPTION)
        except MlflowException as other:
            if other.error_code != "RESOURCE_ALREADY_EXISTS":  # another process was faster
                raise


def _find(client: MlflowClient, name: str, state: State) -> Version | None:
    """Return the version that was made of this model before."""
    made = made_versions(client, name)
    mine = (state.study, state.model)
    return next((each for each in made if (each.study_id, each.model) == mine), None)


def _make(client: MlflowClient, name: str, state: State, record: StudyRecord) -> Version:
    # Not models:/ID: MLflow 3.17's database store looks it up at the global tracking URI, which
    # belongs to the surrounding program (SqlAlchemyStore.create_model_version).
    model = client.get_logged_model(state.model_id)
    client.create_model_version(
        name,
        model.artifact_location,
        run_id=state.run_id,
        tags={**_tags(state, record), **seal_of(model.tags)},
        description=result(record),
        await_creation_for=0,  # a database has it at once
        model_id=state.model_id,
    )
    version = _find(client, name, state)
    if version is None:
        raise MlflowException(f"the version created for {name} does not exist")
    return version


def _tags(state: State, record: StudyRecord) -> dict[str, str]:
    spec, started, stopped = record.spec, record.started, record.stopped
    assert started is not None and stopped is not None  # noqa: S101, PT018 - it is finished
    assert stopped.winner is not None  # noqa: S101 - it has a model
    winner, standing = record.trials[stopped.winner], standing_of(record)
    values = {  # in the order of MLflow's pages
        "confirmed": None if standing is None else standing.mean,
        "spread": None if standing is None else standing.spread,
        "search": None if winner.outcome is None else winner.outcome.value,
        spec.data.measured: model_value(record),
        "metric": spec.objective.metric,
        "direction": spec.objective.way,
        "study": spec.name,
        "trial": stopped.winner,
        "data": f"{started.data.get('name')}@{started.data.get('digest')}",
        "study_id": state.study,
        "model": state.model,
    }
    return {f"{PREFIX}{key}": str(value) for key, value in values.items() if value is not None}


def _link(client: MlflowClient, model_id: str, version: Version) -> None:
    """Link the version on the logged model's page, as MLflow's servers do themselves."""
    tags = client.get_logged_model(model_id).tags
    if missing := version_tags(tags, version.name, version.version):
        client.set_logged_model_tags(model_id, missing)
