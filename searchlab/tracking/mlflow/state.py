"""A study's place in MLflow, kept as `mlflow.jsonl` in the study's directory.

The first line has a whole state, each further one the fields that changed, and of `trials` the runs
that are new or others. A line that a killed process left incomplete is left out: the store then has
more than the file says, which the outbox expects.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from searchlab.core.atomic import whole_file
from searchlab.core.codec import decode, encode, plain
from searchlab.core.sealed import sealed, unsealed
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
        last: the time of the last of them, which tells whether the journal still has them.
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
    last: float = 0.0
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

    def __post_init__(self) -> None:
        self._saved: dict[str, Any] | None = None  # the fields as they are in the file

    def save(self, directory: Path) -> None:
        """Add what has changed to the file, and force it to the disk.

        The file is written anew, whole or not at all, by the first call, after a failed one, and
        once a run was dropped.
        """
        path, before = StudyLayout(directory).mlflow, self._saved
        self._saved = None
        if before is None or not before["trials"].keys() <= self.trials.keys():
            with whole_file(path) as scratch:
                scratch.write_text(_line(encode(self)), encoding="utf-8")
            self._saved = _copied(self)
            return
        known = before["trials"]
        trials = {n: run for n, run in self.trials.items() if known.get(n) is not run}
        values = {name: value for name, value in vars(self).items() if name in before}
        changed = {name: value for name, value in values.items() if value != before[name]}
        with path.open("a", encoding="utf-8") as file:
            file.write(_line(plain({**changed, "trials": trials})))
            file.flush()
            os.fsync(file.fileno())
        known.update(trials)
        self._saved = {**before, **changed, "trials": known, "baselines": dict(self.baselines)}


def _copied(state: State) -> dict[str, Any]:
    values = {each.name: getattr(state, each.name) for each in fields(state)}
    return {**values, "trials": dict(state.trials), "baselines": dict(state.baselines)}


def _line(values: Any) -> str:
    return sealed(values) + "\n"


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
        lines = StudyLayout(directory).mlflow.read_bytes().splitlines(keepends=True)
        values = _changes(lines[0]) or {}
        for line in lines[1:]:
            changed = _changes(line)
            if changed is None:  # what follows was sent, and will be sent again
                break
            values["trials"] |= changed.pop("trials")
            values |= changed
        return decode(State, values)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _changes(line: bytes) -> dict[str, Any] | None:
    try:
        return unsealed(line.decode()[:-1]) if line.endswith(b"\n") else None
    except ValueError:
        return None
