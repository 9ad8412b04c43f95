"""The events of a study, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from searchlab.core.state import StudyState
from searchlab.core.trial import Failure, Known, Outcome, Report, Trial
from searchlab.study.ending import Ending


@dataclass(frozen=True)
class Started:
    """A study was created.

    Attributes:
        id: what tells the study from all others, also those of its name, wherever it is shown.
        study: the study as plain values (`StudySpec.as_dict`).
        text: the study file as written.
        file: the study file's absolute path.
        data: facts about the data set (`data.prepared.DataSummary` as plain values).
        factory: the SHA-256 of the model factory's source file, or "" for a built-in one.
        versions: versions of the libraries by package.
        known: trials of the studies in `search.warm_start`, best first.
        initial: the digest of the model with the initial weights and of its code, or "".
    """

    id: str
    study: Mapping[str, Any]
    text: str
    file: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    factory: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    known: tuple[Known, ...] = ()
    initial: str = ""


@dataclass(frozen=True)
class Resumed:
    """A process started or resumed the study with this budget; unfinished trials start anew.

    Their reports so far are void, but the backend has received them: see `engine.replay`.
    """

    trials: int | None
    seconds: float | None
    executor: str
    workers: int
    ending: Ending = field(default_factory=Ending)


@dataclass(frozen=True, slots=True)
class Asked:
    """The backend suggested a trial."""

    trial: Trial


@dataclass(frozen=True)
class Waited:
    """The backend has no suggestion for this number until another trial ends."""

    number: int


@dataclass(frozen=True, slots=True)
class Reported:
    """A training finished an epoch."""

    report: Report


@dataclass(frozen=True)
class Retried:
    """A training failed and starts anew, as do those of a process that died.

    Attributes:
        number: the trial's number.
        error: the reason.
    """

    number: int
    error: Failure


@dataclass(frozen=True, slots=True)
class Told:
    """A trial ended."""

    outcome: Outcome


@dataclass(frozen=True)
class Retrained:
    """A trial was trained again because its saved weights were missing or altered.

    Attributes:
        number: the trial's number.
        weights: the digests of the weights, in place of those of its outcome.
    """

    number: int
    weights: tuple[str, ...]


@dataclass(frozen=True)
class Confirmed:
    """A trial was retrained with another seed, after the search.

    Attributes:
        seed: the seed.
        outcome: the outcome under the trial's number, COMPLETE or FAIL.
        best_epochs: each fold's best epoch by the monitor of early stopping.
    """

    seed: int
    outcome: Outcome
    best_epochs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Compared:
    """A simple model was fitted to the rows of the study's model and measured on the same rows.

    Attributes:
        baseline: its name, such as "linear".
        metrics: those of the study's metrics that apply to it, on the test rows (without any,
            on the early-stopping rows); empty if it failed.
        seconds: its wall time.
        error: the reason of its failure, or None.
    """

    baseline: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: Failure | None = None


@dataclass(frozen=True)
class Stopped:
    """A process left the study.

    Attributes:
        state: any but RUNNING.
        seconds: the time that this process spent on the study.
        best: the number of the trial with the best objective, or None.
        metrics: those of the study's model, on the rows of `data.measured`; empty if there is none.
        model_path: the study's model, relative to the study's directory, or None.
        failed: the trial whose failure ended the study under `on_failure: stop`, or None.
        memory: the peak memory of this process and its workers together, in bytes, or None.
        winner: the number of the trial behind the study's model, or None.
        epochs: the epochs of the refit of the study's model, or None without one.
        refit_error: why the refit failed, so that the winner's own model was used, or None.
        packages: the digest of each model's package, by its place in the study's directory.
    """

    state: StudyState
    seconds: float
    best: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    model_path: str | None = None
    failed: int | None = None
    memory: int | None = None
    winner: int | None = None
    epochs: int | None = None
    refit_error: Failure | None = None
    packages: Mapping[str, str] = field(default_factory=dict)


Event = (
    Started
    | Resumed
    | Asked
    | Waited
    | Reported
    | Retried
    | Told
    | Retrained
    | Confirmed
    | Compared
    | Stopped
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event and the time of its writing, in seconds since the epoch by `core.steady`."""

    event: Event
    time: float
