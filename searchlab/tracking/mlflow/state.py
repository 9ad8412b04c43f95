"""A study's place in MLflow, kept as `mlflow.json` in the study's directory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from searchlab.core.atomic import whole_file
from searchlab.core.codec import decode, encode
from searchlab.journal.ids import Registration, StudyIds
from searchlab.journal.layout import StudyLayout


@dataclass(frozen=True)
class TrialRun:
    """The run of one attempt at a trial; attempts count the trial's trainings from 1."""

    run_id: str
    attempt: int


@dataclass
class State:
    """The entries that have been sent so far, and their destination.

    Attributes:
        study: the study's identity, that of its journal.
        uri: the tracking URI, without its password.
        experiment_id: the experiment, or "" before it is known.
        run_id: the study's run, or "" before it is known.
        trials: the run of each trial's latest attempt.
        baselines: the run of each simple model.
        sent: how many entries of the journal have been sent.
        model: SHA-256 of the model file that was logged last, or "".
        model_id: MLflow's identity of that model, or "" if it could only be kept as a file.
        registered: the registration of that model.
    """

    study: str
    uri: str
    experiment_id: str = ""
    run_id: str = ""
    trials: dict[int, TrialRun] = field(default_factory=dict)
    baselines: dict[str, str] = field(default_factory=dict)
    sent: int = 0
    model: str = ""
    model_id: str = ""
    registered: Registration | None = None

    @classmethod
    def load(cls, directory: Path, study: str, uri: str) -> State:
        """Read the state of this study in this store; a new one if there is none."""
        state = _read(directory)
        if state is None or (state.study, state.uri) != (study, uri):
            return cls(study, uri)
        return state

    def save(self, directory: Path) -> None:
        """Write the state so that a crash leaves either the old file or the new one."""
        with whole_file(StudyLayout(directory).mlflow) as scratch:
            scratch.write_text(json.dumps(encode(self)), encoding="utf-8")


def read_ids(directory: Path) -> StudyIds | None:
    """Return the place in MLflow of the study in `directory`, or None if it has none yet."""
    state = _read(directory)
    if state is None or not state.run_id:
        return None
    return StudyIds(
        uri=state.uri,
        experiment_id=state.experiment_id,
        run_id=state.run_id,
        trials={number: run.run_id for number, run in state.trials.items()},
        sent=state.sent,
        model_id=state.model_id,
        registered=state.registered,
    )


def _read(directory: Path) -> State | None:
    """Read the file's state; None if there is no such file or it is not one of searchlab's."""
    try:
        return decode(State, json.loads(StudyLayout(directory).mlflow.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
