"""Callbacks of a study file: what each stands for, and what is refused with what to do instead."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from searchlab.core.trial import Report
from searchlab.journal.standings import learning_rates
from searchlab.study.callbacks import mode_of
from searchlab.study.spec import StudySpec
from searchlab.testing.doubles import STUDY_SPACE, study

LISTED = [{"reduce_lr_on_plateau": {"patience": 3}}, "terminate_on_nan", {"my.py:Mine": {"a": 1}}]


def of(*callbacks, **space) -> StudySpec:
    return study(training={"callbacks": list(callbacks)}, space={**STUDY_SPACE, **space})


def test_callbacks_have_names_arguments_and_code() -> None:
    """They survive the journal and other processes as they are."""
    spec = of(*LISTED)
    plateau, nan, mine = spec.training.given
    assert (plateau.name, plateau.code, plateau.arguments) == (
        "reduce_lr_on_plateau",
        None,
        {"patience": 3},
    )
    assert (nan.name, nan.arguments) == ("terminate_on_nan", {})
    assert (mine.name, mine.code, mine.arguments) == ("Mine", "my.py:Mine", {"a": 1})
    assert spec.code[-1] == "my.py:Mine"
    sent = pickle.loads(pickle.dumps(spec))  # noqa: S301 - our own, as to other processes
    assert StudySpec.from_dict(spec.as_dict()) == spec == sent


def test_a_param_settles_an_argument_of_a_callback() -> None:
    """It is none of the model's, and a trial's study has its value."""
    space = {"callbacks__reduce_lr_on_plateau__factor": {"choice": [0.1, 0.5]}}
    spec = of(*LISTED, **space, callbacks__Mine__a={"int": [1, 3]})
    params = {"callbacks__reduce_lr_on_plateau__factor": 0.5, "callbacks__Mine__a": 2}
    assert spec.arguments(params) == {}
    plateau, _, mine = spec.settled(params).training.given
    assert plateau.arguments == {"patience": 3, "factor": 0.5}
    assert (mine.code, mine.arguments) == ("my.py:Mine", {"a": 2})


@pytest.mark.parametrize(
    ("metric", "direction", "arguments", "mode"),
    [
        ("val_loss", "minimize", {}, "min"),
        ("val_gain", "maximize", {"monitor": "val_gain"}, "max"),
        ("val_loss", "minimize", {"monitor": "val_auc"}, "max"),
        ("val_loss", "minimize", {"monitor": "val_x", "mode": "max"}, "max"),
    ],
)
def test_a_callback_that_watches_knows_the_direction(metric, direction, arguments, mode) -> None:
    """It is the objective's, the one that the name tells, or given."""
    training = {"callbacks": [{"reduce_lr_on_plateau": arguments}]}
    spec = study(training=training, objective={"metric": metric, "direction": direction})
    assert mode_of(spec.training.given[0], spec.objective) == mode


REFUSED = [
    ("early_stopping", "write it as training.early_stopping"),
    ({"ModelCheckpoint": {"filepath": "a"}}, "restore_best_weights"),
    ({"backup_and_restore": {"backup_dir": "a"}}, "continues by itself"),
    ("CSVLogger", "have each epoch's metrics"),
    ("ReduceLROnPlateau", "did you mean reduce_lr_on_plateau"),
    ({"a": {}, "b": {}}, "one name with its arguments"),
    ({"reduce_lr_on_plateau": {"monitor": "val_x"}}, "Add mode: min or max"),
    ("learning_rate_scheduler", "add schedule: my.py:schedule"),
]


@pytest.mark.parametrize(("callback", "message"), REFUSED, ids=str)
def test_what_cannot_be_right_is_refused_with_what_to_write(callback, message) -> None:
    """A callback of what searchlab does by itself is refused with the key that does it."""
    with pytest.raises(ValidationError, match=message):
        of(callback)


@pytest.mark.parametrize("name", ["callbacks__Mine__a", "callbacks__x"])
def test_a_param_of_a_callback_that_is_not_there_is_refused(name) -> None:
    """The message says where to name it."""
    with pytest.raises(ValidationError, match=r"once in training\.callbacks"):
        of("terminate_on_nan", **{name: {"int": [1, 3]}})


def test_the_rates_of_a_refit_are_the_medians_over_folds() -> None:
    """Without reports of rates there are none."""
    rates = [[0.1, 0.1, 0.01], [0.1, 0.01], [0.1, 0.01]]
    reports = [
        Report(0, fold, epoch, {"learning_rate": rate})
        for fold, of_fold in enumerate(rates)
        for epoch, rate in enumerate(of_fold, start=1)
    ]
    assert learning_rates(reports) == (0.1, 0.01, 0.01)
    assert learning_rates([Report(0, 0, 1, {"loss": 1.0})]) == ()
