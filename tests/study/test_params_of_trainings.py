"""Params of the search that are for each training, or for more than one argument of a model."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from searchlab.backends.base import Problem
from searchlab.core.domains import Choice, Int
from searchlab.engine.checks import study_problems
from searchlab.study.spec import StudySpec
from searchlab.testing.doubles import STUDY_SPACE, study

SIZES = {"choice": [16, 32]}


def test_a_key_of_the_training_is_a_param_by_its_own_name() -> None:
    """A trial's values settle the training; its model is not given them."""
    training = {"batch_size": SIZES, "epochs": {"int": [2, 8], "step": 2}}
    spec = study(training=training, space={"n_neurons": {"int": [1, 9]}})
    domains = dict(spec.search_space.domains)
    assert domains["training.batch_size"] == Choice((16, 32))
    assert domains["training.epochs"] == Int(2, 8, step=2)
    params = {"n_neurons": 3, "training.batch_size": 32, "training.epochs": 4}
    own = spec.settled(params).training
    assert (own.batch_size, own.epochs) == (32, 4)
    assert spec.arguments(params) == {"n_neurons": 3}
    sent = pickle.loads(pickle.dumps(spec))  # noqa: S301 - our own, as to other processes
    assert StudySpec.from_dict(spec.as_dict()) == spec == sent


def test_params_of_the_space_with_these_names_are_the_same() -> None:
    """Grids of wrappers name them beside the arguments; the largest number of epochs is known."""
    space = {**STUDY_SPACE, "batch_size": SIZES, "epochs": {"choice": [4, 2]}}
    spec = study(space=space, training={"epochs": 4})
    params = {"n_hidden": 1, "n_neurons": 2, "learning_rate": 0.1, "batch_size": 16, "epochs": 2}
    assert spec.settled(params).training.epochs == 2
    assert spec.settled(params).training.batch_size == 16
    assert not spec.arguments(params).keys() & {"batch_size", "epochs"}
    problem = Problem.of(spec, "multiclass")
    assert problem.epochs == 4
    assert problem.suggestion(params).epochs == 2


def test_an_inactive_param_leaves_the_training_as_it_is() -> None:
    """A batch size with a condition that a trial does not meet is the fixed one."""
    when = {"when": {"param": "n_hidden", "in": [2, 3]}}
    spec = study(space={**STUDY_SPACE, "batch_size": {"choice": [16, 64], **when}})
    assert StudySpec.from_dict(spec.as_dict()) == spec
    assert spec.settled({"n_hidden": 1}).training.batch_size == 32
    assert spec.settled({"n_hidden": 2, "batch_size": 16}).training.batch_size == 16


WRONG = [
    ({"batch_size": {"choice": [16, "all"]}}, {}, "must be whole numbers from 1"),
    ({"batch_size": {"float": [1.0, 9.0]}}, {}, "must be whole numbers from 1"),
    ({"batch_size": {"int": [0, 9]}}, {}, "must be whole numbers from 1"),
    ({"batch_size": 64}, {"batch_size": SIZES}, "is batch_size of the space, too"),
    ({"batch_size": SIZES}, {"batch_size": SIZES}, "is batch_size of the space, too"),
    ({}, {"epochs": {"choice": [0, 3]}}, "must be whole numbers from 1"),
    ({}, {"epochs": {"choice": [3], "when": {"param": "n_hidden", "in": [1]}}}, "all trials"),
]


@pytest.mark.parametrize(("training", "space", "message"), WRONG)
def test_what_is_no_count_or_is_given_twice_is_refused(training, space, message) -> None:
    """The study says why before anything runs."""
    with pytest.raises(ValidationError, match=message):
        study(training=training, space={**STUDY_SPACE, **space})


def test_hyperband_and_a_param_of_epochs_exclude_each_other(tmp_path) -> None:
    """It sets the epochs by itself, up to a maximum that must be a number."""
    spec = study(search={"backend": "hyperband"}, training={"epochs": {"choice": [2, 4]}})
    found = dict(study_problems(spec, tmp_path / "study.yaml"))
    assert "sets the epochs" in found["training.epochs"]


def test_lists_are_choices() -> None:
    """A search library and MLflow have a list's text, and the model's factory has the list."""
    when = {"when": {"param": "units", "in": [[64, 32]]}}
    space = {"units": {"choice": [[64, 32], [8], None]}, "rate": {"choice": [0.1, 0.2], **when}}
    spec = study(space=space)
    assert dict(spec.search_space.domains)["units"] == Choice(("[64, 32]", "[8]", None))
    assert spec.arguments({"units": "[64, 32]", "rate": 0.1}) == {"units": [64, 32], "rate": 0.1}
    assert spec.arguments({"units": None}) == {"units": None}
    assert spec.search_space.active({"units": "[8]", "rate": 0.1}) == {"units": "[8]"}


def test_routed_names_are_those_of_the_arguments() -> None:
    """`model__` is taken off; settings of an optimizer keep the name that says so."""
    spec = study(space={"model__n_hidden": {"int": [1, 2]}, "optimizer__momentum": {"choice": [0]}})
    params = {"model__n_hidden": 1, "optimizer__momentum": 0}
    assert spec.arguments(params) == {"n_hidden": 1, "optimizer__momentum": 0}


@pytest.mark.parametrize(
    ("space", "training", "name"),
    [
        ({"class_weight": {"choice": [None, "balanced"]}}, {}, "class_weight"),
        ({}, {"class_weight": {"choice": [None, "balanced"]}}, "training.class_weight"),
    ],
)
def test_weights_of_classes_are_a_param_with_data_of_their_own(space, training, name) -> None:
    """Each value has prepared data, as the weights come from the rows; so have a scale's."""
    data = {"dataset": "iris", "scale": {"choice": ["standard", "minmax"]}}
    spec = study(space={**STUDY_SPACE, **space}, training=training, data=data)
    assert StudySpec.from_dict(spec.as_dict()) == spec
    assert len(spec.variants) == 4
    params = {"n_hidden": 1, "data.scale": "minmax", name: "balanced"}
    assert spec.settled(params).training.class_weight == "balanced"
    assert spec.settled({**params, name: None}).training.class_weight is None
    assert spec.variants[spec.variant(params)] == {"data.scale": "minmax", name: "balanced"}
    assert spec.arguments(params) == {"n_hidden": 1}


def test_weights_by_label_may_be_choices() -> None:
    """Their text is the param, as a list's is."""
    weights = {"choice": ["balanced", {"a": 1.0, "b": 5.0}]}
    spec = study(training={"class_weight": weights})
    text = "{'a': 1.0, 'b': 5.0}"
    assert dict(spec.search_space.domains)["training.class_weight"] == Choice(("balanced", text))
    own = spec.settled({"training.class_weight": text}).training
    assert own.class_weight == {"a": 1.0, "b": 5.0}
    with pytest.raises(ValidationError, match="score each trial with other weights"):
        study(training={"class_weight": weights}, evaluation={"holdout": 0.2, "class_weight": True})
    with pytest.raises(ValidationError, match=r"must be \{choice: \[balanced, null\]\}"):
        study(space={**STUDY_SPACE, "class_weight": {"choice": ["b"]}})
