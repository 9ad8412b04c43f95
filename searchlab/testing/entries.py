"""Journal entries of small studies, made by hand, for the tests of trackers."""

from __future__ import annotations

import itertools

from searchlab.core.space import Scalar
from searchlab.core.trial import Failure, Outcome, Report, Suggestion, Trial, TrialState
from searchlab.journal.events import (
    Asked,
    Compared,
    Confirmed,
    Entry,
    Event,
    Reported,
    Resumed,
    Started,
    Stopped,
    Told,
)
from searchlab.study.ending import Ending
from searchlab.study.spec import StudySpec

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


def started(of: StudySpec, digest: str = str(DATA["digest"])) -> Started:
    """The event that creates a study."""
    return Started(of.as_dict(), f"name: {of.name}\n", data={**DATA, "digest": digest})


def asked(number: int, **extra: int) -> Asked:
    """A trial whose params depend on its number alone."""
    params: dict[str, Scalar] = {
        "units": 8 + number,
        "rate": 0.001 * (number + 1),
        "norm": (None, True)[number % 2],
    }
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
    metrics = {}
    if kind is TrialState.COMPLETE and value is not None:
        metrics = {"val_loss": value, "val_mae(1)": 0.25}
    return Told(Outcome(number, kind, value, metrics, epochs=3, seconds=1.5, error=error))


def trial(
    number: int, state: str = "COMPLETE", value: float | None = 0.5, folds: int = 1
) -> list[Event]:
    """All events of one trial."""
    epochs: list[Event] = [
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
    events += [Stopped("finished", 20.0, 3, winner=3, test={"loss": 0.3}, model_path=model_path)]
    return timed(*events)


def confirmed(number: int, seed: int, value: float | None) -> Confirmed:
    """A trial's training with another seed; it fails without a value."""
    if value is None:
        return Confirmed(seed, Outcome(number, TrialState.FAIL, error=FAILURE))
    return Confirmed(seed, Outcome(number, TrialState.COMPLETE, value, seconds=1.0), (2,))


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
    begin: float = BEGIN,
) -> list[Entry]:
    """Two trials of 0.5 and 0.25; the second is confirmed with these scores, and is the model."""
    ending = Ending(1, len(scores), refit=True, baselines=True, registered_model=model)
    events: list[Event] = [started(spec(name=name, maximize=maximize), digest)]
    events += [Resumed(2, None, "inline", 2, ending)]
    events += trial(0, value=0.25 if maximize else 0.5) + trial(1, value=0.5 if maximize else 0.25)
    events += BASELINES
    events += [confirmed(1, 8 + n, value) for n, value in enumerate(scores)]
    test = {"accuracy" if maximize else "loss": 0.3}
    path = "refit/model.keras"
    events += [Stopped("finished", 20.0, 1, winner=1, epochs=2, test=test, model_path=path)]
    return timed(*events, begin=begin)
