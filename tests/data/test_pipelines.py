"""Preprocessing inside the folds: the scores that scikit-learn's pipelines have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

from searchlab.data.columns.encoders import target_encoder
from searchlab.data.prepare import prepare
from searchlab.data.prepared import PreparedData, fold_directory, open_data
from searchlab.study.spec import StudySpec

SEED = 7


def prepared(base: Path, evaluation: dict[str, Any], **data: Any) -> PreparedData:
    """Prepare and open t.csv."""
    data = {"path": "t.csv", "target": "y", "target_transform": "none", **data}
    values = {"name": "s", "data": data, "space": {"n": {"int": [1, 2]}}, "refit": False}
    spec = StudySpec.from_dict({**values, "search": {"seed": SEED}, "evaluation": evaluation})
    prepare(spec, base, base / "data")
    return open_data(base / "data")


def write(base: Path, rows: int = 240) -> pd.DataFrame:
    """Write a table whose categories say little, and are many enough to give the target away."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"a": rng.lognormal(size=rows), "b": rng.normal(size=rows)})
    frame["c"] = [f"c{number}" for number in rng.integers(0, rows // 4, rows)]
    words = [f"word{number}" for number in range(300)]
    frame["t"] = [" ".join(rng.choice(words, 3)) + f" {row}" for row in range(rows)]
    frame["y"] = frame["a"] + rng.normal(size=rows)
    frame.to_csv(base / "t.csv", index=False)
    return pd.read_csv(base / "t.csv")


def scores(data: PreparedData) -> list[float]:
    """Return the R2 of a linear model of each fold on the rows that score it."""
    found = []
    for number, (fit, score) in enumerate(data.folds):
        own = data.fold(number)
        x, t, _ = own.fitting(fit)
        unseen = own.unseen("train", score)
        model = LinearRegression().fit(x.astype(np.float64), t)
        found.append(model.score(unseen.x.astype(np.float64), unseen.y))
    return found


def training_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that the folds divide."""
    rest, _ = train_test_split(frame, test_size=0.2, random_state=SEED)
    train, _ = train_test_split(rest, test_size=0.2, random_state=SEED)
    return train


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize(("categories", "scale"), [("target", "standard"), ("one_hot", "quantile")])
def test_scores_are_those_of_a_pipeline_in_a_cross_validation(
    tmp_path: Path, categories: str, scale: str, repeats: int
) -> None:
    """Whatever looks at the target or at other rows is fitted to the fold's own rows."""
    frame = write(tmp_path)
    data = prepared(
        tmp_path,
        {"folds": 3, "repeats": repeats},
        drop=["t"],
        scale=scale,
        categories=categories,
    )
    train = training_rows(frame)
    encoder = (
        make_pipeline(target_encoder("regression"), StandardScaler())
        if categories == "target"
        else OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    fitted = 2 * len(train) // 3
    scaler = (
        StandardScaler()
        if scale == "standard"
        else QuantileTransformer(n_quantiles=fitted, output_distribution="normal", random_state=0)
    )
    steps = [("number", scaler, ["a", "b"]), ("category", encoder, ["c"])]
    pipeline = make_pipeline(ColumnTransformer(steps), LinearRegression())
    expected = cross_val_score(
        pipeline, train.drop(columns=["y", "t"]), train["y"], cv=list(data.folds)
    )
    assert scores(data) == pytest.approx(expected.tolist(), rel=2e-3, abs=1e-3)


def test_words_of_scored_rows_are_not_counted(tmp_path: Path) -> None:
    """A fold's words are those of its own rows, each at the place that it has in all rows."""
    frame = write(tmp_path)
    data = prepared(tmp_path, {"folds": 3}, features=["t"], kinds={"t": "text"})
    train = training_rows(frame)["t"].to_numpy()
    for number, (fit, score) in enumerate(data.folds):
        own = data.fold(number)
        words = TfidfVectorizer(max_features=200).fit(train[fit])
        x = words.transform(train[score]).toarray()
        found = own.x_train[score]
        assert found.shape == (len(score), 200)
        order = [sorted(map(tuple, each.T.round(5).tolist())) for each in (x, found)]
        np.testing.assert_allclose(order[0], order[1], atol=2e-5)
        places = {name: place for place, name in enumerate(data.meta["inputs"])}
        known = [name for name in words.get_feature_names_out() if f"t: {name}" in places]
        assert len(known) > 50
        for name in known:
            place = words.vocabulary_[name]
            np.testing.assert_allclose(found[:, places[f"t: {name}"]], x[:, place], atol=1e-5)


def test_a_holdout_is_not_seen_by_what_it_scores(tmp_path: Path) -> None:
    """Everything is fitted to the rows of the trial, whose model is the study's."""
    write(tmp_path)
    data = prepared(tmp_path, {"holdout": 0.25}, drop=["t", "c"])
    fit, _ = data.folds[0]
    np.testing.assert_allclose(data.x_train[fit].mean(axis=0), 0, atol=1e-6)
    assert np.abs(data.x_train.mean(axis=0)).max() > 1e-4
    np.testing.assert_allclose(data.meta["mean"], 0, atol=1e-6)
    assert not data.has_own(0)


def test_a_transformation_of_the_target_is_that_of_the_fitted_rows(tmp_path: Path) -> None:
    """Each fold's target has mean 0 in the rows that it is fitted to."""
    write(tmp_path)
    for evaluation in ({"holdout": 0.25}, {"folds": 3}):
        data = prepared(tmp_path, evaluation, drop=["t", "c"], target_transform="standard")
        for number, (fit, _) in enumerate(data.folds):
            own = data.fold(number)
            _, t, _ = own.fitting(fit)
            assert np.mean(t) == pytest.approx(0, abs=1e-6)
            np.testing.assert_allclose(own.transform.undo(own.t_train), own.y_train, atol=1e-5)


def test_folds_share_what_was_not_fitted(tmp_path: Path) -> None:
    """Arrays that are left alone are there once; figures are those of a fold's own rows."""
    pictures = np.random.default_rng(1).integers(0, 255, (60, 6, 6), np.uint8)
    np.savez(tmp_path / "p.npz", x=pictures, y=np.arange(60) % 2)
    data = prepared(tmp_path, {"folds": 3}, path="p.npz", scale="none", target_transform="auto")
    assert not fold_directory(tmp_path / "data", 0).exists()
    data = prepared(tmp_path, {"folds": 3}, path="p.npz", target_transform="auto")
    for number, (fit, _) in enumerate(data.folds):
        own = data.fold(number)
        assert own.x_train[fit].mean() == pytest.approx(0, abs=1e-6)
        assert own.meta["mean"] == pytest.approx(0, abs=1e-6)
        assert own.meta["variance"] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("evaluation", [{"holdout": 0.25}, {"folds": 4}])
def test_a_model_is_told_how_many_rows_it_is_fitted_to(
    tmp_path: Path, evaluation: dict[str, Any]
) -> None:
    """A schedule that counts the steps of an epoch needs the rows without those that score it."""
    write(tmp_path, 200)
    data = prepared(tmp_path, evaluation, features=["a", "b"], scale="none")
    train = len(data.x_train)
    for number, (fit, _) in enumerate(data.folds):
        assert data.fold(number).meta["X_shape_"] == (len(fit), 2)
        assert len(fit) < train
    final = train if "folds" in evaluation else len(data.folds[0][0])
    assert data.meta["X_shape_"] == (final, 2)
