"""Features, kinds and encodings as a study chooses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import (
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from searchlab.data.load import load
from searchlab.data.prepare import prepare
from searchlab.data.prepared import PreparedData, open_data, read_schema
from searchlab.data.preprocessing import load_preprocessing
from searchlab.errors import DataError
from searchlab.journal.layout import refit_data
from searchlab.study.data import DataSpec
from searchlab.study.spec import StudySpec

TRANSFORMER = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

class Cubes(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.largest_ = np.abs(X).max(axis=0)
        return self

    def transform(self, X):
        return (X / self.largest_) ** 3
"""


SQUARING = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

class Squares(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.hstack([X, np.square(X)])
"""


HOLDING = """
from functools import partial
from sklearn.base import BaseEstimator, TransformerMixin

class T(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.way_ = partial(max)
        return self

    def transform(self, X):
        return X
"""


def study(evaluation: dict[str, Any] | None = None, **data: Any) -> StudySpec:
    values = {"name": "s", "data": {"path": "t.csv", "target": "y", **data}}
    values |= {"space": {"n": {"int": [1, 2]}}, "search": {"seed": 7}}
    model = {"model": "models.py:build"} if data.get("categories") == "integer" else {}
    return StudySpec.from_dict({**values, **model, "evaluation": evaluation or {"holdout": 0.25}})


def prepared(base: Path, frame: pd.DataFrame, **keys: Any) -> PreparedData:
    frame.to_csv(base / "t.csv", index=False)
    prepare(study(**keys), base, base / "data")
    return open_data(base / "data")


def table(rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"temp_in": rng.exponential(5, rows), "temp_out": rng.normal(0, 9, rows)})
    frame["zip"] = rng.choice(["01067", "10115", "80331"], rows)
    frame["note"] = [f"flat {i} by the {'sea' if i % 2 else 'woods'}" for i in range(rows)]
    frame["guest"] = [f"{i:05}" for i in rng.permutation(rows)]
    return frame.assign(y=frame["temp_in"] + rng.normal(size=rows))


# ---- which columns


def loaded(base: Path, **keys: Any) -> list[str]:
    table().to_csv(base / "t.csv", index=False)
    return list(load(DataSpec(path="t.csv", target="y", **keys), base).kinds)


def test_patterns_choose_and_drop_columns(tmp_path: Path) -> None:
    """Names and shell patterns select features in the order of the file, the target never."""
    assert loaded(tmp_path, features=("zip", "temp_*")) == ["temp_in", "temp_out", "zip"]
    assert loaded(tmp_path, features=("*",), drop=("t*", "guest")) == ["zip", "note"]
    assert loaded(tmp_path, drop=("*t*", "guest")) == ["zip"]
    assert loaded(tmp_path, kinds={"temp_*": "ignore"}, id="guest") == ["zip", "note"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"features": ("temps_*",)}, "no column 'temps_*'; did you mean"),
        ({"drop": ("zipp",)}, "no column 'zipp'; did you mean 'zip'?: correct data.drop"),
        ({"kinds": {"zp": "category"}}, "no column 'zp'; did you mean 'zip'?: correct data.kinds"),
        ({"drop": ("*",)}, "no columns are left to learn from"),
        ({"id": "gast"}, "no column 'gast'; did you mean 'guest'?: correct data.id"),
    ],
)
def test_names_that_fit_no_column_are_refused(
    keys: dict[str, Any], message: str, tmp_path: Path
) -> None:
    """A name or pattern without a column is an error, not a silent nothing."""
    with pytest.raises(DataError) as caught:
        loaded(tmp_path, **keys)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"id": "y"}, "is 'y', which is also the target"),
        ({"features": ["y"]}, "contains the target 'y'"),
        ({"kinds": {"y": "number"}}, "is the target, whose values are not a feature's: use task"),
        ({"kinds": {"a": "categorie"}}, "did you mean category?"),
        ({"scale": "robst"}, "did you mean robust?"),
        ({"text": {"n_grams": [3, 2]}}, "must be the least and the largest number"),
    ],
)
def test_keys_that_cannot_be_meant_are_refused(keys: dict[str, Any], message: str) -> None:
    """Columns with two roles and unknown kinds and scales are told with the remedy."""
    with pytest.raises(ValueError, match="validation error") as caught:
        study(**keys)
    assert message in str(caught.value)


def test_integers_for_mlp_are_refused() -> None:
    """An encoding that would mislead is refused before any data is read."""
    values = {**json.loads(json.dumps(study(categories="integer").as_dict())), "model": "mlp"}
    with pytest.raises(ValueError, match="integer is for models with an Embedding"):
        StudySpec.from_dict(values)


# ---- kinds


def test_a_zip_code_stays_as_it_is_written(tmp_path: Path) -> None:
    """A column of digits named a category keeps leading zeros, in training and in new files."""
    frame = table().assign(zip=[f"{i % 3:05}" for i in range(200)])
    data = prepared(tmp_path, frame, kinds={"zip": "category"}, drop=["note", "guest"])
    assert [name for name in data.meta["inputs"] if "zip" in name] == [
        "zip_00000", "zip_00001", "zip_00002",
    ]  # fmt: skip
    loaded = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    rows = pd.DataFrame({"zip": ["00001"], "temp_in": [1.0], "temp_out": [2.0]})
    x = dict(zip(loaded.inputs, loaded.transform(rows)[0], strict=True))
    assert x["zip_00001"] == 1


def test_numbers_and_words_can_be_said_to_be_another_kind(tmp_path: Path) -> None:
    """Codes are categories, yes and no booleans, short words text, where the study says so."""
    frame = table().assign(code=np.arange(200) % 4, sold=["yes", "no"] * 100, word=["a b"] * 200)
    kinds = {"code": "category", "sold": "boolean", "word": "text"}
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = load(DataSpec(path="t.csv", target="y", kinds=kinds, id="guest"), tmp_path)
    assert {name: found.kinds[name] for name in kinds} == kinds
    assert set(found.X["sold"]) == {0.0, 1.0}
    assert set(found.X["code"]) == {"0", "1", "2", "3"}
    frame.loc[3, "sold"] = "maybe"
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="row 5: column 'sold' is 'maybe', which is neither true"):
        load(DataSpec(path="t.csv", target="y", kinds=kinds, id="guest"), tmp_path)


def test_kinds_and_encodings_are_another_study() -> None:
    """A changed key of the data may not continue the same journal."""
    from searchlab.study.changes import differences

    changes: dict[str, Any] = {"kinds": {"a": "text"}, "id": "i", "features": ["a"]}
    changes |= {"scale": "robust", "categories": "ordinal", "text": {"size": 9}}
    for key, value in changes.items():
        changed = [difference.key for difference in differences(study(), study(**{key: value}))]
        assert changed
        assert all(name.startswith(f"data.{key}") for name in changed)


# ---- numbers


@pytest.mark.parametrize(
    ("scale", "plain"),
    [
        ("robust", RobustScaler()),
        ("quantile", QuantileTransformer(n_quantiles=96, output_distribution="normal")),
    ],
)
def test_scales_are_scikit_learns_fitted_on_training_rows(
    scale: str, plain: Any, tmp_path: Path
) -> None:
    """Test rows are scaled as a plain script does it, fitted to the rows of the trial."""
    frame = table()
    data = prepared(tmp_path, frame, scale=scale, features=["temp_*"])
    full, test = train_test_split(np.arange(200), test_size=0.2, random_state=7)
    train, _ = train_test_split(full, test_size=0.2, random_state=7)
    X = frame[["temp_in", "temp_out"]].to_numpy()
    expected = plain.fit(X[train[data.folds[0][0]]]).transform(X[test])
    np.testing.assert_allclose(data.x_test, expected, rtol=1e-4, atol=1e-5)
    assert data.meta["scale"] == scale


def test_a_transformer_of_the_users_scales_numbers_and_loads_only_as_its_code(
    tmp_path: Path,
) -> None:
    """It is fitted on training rows; without its module named, its file is not even read."""
    (tmp_path / "cubing.py").write_text(TRANSFORMER)
    frame = table()
    data = prepared(tmp_path, frame, scale="cubing.py:Cubes", features=["temp_*"])
    assert np.abs(data.x_train).max() == 1
    path = tmp_path / "data" / "preprocessing.skops"
    with pytest.raises(DataError, match=r"contains cubing\.Cubes, which preprocessing never needs"):
        load_preprocessing(path)
    loaded = load_preprocessing(path, {"cubing"})
    _, test = train_test_split(np.arange(200), test_size=0.2, random_state=7)
    np.testing.assert_array_equal(loaded.transform(frame.iloc[test]), data.x_test)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("class T:\n    def __init__(self, n): pass\n", "cannot be called without arguments"),
        ("class T:\n    pass\n", "has no fit: write it as scikit-learn's transformers are"),
        ("class U:\n    pass\n", "has no function T"),
        (
            TRANSFORMER.replace("Cubes", "T").replace("/ self", "+ self.none"),
            "cannot be fitted",
        ),
        (
            TRANSFORMER.replace("Cubes", "T").replace("/ self", "* np.nan + self"),
            "cannot be fitted .*values that are not finite",
        ),
        (
            "class T:\n    fit = transform = lambda self, X, y=None: X\n",
            "is none of scikit-learn's estimators: let it inherit TransformerMixin",
        ),
        (HOLDING, "holds (functools.partial|builtins.max), which is not loaded with a model"),
    ],
)
def test_a_transformer_that_does_not_work_is_told(
    source: str, message: str, tmp_path: Path
) -> None:
    """A broken transformer is one line that names the key and the reference."""
    name = f"own{abs(hash(source))}.py"
    (tmp_path / name).write_text(source)
    with pytest.raises(DataError, match=message) as caught:
        prepared(tmp_path, table(), scale=f"{name}:T", features=["temp_*"])
    assert "data.scale" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_transformer_of_the_users_need_not_learn_anything(tmp_path: Path) -> None:
    """One without attributes of its own transforms all rows, and more columns come out of it."""
    (tmp_path / "squaring.py").write_text(SQUARING)
    data = prepared(tmp_path, table(), scale="squaring.py:Squares", features=["temp_in"])
    assert data.x_train.shape[1] == data.x_test.shape[1] == 2
    np.testing.assert_allclose(data.x_test[:, 0] ** 2, data.x_test[:, 1], rtol=1e-5)


# ---- categories and text


def test_target_encoding_shows_no_row_its_own_target(tmp_path: Path) -> None:
    """Rows to fit are cross-fitted; scored, stopping and test rows get the fitted rows' means."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"c": rng.choice(list("abcdefgh"), 300), "y": rng.normal(size=300)})
    data = prepared(tmp_path, frame, categories="target", scale="none")
    full, test = train_test_split(np.arange(300), test_size=0.2, random_state=7)
    train, _ = train_test_split(full, test_size=0.2, random_state=7)
    fit, score = (train[rows] for rows in data.folds[0])
    cv = KFold(5, shuffle=True, random_state=0)
    encoder = TargetEncoder(target_type="continuous", cv=cv)
    y = frame["y"].to_numpy(np.float32)
    fitted = encoder.fit_transform(frame[["c"]].iloc[fit], y[fit])
    np.testing.assert_allclose(data.x_train[data.folds[0][0]], fitted, rtol=1e-5)
    for rows, x in [(score, data.x_train[data.folds[0][1]]), (test, data.x_test)]:
        np.testing.assert_allclose(x, encoder.transform(frame[["c"]].iloc[rows]), rtol=1e-5)

    kept = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    np.testing.assert_array_equal(kept.transform(frame[["c"]].iloc[test]), data.x_test)

    frame.loc[score, "y"] += 1000  # what is scored changes nothing
    again = prepared(tmp_path, frame, categories="target", scale="none")
    np.testing.assert_array_equal(again.x_train, data.x_train)
    refit = open_data(refit_data(tmp_path / "data"))
    assert len(refit.x_train) == len(full)


@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_target_encoding_is_scaled_as_numbers_are(scale: str, tmp_path: Path) -> None:
    """Mean prices of thousands reach a model as small numbers, scaled by the fitted rows alone."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"c": rng.choice(list("abcdefgh"), 300)})
    frame["y"] = 5000 + 900 * frame["c"].map(ord) % 7 + rng.normal(size=300)
    plain = prepared(tmp_path, frame, categories="target", scale="none")
    fit = plain.folds[0][0]
    scaler = StandardScaler() if scale == "standard" else MinMaxScaler()
    scaler.fit(plain.x_train[fit])
    expected = [scaler.transform(x) for x in (plain.x_train[:], plain.x_test[:])]
    data = prepared(tmp_path, frame, categories="target", scale=scale)
    for found, wanted in zip((data.x_train, data.x_test), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


def test_classes_are_encoded_by_each_class(tmp_path: Path) -> None:
    """With three classes a category becomes three inputs, the share of each."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"c": rng.choice(list("ab"), 90), "y": rng.choice(list("uvw"), 90)})
    data = prepared(tmp_path, frame, categories="target", scale="none")
    np.testing.assert_allclose(data.x_test.mean(axis=1), 1 / 3, rtol=0.01)
    assert data.summary.input_shape == (3,)


def test_integers_are_for_an_embedding(tmp_path: Path) -> None:
    """Known categories count from 1, unknown ones are 0, and the model is told the sizes."""
    frame = table().drop(columns=["note", "guest"])
    data = prepared(tmp_path, frame, categories="integer", kinds={"zip": "category"})
    place = data.meta["inputs"].index("zip")
    assert set(data.x_train[:, place]) == {1.0, 2.0, 3.0}
    assert data.meta["sizes"] == {"zip": 4}
    loaded = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    rows = pd.DataFrame({"temp_in": 1.0, "temp_out": 1.0, "zip": ["80331", "99999", None]})
    assert list(loaded.transform(rows)[:, place]) == [3, 0, 0]


def test_ordinal_categories_are_one_scaled_input(tmp_path: Path) -> None:
    """The alphabet gives the order, and an unknown category is in the middle."""
    frame = pd.DataFrame({"size": ["a", "b", "c"] * 40, "y": np.arange(120) / 7})
    data = prepared(tmp_path, frame, categories="ordinal", scale="none")
    assert set(data.x_train[:, 0]) == {0.0, 1.0, 2.0}
    loaded = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    assert loaded.transform(pd.DataFrame({"size": ["zzz"]}))[0, 0] == 1


def test_text_by_characters_finds_what_words_do_not(tmp_path: Path) -> None:
    """Pieces of words, how many in a row, and how many of them, are a study's choice."""
    frame = table()[["note", "y"]]
    text = {"by": "characters", "n_grams": [2, 3], "size": 30}
    data = prepared(tmp_path, frame, text=text)
    assert data.summary.input_shape == (30,)
    assert all(len(name.removeprefix("note: ")) in {2, 3} for name in data.meta["inputs"])
    words = prepared(tmp_path, frame, text={"n_grams": [1, 2], "size": 50})
    assert any(name == "note: by the" for name in words.meta["inputs"])


# ---- what is kept for later rows


def test_the_schema_keeps_what_later_rows_need(tmp_path: Path) -> None:
    """The id and the forms of dates are in the schema, the id is read as it is written."""
    frame = table().assign(day=pd.date_range("2015-01-01", periods=200).strftime("%d.%m.%Y"))
    prepared(tmp_path, frame, id="guest", drop=["note"])
    schema = read_schema(tmp_path / "data")
    assert schema.id == "guest"
    assert schema.forms == {"day": "%d.%m.%Y"}
    assert "guest" not in schema.kinds
    assert {"guest", "day", "zip"} <= schema.known.text
