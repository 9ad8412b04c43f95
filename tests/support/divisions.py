"""Divisions of a real table as studies say them, and as plain scripts of scikit-learn make them."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from sklearn import model_selection as sk

from searchlab.core.interrupt import Interrupt
from searchlab.engine.checks import study_problems
from searchlab.engine.run import run_study
from searchlab.journal.record import StudyRecord
from searchlab.study.file import study_of_values

SEED, GAP = 11, 5
FEATURES = ["row", "bmi", "bp", "s5"]
_FIFTH = {"test_size": 0.2, "random_state": SEED}

Rows = np.ndarray


def table() -> pd.DataFrame:
    """Return the diabetes data, numbered by `row`, with columns by which rows can be divided.

    The target `key` is another one in each row, so that a mean of it tells which rows it is of.
    """
    frame = datasets.load_diabetes(as_frame=True).frame[["bmi", "bp", "s5", "target"]]
    rows, rng = len(frame), np.random.default_rng(5)
    frame["row"], frame["key"] = np.arange(rows), rng.random(rows).round(6)
    frame["severe"] = np.where(frame.pop("target") > 140, "yes", "no")
    frame["patient"] = rng.permutation(np.arange(rows) % 40)
    days = pd.to_timedelta(rng.permutation(np.arange(rows) // 2), unit="D")
    frame["day"] = (pd.Timestamp("2024-11-20") + days).strftime("%d.%m.%Y")
    frame["part"] = rng.choice(["train", "valid", "test"], rows, p=[0.7, 0.1, 0.2])
    frame["w"] = rng.choice([0.1, 1.0, 3.0], rows)
    frame["region"] = rng.choice(["north", "south"], rows, p=[0.8, 0.2])
    return frame


@dataclass(frozen=True)
class Plain:
    """The rows of each part, numbered as in the table, as a plain script finds them.

    Attributes:
        train: the training rows, in their order.
        validation: the early-stopping rows.
        test: the test rows.
        folds: pairs of rows to fit and rows to score.
        refit: the rows that a refit is fitted to; None for all training and early-stopping rows.
    """

    train: Rows
    validation: Rows
    test: Rows
    folds: list[tuple[Rows, Rows]]
    refit: Rows | None = None

    @property
    def refitted(self) -> list[int]:
        """The rows of a refit, sorted."""
        both = np.concatenate([self.train, self.validation])
        return sorted(both if self.refit is None else self.refit)


def _folds(train: Rows, splitter: Any, *given: Any) -> list[tuple[Rows, Rows]]:
    return [(train[fit], train[score]) for fit, score in splitter.split(train, *given)]


def _by_chance(frame: pd.DataFrame, strata: Rows | None, folds: Any) -> Plain:
    def fifth(rows: Rows) -> tuple[Rows, Rows]:
        of = None if strata is None else strata[rows]
        rest, part = sk.train_test_split(rows, **_FIFTH, stratify=of)
        return rest, part

    rest, test = fifth(np.arange(len(frame)))
    train, validation = fifth(rest)
    given = () if strata is None else (strata[train],)
    return Plain(train, validation, test, _folds(train, folds, *given))


def _by_group(frame: pd.DataFrame) -> Plain:
    groups = frame["patient"].to_numpy()
    shuffle = sk.GroupShuffleSplit(1, **_FIFTH)

    def fifth(rows: Rows) -> tuple[Rows, Rows]:
        rest, part = next(shuffle.split(rows, groups=groups[rows]))
        return rows[rest], rows[part]

    rest, test = fifth(np.arange(len(frame)))
    train, validation = fifth(rest)
    return Plain(train, validation, test, _folds(train, sk.GroupKFold(3), None, groups[train]))


def _by_time(frame: pd.DataFrame) -> Plain:
    """Divide the days as a script divides rows, two of which are of each day."""
    day = pd.to_datetime(frame["day"], format="%d.%m.%Y").to_numpy()
    inside = lambda rows, days: rows[np.isin(day[rows], days)]  # noqa: E731
    rows = np.argsort(day, kind="stable")
    rest, last = sk.train_test_split(np.unique(day), test_size=0.2, shuffle=False)
    rest = rest[:-GAP]
    first, stop = sk.train_test_split(rest, test_size=0.2, shuffle=False)
    train = inside(rows, first[:-GAP])
    days = np.unique(day[train])
    pairs = sk.TimeSeriesSplit(3, gap=GAP).split(days)
    folds = [(inside(train, days[fit]), inside(train, days[score])) for fit, score in pairs]
    return Plain(train, inside(rows, stop), inside(rows, last), folds, inside(rows, rest))


def _by_part(frame: pd.DataFrame) -> Plain:
    part = frame["part"].to_numpy()
    train, validation, test = (np.flatnonzero(part == n) for n in ("train", "valid", "test"))
    return Plain(train, validation, test, _folds(train, sk.KFold(3)))


def _by_file(frame: pd.DataFrame) -> Plain:
    train, validation, test = np.arange(300), np.arange(300, 360), np.arange(360, len(frame))
    rest, score = sk.train_test_split(train, **_FIFTH)
    return Plain(train, validation, test, [(rest, score)])


def _without_test(frame: pd.DataFrame) -> Plain:
    train, validation = sk.train_test_split(np.arange(len(frame)), **_FIFTH)
    return Plain(train, validation, np.arange(0), _folds(train, sk.KFold(3)))


@dataclass(frozen=True)
class Scheme:
    """A way to divide rows.

    Attributes:
        plain: returns the rows as a plain script finds them.
        data: the keys of a study's `data`.
        evaluation: those of its `evaluation`.
        target: the column to predict.
    """

    plain: Callable[[pd.DataFrame], Plain]
    data: dict[str, Any]
    evaluation: dict[str, Any]
    target: str = "key"

    def study(self, base: Path, **parts: Any) -> dict[str, Any]:
        """Write the data beside a study and return the study's keys, with some parts changed."""
        frame = table()
        files = {"all": frame}
        if "test_path" in self.data:
            files = {"all": frame[:300], "valid": frame[300:360], "last": frame[360:]}
        for name, rows in files.items():
            rows.to_csv(base / f"{name}.csv", index=False)
        given = {"path": "all.csv", "target": self.target, "features": FEATURES, "scale": "none"}
        values = {
            "name": "small",
            "data": {**given, "target_transform": "none", **self.data},
            "space": {"n_neurons": {"int": [1, 100]}, "learning_rate": {"float": [0.01, 0.1]}},
            "training": {"epochs": 2},
            "evaluation": self.evaluation,
            "confirm": {"top": 2, "seeds": 2},
            "trackers": [],
            "registered_model": None,
        }
        return {**values, **parts}


_AGAIN = {"random_state": SEED, "n_repeats": 2, "n_splits": 3}
SCHEMES = {
    "chance": Scheme(lambda f: _by_chance(f, None, sk.KFold(3)), {}, {"folds": 3}),
    "repeated": Scheme(
        lambda f: _by_chance(f, None, sk.RepeatedKFold(**_AGAIN)), {}, {"folds": 3, "repeats": 2}
    ),
    "classes": Scheme(
        lambda f: _by_chance(f, f["severe"].to_numpy(), sk.StratifiedKFold(3)),
        {},
        {"folds": 3},
        target="severe",
    ),
    "stratified": Scheme(
        lambda f: _by_chance(f, f["region"].to_numpy(), sk.RepeatedStratifiedKFold(**_AGAIN)),
        {"split": {"stratify": "region"}},
        {"folds": 3, "repeats": 2},
    ),
    "groups": Scheme(_by_group, {"split": {"groups": "patient"}}, {"folds": 3}),
    "time": Scheme(_by_time, {"split": {"by": "time", "column": "day", "gap": GAP}}, {"folds": 3}),
    "part": Scheme(_by_part, {"split": {"column": "part"}}, {"folds": 3}),
    "files": Scheme(
        _by_file, {"validation_path": "valid.csv", "test_path": "last.csv"}, {"holdout": 0.2}
    ),
    "no test": Scheme(_without_test, {"test": 0}, {"folds": 3}),
}
"""Every scheme, with folds, repeated ones or a hold-out."""


def run_values(values: dict[str, Any], base: Path) -> StudyRecord:
    """Run a study of plain values in a directory."""
    file = study_of_values(values, base, None, [study_problems])
    return run_study(file, base, lambda _: [], Interrupt(), lambda _: None)


KNOWING = '''
import keras


def known(y_true, y_pred):
    """Return the target, so that a mean tells which rows it is of."""
    return keras.ops.cast(y_true, y_pred.dtype) + 0 * y_pred


def build(n_neurons, learning_rate, input_shape, meta):
    """Build a model that learns nothing of note."""
    classes = meta["task"] == "binary"
    inputs = keras.Input(input_shape)
    last = keras.layers.Dense(1, "sigmoid" if classes else None)
    model = keras.Model(inputs, last(keras.layers.Dense(n_neurons)(inputs)))
    loss = "binary_crossentropy" if classes else "mse"
    model.compile(keras.optimizers.SGD(1e-9 * learning_rate), loss, metrics=[known])
    return model
'''


def assert_trained_on(
    record: StudyRecord, plain: Plain, key: Rows, weights: Rows | None = None
) -> None:
    """Compare the means of the target that trainings reported with those of a plain script.

    Args:
        record: a study of `knowing` that has ended.
        plain: the rows of each part.
        key: the target of each row as a number.
        weights: the weight of each row where it is not trained on; None for 1.
    """

    def mean(rows: Rows) -> float:
        return float(np.average(key[rows], weights=None if weights is None else weights[rows]))

    for trial in record.trials.values():
        for report in trial.reports:
            fit, _ = plain.folds[report.fold]
            assert report.metrics["known"] == pytest.approx(key[fit].mean(), rel=1e-5)
            assert report.metrics["val_known"] == pytest.approx(mean(plain.validation), rel=1e-5)
    scores = [mean(score) for _, score in plain.folds]
    outcomes = [each.outcome for each in [*record.trials.values(), *record.confirmations.values()]]
    assert len(outcomes) == 4
    for outcome in outcomes:
        assert outcome is not None
        assert outcome.scores == pytest.approx(scores, rel=1e-5)
        assert outcome.value == pytest.approx(statistics.mean(scores), rel=1e-5)
    assert record.stopped is not None
    assert record.stopped.metrics["known"] == pytest.approx(mean(plain.test), rel=1e-5)


def knowing(scheme: Scheme, base: Path, executor: str, **parts: Any) -> dict[str, Any]:
    """Return a study whose trainings tell their rows, with some parts changed; write its files."""
    (base / "knowing.py").write_text(KNOWING)
    given = {
        "model": "knowing.py:build",
        "objective": {"metric": "val_known", "direction": "minimize"},
        "search": {"trials": 2, "seed": SEED},
        "training": {"epochs": 1, "batch_size": 64},
        "confirm": {"top": 2, "seeds": 1},
        "execution": {"executor": executor},
        "baselines": False,
    }
    return scheme.study(base, **{**given, **parts})
