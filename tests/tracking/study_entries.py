"""Journal entries of small studies, made by hand, for the tests of trackers."""

from __future__ import annotations

import itertools

from searchlab.journal import Asked, Entry, Event, Reported, Resumed, Started, Stopped, Told
from searchlab.study.spec import StudySpec
from searchlab.trial import Failure, Outcome, Report, Suggestion, Trial, TrialState

BEGIN = 1_700_000_000.0
RESUMED = Resumed(trials=4, seconds=None, executor="inline", workers=2)
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
    """A study with a conditional param; a hold-out unless `folds` is given."""
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


def timed(*events: Event, begin: float = BEGIN) -> list[Entry]:
    """The events as entries, a second and a bit apart."""
    return [Entry(event, begin + 1.25 * n) for n, event in enumerate(events)]


def started(of: StudySpec) -> Started:
    """The event that creates a study."""
    return Started(of.as_dict(), f"name: {of.name}\n", data=DATA)


def asked(number: int, **extra: int) -> Asked:
    """A trial whose params depend on its number alone."""
    params = {"units": 8 + number, "rate": 0.001 * (number + 1), "norm": (None, True)[number % 2]}
    if number % 3 == 2:
        params |= {"norm": "batch", "momentum": 0.5}
    return Asked(Trial(number, Suggestion(params, **{"epochs": 3, **extra}), seed=100 + number))


def reported(number: int, epoch: int, fold: int = 0, loss: float | None = None) -> Reported:
    """An epoch of a trial."""
    value = 1.0 / (epoch + number + fold) if loss is None else loss
    return Reported(Report(number, fold, epoch, {"loss": value, "val_loss": 2 * value}))


def told(number: int, state: str = "COMPLETE", value: float | None = 0.5) -> Told:
    """The end of a trial of three epochs."""
    kind = TrialState(state)
    error = FAILURE if kind is TrialState.FAIL else None
    metrics = {"val_loss": value, "val_mae(1)": 0.25} if kind is TrialState.COMPLETE else {}
    return Told(Outcome(number, kind, value, metrics, epochs=3, seconds=1.5, error=error))


def trial(number: int, state: str = "COMPLETE", value: float | None = 0.5, folds: int = 1) -> list:
    """All events of one trial."""
    epochs = [
        reported(number, epoch, fold) for fold, epoch in itertools.product(range(folds), (1, 2, 3))
    ]
    return [asked(number), *epochs, told(number, state, value)]


def small_study(folds: int | None = None, model_path: str | None = None) -> list[Entry]:
    """Four trials: two COMPLETE (the second is the best), one PRUNED, one FAIL; then the end."""
    events: list[Event] = [started(spec(folds)), RESUMED]
    events += trial(0, value=0.5, folds=folds or 1)
    events += trial(1, "PRUNED", 0.9, folds=folds or 1)
    events += [asked(2), reported(2, 1, loss=float("nan")), told(2, "FAIL", None)]
    events += trial(3, value=0.25, folds=folds or 1)
    events += [Stopped("finished", 20.0, 3, 3, test={"loss": 0.3}, model_path=model_path)]
    return timed(*events)
