"""Row and class weights: invalid ones are rejected, valid ones split and train with their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight

from searchlab.core.trial import Decision, Suggestion, Trial, TrialState
from searchlab.data.load import load
from searchlab.data.prepare import prepare
from searchlab.data.prepared import PreparedData, open_data, read_schema
from searchlab.errors import DataError, StudyFileError
from searchlab.study.data import DataSpec
from searchlab.study.file import load_study
from searchlab.study.spec import StudySpec
from searchlab.testing.doubles import as_job, study
from searchlab.training.job import FinalJob, TrialJob

STUDY = """\
name: small
data: {{path: t.csv, target: y{data}}}
space: {{n_hidden: {{int: [0, 3]}}}}
search: {{trials: 3}}
training: {{epochs: 3{training}}}
"""
LABELS = ("no", "no", "no", "yes", "maybe", "no")


def frame(rows: int = 120) -> pd.DataFrame:
    """Return rows of uneven classes, identified by `a`, with weights in proportion to it."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"a": np.arange(rows), "b": rng.normal(size=rows)})
    table["w"] = table["a"] / 10
    table["y"] = [LABELS[i % 6] for i in range(rows)]
    return table


def spec_of(training: dict[str, Any] | None = None, **data: Any) -> StudySpec:
    """Return a study of the file with the target y."""
    training = {"epochs": 3, "batch_size": 16, **(training or {})}
    return study(data={"path": "t.csv", "target": "y", "scale": "none", **data}, training=training)


def prepared(base: Path, spec: StudySpec, table: pd.DataFrame | None = None) -> PreparedData:
    """Return the prepared arrays of a study of `table`."""
    (frame() if table is None else table).to_csv(base / "t.csv", index=False)
    prepare(spec, base, base / "data")
    return open_data(base / "data")


# ---- study files


@pytest.mark.parametrize(
    ("data", "training", "line", "message"),
    [
        (", weight: y", "", 2, "data.weight: is 'y', which is also the target: leave one"),
        (", weight: a, drop: [a]", "", 2, "data.weight: is 'a', which is also in drop: leave one"),
        (", weight: 3", "", 2, "data.weight: must be text, got 3"),
        (", weight: [a]", "", 2, 'data.weight: must be the name of one column, got ["a"]'),
        ("", ", class_weight: balance", 5, "training.class_weight: must be balanced, or the"),
        ("", ", class_weight: {}", 5, "training.class_weight: must be balanced, or the classes'"),
        ("", ", class_weight: [1, 2]", 5, "training.class_weight: must be balanced, or the"),
        ("", ", class_weight: {no: 0}", 5, "training.class_weight.no: must be above 0"),
        ("", ", class_weight: {0: x}", 5, "training.class_weight.0: must be a number, got the"),
        ("", ", class_weight: {0: .inf}", 5, "training.class_weight.0: must be a finite number"),
        (", task: regression", ", class_weight: balanced", 5, "data.task is regression: leave it"),
    ],
)
def test_bad_weights_in_a_study_file_are_named(tmp_path, data, training, line, message):
    """Invalid weights are rejected with the file's line, the key and the remedy."""
    path = tmp_path / "study.yaml"
    path.write_text(STUDY.format(data=data, training=training))
    with pytest.raises(StudyFileError) as caught:
        load_study(path)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"{path}:{line}: ")
    assert message in caught.value.problems[0]


def test_a_data_set_of_a_library_has_no_weights(tmp_path):
    """Row weights require a file, as target and drop do."""
    path = tmp_path / "study.yaml"
    text = STUDY.format(data=", weight: w", training="")
    path.write_text(text.replace("path: t.csv, target: y", "dataset: iris"))
    with pytest.raises(StudyFileError, match=r"study.yaml:2: data.weight: goes with path only"):
        load_study(path)


# ---- row weights


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-1, "'-1.0'"), (np.inf, "'inf'"), (1e39, "'1e.39'"), (None, "missing")],
)
def test_a_bad_row_weight_is_named_with_its_row(tmp_path, value, shown):
    """A weight that is not a finite number of at least 0 is named with its row in the file."""
    table = frame()
    table["w"] = table["w"].astype(float)
    table.loc[[5, 7], "w"] = value
    says = f"t.csv: row 7: the weight 'w' is {shown} .2 rows in total are wrong.: give each"
    with pytest.raises(DataError, match=says):
        prepared(tmp_path, spec_of(weight="w"), table)


def test_dates_are_no_weights(tmp_path):
    """A date column is not accepted as weights although dates are stored as numbers."""
    table = frame()
    table["w"] = pd.date_range("2020-01-01", periods=len(table))
    table.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="row 1: the weight 'w' is"):
        load(DataSpec(path="t.parquet", target="y", weight="w"), tmp_path)


def test_a_missing_column_of_weights_is_answered_with_the_nearest(tmp_path):
    """A mistyped column or array is answered with the closest name and the key."""
    says = r"no {} 'weigth'; did you mean 'weight'\?: correct data.weight"
    with pytest.raises(DataError, match=says.format("column")):
        prepared(tmp_path, spec_of(weight="weigth"), frame().rename(columns={"w": "weight"}))
    np.savez(tmp_path / "t.npz", X=np.ones((3, 2)), y=np.arange(3), weight=np.ones(3))
    with pytest.raises(DataError, match=says.format("array")):
        load(DataSpec(path="t.npz", target="y", weight="weigth"), tmp_path)


@pytest.mark.parametrize(
    ("weights", "says"),
    [(np.ones(4), "X has 5 rows and w has 4"), (np.ones((5, 2)), r"w has shape \(5, 2\)")],
)
def test_an_array_of_weights_fits_its_rows(tmp_path, weights, says):
    """An array of weights of the wrong length or shape is rejected."""
    np.savez(tmp_path / "t.npz", X=np.arange(10).reshape(5, 2), y=np.arange(5) / 3, w=weights)
    with pytest.raises(DataError, match=says):
        load(DataSpec(path="t.npz", target="y", weight="w"), tmp_path)


def test_an_array_of_weights_is_no_feature(tmp_path):
    """An NPZ file's array of weights is used as weights, never as a feature, images or not."""
    for X in (np.random.default_rng(1).random((50, 2)), np.ones((50, 2, 2))):
        np.savez(tmp_path / "t.npz", f=X, y=np.arange(50) / 3, w=np.arange(50)[:, None])
        table = load(DataSpec(path="t.npz", target="y", weight="w"), tmp_path)
        assert table.X.shape == X.shape
        np.testing.assert_array_equal(table.w, np.arange(50, dtype=np.float32))


@pytest.mark.parametrize("evaluation", [{"folds": 3}, {"holdout": 0.25}])
def test_weights_follow_their_rows_through_the_split(tmp_path, evaluation):
    """Each part has its own rows' weights, and the column is not a feature."""
    spec = spec_of(weight="w").model_copy(
        update={"evaluation": study(evaluation=evaluation).evaluation}
    )
    data = prepared(tmp_path, spec)
    assert data.summary.columns == ("a", "b")
    for part in ("train", "validation", "test"):
        x, w = getattr(data, f"x_{part}"), getattr(data, f"w_{part}")
        assert w.dtype == np.float32
        np.testing.assert_allclose(w, x[:, 0] / 10, rtol=1e-6)
    fit, _ = data.folds[0]
    np.testing.assert_array_equal(data.fitting(fit)[2], data.w_train[fit])


def test_a_study_without_weights_has_none(tmp_path):
    """Without the keys nothing is weighted, and the column is a feature like any other."""
    data = prepared(tmp_path, spec_of())
    assert data.summary.columns == ("a", "b", "w")
    assert (data.w_train, data.w_validation, data.w_test, data.class_weight) == (None,) * 4
    assert data.fitting(np.arange(3))[2] is None


def test_other_weights_are_another_data_set(tmp_path):
    """The digest, which detects a changed data set, covers the weights."""
    spec, table = spec_of(weight="w"), frame()
    before = prepared(tmp_path, spec, table).summary.digest
    assert prepared(tmp_path, spec, table).summary.digest == before
    table.loc[3, "w"] = 9
    assert prepared(tmp_path, spec, table).summary.digest != before


def test_a_part_of_which_no_row_counts_is_refused(tmp_path):
    """Test rows that all have weight 0 are rejected: their loss would be 0 for any model."""
    table = frame()
    rows = np.arange(len(table))
    _, test = train_test_split(rows, test_size=0.2, random_state=42, stratify=table["y"])
    table.loc[test, "w"] = 0
    with pytest.raises(DataError, match=r"t.csv: the test rows all have the weight 0, so"):
        prepared(tmp_path, spec_of(weight="w"), table)


# ---- class weights


def test_balanced_is_scikit_learns_formula_on_the_rows_to_fit(tmp_path):
    """`balanced` gives exactly the numbers that scikit-learn computes, of no row that scores."""
    data = prepared(tmp_path, spec_of({"class_weight": "balanced"}))
    rows, y = data.folds[0][0], np.asarray(data.y_train)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=y[rows])
    assert data.class_weight == dict(enumerate(expected))
    np.testing.assert_array_equal(data.fitting(rows)[2], expected[y[rows]].astype(np.float32))


def test_balanced_is_found_in_each_folds_own_rows(tmp_path):
    """Folds of groups have other shares of the classes, and nothing else is learned of rows."""
    table = frame().assign(group=lambda f: np.arange(len(f)) // 10)
    spec = spec_of({"class_weight": "balanced"}, split={"groups": "group"}, scale="none")
    spec = StudySpec.from_dict({**spec.as_dict(), "evaluation": {"folds": 3}})
    data = prepared(tmp_path, spec, table)
    y = np.asarray(data.y_train)
    whole = compute_class_weight("balanced", classes=np.arange(3), y=y)
    assert data.class_weight == dict(enumerate(whole))
    for number, (fit, _) in enumerate(data.folds):
        own = data.fold(number)
        expected = compute_class_weight("balanced", classes=np.arange(3), y=y[fit])
        assert own.class_weight == dict(enumerate(expected))
        np.testing.assert_array_equal(own.fitting(fit)[2], expected[y[fit]].astype(np.float32))


def test_class_weights_go_by_label_and_multiply_row_weights(tmp_path):
    """Class weights go by label, default to 1, and are multiplied with row weights."""
    data = prepared(tmp_path, spec_of({"class_weight": {"yes": 5}}, weight="w"))
    assert data.summary.classes == ("maybe", "no", "yes")
    assert data.class_weight == {0: 1.0, 1: 1.0, 2: 5.0}
    rows = data.folds[0][0]
    expected = np.where(data.y_train[rows] == 2, 5, 1) * data.w_train[rows]
    np.testing.assert_allclose(data.fitting(rows)[2], expected, rtol=1e-6)


@pytest.mark.parametrize(("labels", "key"), [((0, 1), "1"), ((False, True), "true")])
def test_labels_are_written_as_yaml_writes_them(tmp_path, labels, key):
    """Number and boolean labels are matched by their text in the study file."""
    table = frame().assign(y=[labels[i % 3 == 0] for i in range(120)])
    data = prepared(tmp_path, spec_of({"class_weight": {key: 4}}), table)
    assert data.class_weight == {0: 1.0, 1: 4.0}


def test_an_unknown_class_is_answered_with_the_nearest(tmp_path):
    """A mistyped class is answered with the closest class, or the list of classes."""
    says = "t.csv: training.class_weight: the target 'y' has no class "
    with pytest.raises(DataError, match=f"{says}'mayb'; did you mean 'maybe'.: correct it"):
        prepared(tmp_path, spec_of({"class_weight": {"mayb": 2}}))
    with pytest.raises(DataError, match=f"{says}'x'; the classes are maybe, no, yes: correct it"):
        prepared(tmp_path, spec_of({"class_weight": {"x": 2}}))


def test_quantities_have_no_class_weights(tmp_path):
    """Class weights are rejected if the target turns out to be a quantity."""
    table = frame().assign(y=np.arange(120) / 7)
    with pytest.raises(DataError, match="for classes, and the target 'y' is a quantity: leave it"):
        prepared(tmp_path, spec_of({"class_weight": "balanced"}), table)


def test_class_weights_count_on_unseen_rows_only_where_asked(tmp_path):
    """With `evaluation.class_weight` the unseen rows weigh by class too, and the schema says so."""
    spec = spec_of({"class_weight": {"yes": 5}}, weight="w")
    for asked in (False, True):
        given = {"holdout": 0.2, "class_weight": asked}
        evaluation = study(evaluation=given, training={"class_weight": "balanced"}).evaluation
        place = tmp_path / str(asked)
        place.mkdir()
        data = prepared(place, spec.model_copy(update={"evaluation": evaluation}))
        for part in ("train", "validation", "test"):
            y, w = getattr(data, f"y_{part}"), getattr(data, f"w_{part}")
            expected = w * np.where(y == 2, 5, 1) if asked else w
            np.testing.assert_allclose(data.unseen(part).w, expected, rtol=1e-6)
        kept = read_schema(place / "data").class_weight
        assert kept == ((1.0, 1.0, 5.0) if asked else None)


def test_weights_of_classes_that_are_not_there_cannot_count(tmp_path):
    """The key without weights names the other key."""
    path = tmp_path / "study.yaml"
    path.write_text(
        STUDY.format(data="", training="") + "evaluation: {folds: 3, class_weight: true}\n"
    )
    with pytest.raises(StudyFileError, match=r"evaluation.class_weight: needs the weights: add"):
        load_study(path)


# ---- training


@pytest.mark.keras
@pytest.mark.parametrize(
    ("weight", "class_weight"),
    [
        ("w", "balanced"),
        ("w", None),
        (None, "balanced"),
        pytest.param(None, None, marks=pytest.mark.long),
    ],
)
def test_weighted_training_equals_keras_sample_weight(tmp_path, weight, class_weight):
    """Reports, scores and the test equal plain Keras' with explicit weights, also in metrics."""
    import keras

    from searchlab.training.build import build
    from searchlab.training.fit import run

    spec = spec_of({"class_weight": class_weight}, weight=weight, scale="standard")
    data = prepared(tmp_path, spec)
    params = {"n_hidden": 1, "n_neurons": 8, "learning_rate": 0.01}
    trial = Trial(0, Suggestion(params, epochs=3), seed=11)
    job = TrialJob(
        number=0,
        trial=trial,
        spec=spec,
        base=tmp_path,
        data=tmp_path / "data",
        directory=tmp_path,
        keep=True,
    )
    reports = []

    def emit(report):
        reports.append(report.metrics)
        return Decision.CONTINUE

    outcome = run(job, emit)
    assert outcome.state is TrialState.COMPLETE, outcome.error
    own = spec.model_copy(update={"refit": False})
    final = run(as_job(FinalJob, job, spec=own, weights=outcome.weights), emit)

    fit, score = data.folds[0]
    y = np.asarray(data.y_train)[fit]
    by_class = compute_class_weight(class_weight, classes=np.arange(3), y=y)  # of the fold
    weights = by_class[y] * (1 if weight is None else data.w_train[fit])
    model = build(job, data)
    counted = keras.metrics.SparseCategoricalAccuracy("counted")
    model.compile(model.optimizer, model.loss, metrics=["accuracy"], weighted_metrics=[counted])
    keras.utils.set_random_seed(11)
    history = model.fit(
        data.x_train[fit],
        y,
        sample_weight=weights.astype(np.float32),
        epochs=3,
        batch_size=16,
        validation_data=(data.x_validation, data.y_validation, data.w_validation),
        verbose=0,
    ).history
    history["val_accuracy"] = history["val_counted"]
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        found = [report[name] for report in reports]
        np.testing.assert_allclose(found, history[name], rtol=1e-6, err_msg=name)
    scored = model.evaluate(
        data.x_train[score],
        data.y_train[score],
        sample_weight=None if weight is None else data.w_train[score],
        verbose=0,
    )
    np.testing.assert_allclose(outcome.value, scored[0], rtol=1e-6)
    tested = model.evaluate(
        data.x_test, data.y_test, sample_weight=data.w_test, verbose=0, return_dict=True
    )
    assert set(final.metrics) == {"loss", "accuracy"}
    np.testing.assert_allclose(final.metrics["loss"], tested["loss"], rtol=1e-6)
    np.testing.assert_allclose(final.metrics["accuracy"], tested["counted"], rtol=1e-6)


def test_each_choice_of_weights_has_its_own_data(tmp_path):
    """The refit's data of a choice have the same weights, from its own rows."""
    from searchlab.journal.layout import refit_data, variant_data

    frame().to_csv(tmp_path / "t.csv", index=False)
    own = {"no": 1.0, "yes": 4.0, "maybe": 2.0}
    spec = spec_of({"class_weight": {"choice": [None, own]}})
    prepare(spec, tmp_path, tmp_path / "data")
    found = []
    for params in spec.variants:
        place = variant_data(tmp_path / "data", spec.variant(params))
        weights = open_data(place).class_weight
        assert open_data(refit_data(place)).class_weight == weights
        found.append(weights if weights is None else sorted(weights.values()))
    assert found == [None, [1.0, 2.0, 4.0]]
