"""The one builder of journal entries: events with few arguments, and whole small studies of them.

Whoever tests what a journal comes to takes the events from here, so that a field that an event gets
is given its value in one place.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from searchlab.core.state import StudyState
from searchlab.core.trial import Failure, Outcome, Report, Suggestion, Trial, TrialState
from searchlab.journal.events import (
    Asked,
    Compared,
    Confirmed,
    Entry,
    Event,
    Reported,
    Resumed,
    Retried,
    Started,
    Stopped,
    Told,
)
from searchlab.journal.record import StudyRecord
from searchlab.study.ending import Ending
from searchlab.study.spec import StudySpec

BEGIN = 1_700_000_000.0
FAILURE = Failure("ValueError", "units must be above 0", "Traceback ...\nValueError: units")
DATA = {
    "name": "california",
    "source": "sklearn.datasets.fetch_california_housing",
    "digest": "0123456789abcdef" * 4,
    "rows": 20640,
    "target": "MedHouseVal",
    "task": "regression",
    "input_shape": [8],
    "train": 13209,
}


def spec(folds: int | None = None, name: str = "housing", maximize: bool = False) -> StudySpec:
    """Return a study with a conditional param, and a hold-out unless `folds` is given."""
    return StudySpec.from_dict(
        {
            "name": name,
            "data": {"dataset": "california"},
            "space": {
                "units": {"int": [8, 64]},
                "rate": {"float": [1e-4, 1e-1], "log": True},
                "norm": {"choice": [None, "batch", True]},
                "momentum": {"float": [0.0, 0.9], "when": {"param": "norm", "in": ["batch"]}},
            },
            "objective": {"metric": "val_accuracy" if maximize else "val_loss"},
            "search": {"backend": "random", "trials": 4, "seed": 7},
            "training": {"epochs": 3},
            "evaluation": {"folds": folds} if folds else {"holdout": 0.2},
        }
    )


def timed(*events: Event, begin: float = BEGIN, step: float = 1.25) -> list[Entry]:
    """Make entries of the events, some seconds apart."""
    return [Entry(event, begin + step * n) for n, event in enumerate(events)]


def record(*events: Event, begin: float = 0.0, step: float = 1.0) -> StudyRecord:
    """Return the record that these events add up to; they are a second apart, from second 0."""
    return StudyRecord(timed(*events, begin=begin, step=step))


def started(of: StudySpec, digest: str = str(DATA["digest"]), **changes: Any) -> Started:
    """Begin a study; studies of one name are the same one unless `id` differs."""
    values = {"id": f"id of {of.name}", "data": {**DATA, "digest": digest}, **changes}
    return Started(study=of.as_dict(), **{"text": f"name: {of.name}\n", **values})


def resumed(trials: int | None = 4, seconds: float | None = None, **changes: Any) -> Resumed:
    """Let a process take up a study."""
    return Resumed(trials, seconds, **{"executor": "inline", "workers": 2, **changes})


RESUMED = resumed()


def asked(
    number: int, params: Mapping[str, Any] | None = None, seed: int | None = None, **extra: int
) -> Asked:
    """Ask for a trial; its params, unless they are given, depend on its number alone."""
    if params is None:
        norm = "batch" if number % 3 == 2 else (None, True)[number % 2]
        params = {"units": 8 + number, "rate": 0.001 * (number + 1), "norm": norm}
        params |= {"momentum": 0.5} if norm == "batch" else {}
    suggestion = Suggestion(params, **{"epochs": 3, **extra})
    return Asked(Trial(number, suggestion, 100 + number if seed is None else seed))


def reported(
    number: int,
    epoch: int,
    fold: int = 0,
    loss: float | None = None,
    metrics: Mapping[str, float] | None = None,
) -> Reported:
    """Report an epoch of a trial: `loss` and `val_loss`, unless other metrics are given."""
    value = 1.0 / (epoch + number + fold) if loss is None else loss
    found = {"loss": value, "val_loss": 2 * value} if metrics is None else metrics
    return Reported(Report(number, fold, epoch, found))


def retried(number: int, error: Failure = FAILURE) -> Retried:
    """Let a training fail and begin anew."""
    return Retried(number, error)


def told(number: int, state: str = "COMPLETE", value: float | None = 0.5, **changes: Any) -> Told:
    """End a trial of three epochs."""
    kind = TrialState(state)
    values: dict[str, Any] = {"epochs": 3, "seconds": 1.5}
    if kind is TrialState.FAIL:
        values["error"] = FAILURE
    if kind is TrialState.COMPLETE:
        values["metrics"] = {"val_loss": value, "val_mae(1)": 0.25}
    return Told(Outcome(number, kind, value, **{**values, **changes}))


def failed(number: int, message: str) -> Told:
    """End a trial before its first epoch by an error with this message."""
    error = Failure("ValueError", message, "...")
    return told(number, "FAIL", None, error=error, epochs=0, seconds=0.0)


def trial(
    number: int, state: str = "COMPLETE", value: float | None = 0.5, folds: int = 1
) -> list[Event]:
    """List all events of one trial."""
    epochs: list[Event] = [
        reported(number, epoch, fold) for fold, epoch in itertools.product(range(folds), (1, 2, 3))
    ]
    return [asked(number), *epochs, told(number, state, value)]


def confirmed(
    number: int, seed: int, value: float | None, best_epochs: tuple[int, ...] = (2,), **changes: Any
) -> Confirmed:
    """Train a trial with another seed; without a value, the training fails."""
    if value is None:
        return Confirmed(seed, Outcome(number, TrialState.FAIL, error=FAILURE))
    values = {"seconds": 1.0, **changes}
    return Confirmed(seed, Outcome(number, TrialState.COMPLETE, value, **values), best_epochs)


def finished(
    seconds: float = 1.0,
    best: int | None = None,
    test: Mapping[str, float] | None = None,
    model_path: str | None = None,
    **changes: Any,
) -> Stopped:
    """Let a process leave the study at its end."""
    return Stopped(StudyState.FINISHED, seconds, best, test or {}, model_path, **changes)


def interrupted(seconds: float = 1.0, best: int | None = None) -> Stopped:
    """Let a process leave the study before its end."""
    return Stopped(StudyState.INTERRUPTED, seconds, best)


def small_study(folds: int | None = None, model_path: str | None = None) -> list[Entry]:
    """Four trials: two COMPLETE (the second is the best), one PRUNED, one FAIL; then the end."""
    events: list[Event] = [started(spec(folds)), RESUMED]
    events += trial(0, value=0.5, folds=folds or 1)
    events += trial(1, "PRUNED", 0.9, folds=folds or 1)
    events += [asked(2), reported(2, 1, loss=float("nan")), told(2, "FAIL", None)]
    events += trial(3, value=0.25, folds=folds or 1)
    events += [finished(20.0, 3, winner=3, test={"loss": 0.3}, model_path=model_path)]
    return timed(*events)


BASELINES = (
    Compared("dummy", {"loss": 1.3}, 0.25),
    Compared("linear", {"loss": 0.5}, 0.5),
    Compared("boosting", error=FAILURE),
)


def ended_study(
    scores: tuple[float, ...] = (0.27, 0.29),
    name: str = "housing",
    model: str | None = "houses",
    digest: str = str(DATA["digest"]),
    maximize: bool = False,
) -> list[Entry]:
    """Two trials of 0.5 and 0.25; the second is confirmed with these scores, and is the model."""
    ending = Ending(1, len(scores), refit=True, baselines=True, registered_model=model)
    events: list[Event] = [started(spec(name=name, maximize=maximize), digest)]
    events += [resumed(2, ending=ending)]
    events += trial(0, value=0.25 if maximize else 0.5) + trial(1, value=0.5 if maximize else 0.25)
    events += BASELINES
    events += [confirmed(1, 8 + n, value) for n, value in enumerate(scores)]
    test = {"accuracy" if maximize else "loss": 0.3}
    path = "refit/model.keras"
    events += [finished(20.0, 1, winner=1, epochs=2, test=test, model_path=path)]
    return timed(*events)
