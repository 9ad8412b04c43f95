"""Keys of the data that are params of the search."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from searchlab.core.domains import Choice
from searchlab.errors import StudyFileError
from searchlab.study.changes import differences
from searchlab.study.file import load_study
from searchlab.study.spec import StudySpec

STUDY = """\
name: houses
data:
  path: houses.csv
  target: price
  scale: {choice: [standard, robust]}
  text: {size: {choice: [100, 200]}}
space:
  n_neurons: {int: [1, 100]}
objective: {metric: val_mae}
"""


def load(base: Path, text: str) -> StudySpec:
    """Read a study file."""
    path = base / "study.yaml"
    path.write_text(text)
    return load_study(path).spec


def test_choices_of_the_data_follow_the_params_of_the_model(tmp_path: Path) -> None:
    """They have the names of their keys, and a trial's values settle the study's data."""
    spec = load(tmp_path, STUDY)
    domains = dict(spec.search_space.domains)
    assert list(domains) == ["n_neurons", "data.scale", "data.text.size"]
    assert domains["data.text.size"] == Choice((100, 200))
    params = {"n_neurons": 3, "data.scale": "robust", "data.text.size": 100}
    own = spec.settled(params).data
    assert (own.scaling, own.text.size) == ("robust", 100)
    assert not own.sought
    assert spec.data.variants[spec.variant(params) or 0] == {
        "data.scale": "robust",
        "data.text.size": 100,
    }
    sent = pickle.loads(pickle.dumps(spec))  # noqa: S301 - our own, as to other processes
    assert StudySpec.from_dict(spec.as_dict()) == spec == sent
    assert sent.as_dict() == spec.as_dict()


def test_lists_are_params_by_their_text(tmp_path: Path) -> None:
    """Every backend and MLflow take text; a trial's study has the list again."""
    n_grams = "n_grams: {choice: [[1, 1], [1, 2]]}"
    spec = load(tmp_path, STUDY.replace("size: {choice: [100, 200]}", n_grams))
    assert dict(spec.search_space.domains)["data.text.n_grams"] == Choice(("[1, 1]", "[1, 2]"))
    params = {"n_neurons": 3, "data.scale": "robust", "data.text.n_grams": "[1, 2]"}
    assert spec.settled(params).data.text.n_grams == (1, 2)
    assert spec.data.variants[3] == {k: v for k, v in params.items() if k != "n_neurons"}
    assert pickle.loads(pickle.dumps(spec)) == spec == StudySpec.from_dict(spec.as_dict())  # noqa: S301
    with pytest.raises(StudyFileError, match=r"n_grams.*must be the least and the largest number"):
        load(tmp_path, STUDY.replace("size: {choice: [100, 200]}", n_grams.replace("1, 2", "2, 1")))


def test_other_choices_make_another_study(tmp_path: Path) -> None:
    """A study that is continued keeps the values that its trials were drawn from."""
    changed = load(tmp_path, STUDY.replace("[standard, robust]", "[standard, minmax]"))
    assert [each.key for each in differences(load(tmp_path, STUDY), changed)] == [
        "data.scale.choice"
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[standard, robust]", "[standard, robst]", "data.scale.choice.1: must be one of"),
        ("[standard, robust]", "[robust, robust]", "the choice 'robust' appears twice"),
        ("{choice: [standard, robust]}", "{int: [1, 2]}", "data.scale.int: unknown key"),
        ("[100, 200]", f"{list(range(1, 14))}", "have 26 combinations"),
        ("[100, 200]", "[100, many]", "data.text.size.choice.1: must be a whole number"),
        (
            "  text: {size: {choice: [100, 200]}}",
            "  target_transform: {choice: [none, log1p]}\nobjective: {}",
            "objective.metric: is val_loss, whose units differ",
        ),
    ],
)
def test_choices_that_cannot_be_meant_are_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    """Each value is checked as the key's own, and the combinations have to stay few."""
    text = STUDY.replace(old, new)
    if "objective: {}" in new:
        text = text.replace("objective: {metric: val_mae}\n", "").replace("\nobjective: {}", "")
    with pytest.raises(StudyFileError) as caught:
        load(tmp_path, text)
    assert any(message in problem for problem in caught.value.problems), caught.value.problems


def test_the_loss_of_an_output_has_the_units_of_the_transformation(tmp_path: Path) -> None:
    """It can no more compare transformations of the target than the loss of all outputs."""
    text = STUDY.replace("price\n", "{main: price, aux: price}\n", 1)
    transformed = "target_transform: {choice: [none, log1p]}"
    text = text.replace("scale: {choice: [standard, robust]}", transformed)
    with pytest.raises(StudyFileError, match="is val_main_loss, whose units differ"):
        load(tmp_path, text.replace("val_mae", "val_main_loss"))
    assert load(tmp_path, text.replace("val_mae", "val_main_mae")).data.outputs == ("main", "aux")
