"""The events of a study, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from searchlab.core.trial import Failure, Known, Outcome, Report, Trial
from searchlab.study.ending import Ending


@dataclass(frozen=True)
class Started:
    """A study was created.

    Attributes:
        study: the study as plain values (`StudySpec.as_dict`).
        text: the study file as written.
        file: the study file's absolute path.
        data: what the data set is (`training.prepare.DataSummary` as plain values).
        factory: the SHA-256 of the model factory's source file, or "" for a built-in one.
        versions: versions of the libraries by package.
        known: what the studies in `search.warm_start` had found, best first.
        initial: the digest of the model that gives the initial weights, with its code, or "".
    """

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
    """A process took up the study, with this budget; trials without an outcome start anew.

    What they have reported so far is void, but the backend has heard of it: see `replay`.
    """

    trials: int | None
    seconds: float | None
    executor: str
    workers: int
    ending: Ending = field(default_factory=Ending)


@dataclass(frozen=True)
class Asked:
    """The backend suggested a trial."""

    trial: Trial


@dataclass(frozen=True)
class Waited:
    """The backend had nothing to suggest for this number until another trial ends."""

    number: int


@dataclass(frozen=True)
class Reported:
    """A training finished an epoch."""

    report: Report


@dataclass(frozen=True)
class Retried:
    """A training failed and is begun anew, as those that a dead process was at.

    Attributes:
        number: the trial's number.
        error: why it failed.
    """

    number: int
    error: Failure


@dataclass(frozen=True)
class Told:
    """A trial ended."""

    outcome: Outcome


@dataclass(frozen=True)
class Confirmed:
    """A trial was trained again with another seed, after the search.

    Attributes:
        seed: the seed.
        outcome: what came of it, under the trial's number; COMPLETE or FAIL.
        best_epochs: the epoch at which each fold's training was best, in early stopping's eyes.
    """

    seed: int
    outcome: Outcome
    best_epochs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Compared:
    """A simple model was fitted to the rows of the study's model, and measured on the test rows.

    Attributes:
        baseline: its name, such as "linear".
        metrics: the study's metrics on the test rows, those that such a model has; empty if it
            failed.
        seconds: how long it took.
        error: why it failed, or None.
    """

    baseline: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: Failure | None = None


@dataclass(frozen=True)
class Stopped:
    """A process left the study.

    Attributes:
        state: "finished", "failed" (no trial completed, or `failed` is set) or "interrupted".
        seconds: how long this process worked on the study.
        best: the number of the trial with the best objective, or None.
        test: metrics of the study's model on the test rows; empty if there is none.
        model_path: the study's model, relative to the study's directory, or None.
        failed: the trial whose failure ended the study, as `on_failure: stop` wants; or None.
        memory: the most bytes that this process and its workers held together, or None.
        winner: the number of the trial that the study's model is made of, or None.
        epochs: how many epochs the study's model was refitted for, or None if it was not.
        refit_error: why the winner could not be refitted, so that its own model was taken; or None.
    """

    state: str
    seconds: float
    best: int | None = None
    test: Mapping[str, float] = field(default_factory=dict)
    model_path: str | None = None
    failed: int | None = None
    memory: int | None = None
    winner: int | None = None
    epochs: int | None = None
    refit_error: Failure | None = None


Event = (
    Started | Resumed | Asked | Waited | Reported | Retried | Told | Confirmed | Compared | Stopped
)


@dataclass(frozen=True)
class Entry:
    """An event with the time it was written, in seconds since the epoch."""

    event: Event
    time: float
