"""Splitting and preprocessing of data; writing and opening of prepared data."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.datasets import fetch_california_housing, load_iris
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler

from searchlab.data.arrays import ArrayPreprocessing
from searchlab.data.load import Table
from searchlab.data.prepare import _write, prepare
from searchlab.data.prepared import PreparedData, open_data
from searchlab.data.preprocessing import load_preprocessing
from searchlab.errors import DataError
from searchlab.journal.layout import refit_data
from searchlab.study.spec import StudySpec


def study(evaluation: dict[str, Any] | None = None, **data: Any) -> StudySpec:
    """Return a study of this data with seed 7."""
    values: dict[str, Any] = {"name": "s", "data": data, "space": {"n": {"int": [1, 2]}}}
    values |= {"search": {"seed": 7}, "evaluation": evaluation or {"folds": 3}}
    return StudySpec.from_dict(values)


def prepared(base: Path, frame: pd.DataFrame | None = None, **keys: Any) -> PreparedData:
    """Prepare and open a data set, or a frame with the target y."""
    if frame is not None:
        frame.to_csv(base / "t.csv", index=False)
        keys = {"path": "t.csv", "target": "y", **keys}
    prepare(study(**keys), base, base / "data")
    return open_data(base / "data")


def mixed(rows: int = 200) -> pd.DataFrame:
    """Return a table with every kind of column and with missing values, most of them early."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"n": rng.normal(5, 2, rows), "b": rng.random(rows) > 0.5})
    frame["c"] = rng.choice(["red", "blue", "green"], rows)
    frame["t"] = [f"flat {i} near the {'sea' if i % 2 else 'woods'}" for i in range(rows)]
    frame["y"] = frame["n"] * 2 + frame["b"]
    frame.loc[::9, "n"] = np.nan
    frame["b"] = frame["b"].astype(object).where(np.arange(rows) % 11 > 0)
    frame.loc[::13, ["c", "t"]] = None
    return frame


# ---- splits


def test_regression_splits_and_scaling_equal_a_plain_script(tmp_path: Path) -> None:
    """California housing gets the same split and scaled numbers as in a textbook script."""
    try:
        X, y = fetch_california_housing(return_X_y=True, download_if_missing=False)
    except OSError:
        pytest.skip("California housing is not here")
    data = prepared(tmp_path, dataset="california_housing")

    X_full, X_test, y_full, y_test = train_test_split(X, y, test_size=0.2, random_state=7)
    X_train, X_valid, y_train, y_valid = train_test_split(
        X_full, y_full, test_size=0.2, random_state=7
    )
    scaler = StandardScaler().fit(X_train)
    expected = {"train": (X_train, y_train), "validation": (X_valid, y_valid)}
    for part, (x, target) in (expected | {"test": (X_test, y_test)}).items():
        scaled = scaler.transform(x).astype(np.float32)
        np.testing.assert_array_equal(getattr(data, f"x_{part}"), scaled)
        np.testing.assert_array_equal(getattr(data, f"y_{part}"), target.astype(np.float32))
    for (fit, score), (other_fit, other_score) in zip(
        data.folds, KFold(3).split(X_train), strict=True
    ):
        np.testing.assert_array_equal(fit, other_fit)
        np.testing.assert_array_equal(score, other_score)


def test_classification_splits_equal_a_plain_script(tmp_path: Path) -> None:
    """Iris is stratified by class, and its folds are those of `cv=3`."""
    X, y = load_iris(return_X_y=True)
    data = prepared(tmp_path, dataset="iris", scale="none")
    X_full, X_test, y_full, _ = train_test_split(X, y, test_size=0.2, random_state=7, stratify=y)
    X_train, _, y_train, y_valid = train_test_split(
        X_full, y_full, test_size=0.2, random_state=7, stratify=y_full
    )
    np.testing.assert_array_equal(data.x_train, X_train.astype(np.float32))
    np.testing.assert_array_equal(data.x_test, X_test.astype(np.float32))
    np.testing.assert_array_equal(data.y_validation, y_valid)
    for (fit, score), (other_fit, other_score) in zip(
        data.folds, StratifiedKFold(3).split(X_train, y_train), strict=True
    ):
        np.testing.assert_array_equal(fit, other_fit)
        np.testing.assert_array_equal(score, other_score)


def test_a_holdout_equals_a_plain_script(tmp_path: Path) -> None:
    """A hold-out is one stratified pair of row sets, derived from the study's seed."""
    data = prepared(tmp_path, dataset="iris", evaluation={"holdout": 0.25})
    expected = train_test_split(
        np.arange(len(data.y_train)), test_size=0.25, random_state=7, stratify=data.y_train
    )
    assert len(data.folds) == 1
    for rows, other in zip(data.folds[0], expected, strict=True):
        np.testing.assert_array_equal(rows, other)


@pytest.mark.parametrize(
    ("rows", "keys", "message"),
    [
        (3, {"test": 0.9}, "data.test of 0.9 would take 3 of 3"),
        (4, {}, "too few rows: evaluation.folds needs 3, and has 2 of 4"),
        (4, {"validation": 0.5, "evaluation": {"holdout": 0.2}}, "evaluation.holdout needs 2"),
    ],
)
def test_too_few_rows_are_refused(
    rows: int, keys: dict[str, Any], message: str, tmp_path: Path
) -> None:
    """Too few rows for a split or the folds is an error that counts them."""
    frame = pd.DataFrame({"a": np.arange(rows) / 3, "y": np.arange(rows) / 7})
    with pytest.raises(DataError, match=message):
        prepared(tmp_path, frame, **keys)


@pytest.mark.parametrize(
    ("count", "where"), [(1, "data.test needs 2"), (3, "evaluation.folds needs 3 and has 2")]
)
def test_a_class_that_is_too_small_is_named(count: int, where: str, tmp_path: Path) -> None:
    """A class too small for a split or the folds is named with its count."""
    frame = pd.DataFrame({"a": np.arange(60), "y": ["common"] * (60 - count) + ["rare"] * count})
    with pytest.raises(DataError, match=f"t.csv: class 'rare' has only {count} rows: {where}"):
        prepared(tmp_path, frame)
    assert not (tmp_path / "data").exists()


def test_more_classes_than_test_rows_are_refused(tmp_path: Path) -> None:
    """A test set too small to hold every class is rejected with our own message."""
    frame = pd.DataFrame({"a": np.arange(60), "y": [f"c{i % 20}" for i in range(60)]})
    with pytest.raises(DataError, match=r"data.test of 0.1 would take 6 of 60, and .* 20 or more"):
        prepared(tmp_path, frame, test=0.1)


# ---- preprocessing


def test_all_kinds_of_columns_become_finite_input(tmp_path: Path) -> None:
    """Missing values, booleans, categories and free text all become finite float32 columns."""
    data = prepared(tmp_path, mixed())
    assert data.x_train.dtype == np.float32
    for part in (data.x_train, data.x_validation, data.x_test):
        assert np.isfinite(part).all()
    assert data.summary.columns == ("n", "b", "c", "t")
    np.testing.assert_allclose(np.mean(data.x_train[:, 0]), 0, atol=1e-6)
    assert set(np.unique(data.x_train[:, 1])) == {0.0, 1.0}
    assert set(data.x_train[:, 2:6].sum(axis=1)) == {1.0}  # three colors and "(missing)"
    assert 6 < data.x_train.shape[1] <= 6 + 200


def test_preprocessing_sees_training_rows_only(tmp_path: Path) -> None:
    """Outliers, new categories and missing values outside the training rows change nothing."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"n": rng.normal(size=60), "c": ["a", "b"] * 30, "y": rng.random(60)})
    before = prepared(tmp_path, frame)
    rows = np.arange(60)
    full, test = train_test_split(rows, test_size=0.2, random_state=7)
    frame.loc[test[0], ["n", "c"]] = [1e6, "new"]
    frame.loc[test[1], "n"] = np.nan
    after = prepared(tmp_path, frame)
    np.testing.assert_array_equal(before.x_train, after.x_train)
    np.testing.assert_array_equal(after.x_test[0, 1:], [0, 0])
    train, _ = train_test_split(full, test_size=0.2, random_state=7)
    values = frame["n"][train]
    filled = (values.median() - values.mean()) / values.std(ddof=0)
    np.testing.assert_allclose(after.x_test[1, 0], filled, rtol=1e-5)


def test_a_column_without_values_in_the_training_rows_is_refused(tmp_path: Path) -> None:
    """A column without values in the training rows cannot be imputed and is named."""
    frame = pd.DataFrame({"a": np.arange(40.0), "b": np.nan, "y": np.arange(40) / 7})
    _, test = train_test_split(np.arange(40), test_size=0.2, random_state=7)
    frame.loc[test, "b"] = 1.0
    with pytest.raises(DataError, match=r"t.csv: column 'b' has no values in the training rows"):
        prepared(tmp_path, frame)


def test_text_without_words_is_refused(tmp_path: Path) -> None:
    """Free text that contains no word is rejected with its column."""
    frame = pd.DataFrame({"t": [f"{chr(i)} !" for i in range(200, 300)], "y": np.arange(100) / 7})
    with pytest.raises(DataError, match=r"t.csv: the words of t cannot be used .*data.drop"):
        prepared(tmp_path, frame)


def test_any_column_name_will_do(tmp_path: Path) -> None:
    """Column names may be numbers, or words that scikit-learn uses internally."""
    frame = mixed().rename(columns={"n": "0", "b": "a__b", "c": "number", "t": "text__t"})
    assert prepared(tmp_path, frame).summary.columns == ("0", "a__b", "number", "text__t")


@pytest.mark.parametrize("scale", ["standard", "minmax", "none"])
def test_saved_preprocessing_repeats_itself_on_raw_rows(scale: str, tmp_path: Path) -> None:
    """Preprocessing loaded in safe mode maps raw rows to exactly the arrays on disk."""
    frame = mixed()
    data = prepared(tmp_path, frame, scale=scale)
    _, test = train_test_split(np.arange(len(frame)), test_size=0.2, random_state=7)
    loaded = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    raw = frame.iloc[test][["t", "c", "y", "b", "n"]]  # another order and an extra column
    np.testing.assert_array_equal(loaded.transform(raw), data.x_test)


def test_rows_unlike_the_fitted_ones_are_refused(tmp_path: Path) -> None:
    """A missing column, text in a numeric column, an infinity and a wrong shape are named."""
    prepared(tmp_path, mixed().drop(columns=["c", "t"]))
    loaded = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    with pytest.raises(DataError, match="column 'n' is missing: add it"):
        loaded.transform(pd.DataFrame({"b": [True]}))
    with pytest.raises(DataError, match=r"column 'n' must hold numbers .*'five'"):
        loaded.transform(pd.DataFrame({"n": ["five"], "b": [True]}))
    with pytest.raises(DataError, match="row 0: column 'n' is inf"):
        loaded.transform(pd.DataFrame({"n": [np.inf], "b": [True]}))
    with pytest.raises(DataError, match=r"the rows have shape \(3,\) instead of \(2,\)"):
        loaded.transform(np.ones((1, 3)))
    assert loaded.transform(np.array([[1.0, 0.0]])).shape == (1, 2)


def test_values_that_scaling_makes_too_large_are_refused(tmp_path: Path) -> None:
    """A value far outside the training range cannot become an infinity unnoticed."""
    frame = pd.DataFrame({"a": np.arange(40) * 1e-8, "y": np.arange(40) / 7})
    _, test = train_test_split(np.arange(40), test_size=0.2, random_state=7)
    frame.loc[test[0], "a"] = 3e38
    with pytest.raises(DataError, match=f"row {test[0] + 2}: column 'a' is too large once scaled"):
        prepared(tmp_path, frame)


class Dangerous:
    """A class that preprocessing never uses."""


def test_preprocessing_with_strange_types_is_not_loaded(tmp_path: Path) -> None:
    """A file with any class that is not scikit-learn's own is rejected before it is loaded."""
    path = tmp_path / "preprocessing.skops"
    skops.io.dump({"kinds": {"a": "number"}, "transformer": Dangerous()}, path)
    with pytest.raises(DataError, match="Dangerous, which preprocessing never needs"):
        load_preprocessing(path)
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot be read as preprocessing"):
        load_preprocessing(path)


# ---- images


def image_table(rows: int = 300, side: int = 8) -> Table:
    """Return random images of two classes."""
    rng = np.random.default_rng(1)
    X = rng.integers(0, 256, (rows, side, side), np.uint8)
    y = np.arange(rows) % 2
    return Table("i", "i.npz", X, y, "y", "classification", {}, "")


@pytest.mark.parametrize("scale", ["standard", "minmax", "none"])
def test_images_are_scaled_by_one_pair_of_numbers(scale: str, tmp_path: Path) -> None:
    """All pixels share one scale, computed from the training pixels; the shape is kept."""
    table = image_table()
    _write(table, study(path="i.npz", target="y", scale=scale), tmp_path, tmp_path / "data")
    data = open_data(tmp_path / "data")
    y = table.y
    X_full, X_test, y_full, _ = train_test_split(
        table.X, y, test_size=0.2, random_state=7, stratify=y
    )
    X_train, *_ = train_test_split(X_full, y_full, test_size=0.2, random_state=7, stratify=y_full)
    offset, width = {
        "standard": (X_train.mean(), X_train.std()),
        "minmax": (X_train.min(), np.ptp(X_train)),
        "none": (0, 1),
    }[scale]
    expected = (X_test.astype(np.float64) - offset) / width
    np.testing.assert_allclose(data.x_test, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(data.meta["mean"], np.mean(data.x_train, dtype=float), atol=1e-6)
    np.testing.assert_allclose(data.meta["variance"], np.var(data.x_train, dtype=float), rtol=1e-5)
    loaded = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    np.testing.assert_array_equal(loaded.transform(X_test), data.x_test)
    with pytest.raises(DataError, match=r"the rows have shape \(2, 2\) instead of \(8, 8\)"):
        loaded.transform(np.ones((1, 2, 2)))


def test_images_are_never_copied_whole_as_floats(tmp_path: Path) -> None:
    """Preparing images needs a fraction of the memory of all of them as float32."""
    table = image_table(rows=20_000, side=28)
    tracemalloc.start()
    _write(table, study(path="i.npz", target="y"), tmp_path, tmp_path / "data")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000 * 28 * 28 * 4 / 3


def test_equal_pixels_are_not_divided_by_zero() -> None:
    """Images of a single color stay finite at every scale."""
    X = np.full((4, 2, 2), 7, np.uint8)
    for scale in ("standard", "minmax"):
        fitted = ArrayPreprocessing.fit(X, np.arange(4), scale)
        np.testing.assert_array_equal(fitted.transform(X), np.zeros((4, 2, 2), np.float32))


# ---- prepared data on disk


def test_the_summary_is_kept_with_the_arrays(tmp_path: Path) -> None:
    """Opening prepared data returns the summary without what only people look at."""
    summary = prepare(study(dataset="iris"), tmp_path, tmp_path / "data")
    assert open_data(tmp_path / "data").summary == summary.brief
    assert len(summary.profile.columns) == 5
    assert (summary.rows, summary.train, summary.validation, summary.test) == (150, 96, 24, 30)
    assert (summary.task, summary.classes, summary.input_shape) == (
        "multiclass",
        ("0", "1", "2"),
        (4,),
    )


def test_classes_are_numbered_in_sorted_order(tmp_path: Path) -> None:
    """Text labels become int64 numbers by sorted class; two classes make a binary task."""
    frame = pd.DataFrame({"a": np.arange(60), "y": ["yes", "no", "no"] * 20})
    data = prepared(tmp_path, frame, scale="none")
    assert data.summary.classes == ("no", "yes")
    assert data.summary.task == "binary"
    assert data.y_train.dtype == np.int64
    np.testing.assert_array_equal(data.y_train, data.x_train[:, 0] % 3 == 0)


def test_preparing_twice_gives_the_same_files_and_leaves_nothing_else(tmp_path: Path) -> None:
    """A second preparation replaces the directory with identical bytes and no leftovers."""
    prepared(tmp_path, mixed())
    first = {path.name: path.read_bytes() for path in (tmp_path / "data").glob("*.npy")}
    (tmp_path / "data" / "stale.npy").write_bytes(b"old")
    prepared(tmp_path, mixed())
    second = {path.name: path.read_bytes() for path in (tmp_path / "data").glob("*.npy")}
    assert second == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "t.csv"]


def test_a_failed_preparation_keeps_the_old_data(tmp_path: Path) -> None:
    """If new data cannot be used, the data prepared before remain."""
    before = prepared(tmp_path, mixed()).summary
    with pytest.raises(DataError):
        prepared(tmp_path, mixed(3))
    assert open_data(tmp_path / "data").summary == before


def test_opened_arrays_are_mapped_and_read_only(tmp_path: Path) -> None:
    """Trainings share the files, and none can change the data of another."""
    data = prepared(tmp_path, dataset="iris")
    assert isinstance(data.x_train, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        data.x_train[0] = 0


def test_damaged_data_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """A missing or damaged directory is rejected with a remedy, not a traceback."""
    with pytest.raises(DataError, match="delete this directory and run the study again"):
        open_data(tmp_path / "nowhere")
    prepared(tmp_path, dataset="iris")
    path = tmp_path / "data" / "x_train.npy"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="delete this directory and run the study again"):
        open_data(tmp_path / "data")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """If the arrays cannot be written, the error names the place and the reason."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="the arrays cannot be written"):
        prepare(study(dataset="iris"), tmp_path, tmp_path / "file" / "data")


# ---- the meta argument of model factories


class _SeenError(Exception):
    """An exception that carries the meta which scikeras passes to a factory."""


def _tell(meta: dict[str, Any]) -> None:
    raise _SeenError(meta)


@pytest.mark.keras
@pytest.mark.parametrize("name", ["diabetes", "breast_cancer", "iris"])
def test_meta_is_what_scikeras_would_say(name: str, tmp_path: Path) -> None:
    """A factory written for scikeras gets the same meta from searchlab."""
    from scikeras.wrappers import KerasClassifier, KerasRegressor

    data = prepared(tmp_path, dataset=name)
    wrapper = KerasRegressor if name == "diabetes" else KerasClassifier
    with pytest.raises(_SeenError) as caught:
        wrapper(model=_tell).fit(data.x_train, data.y_train)
    theirs = caught.value.args[0]
    if name == "diabetes":  # integers, which scikeras takes for classes
        assert theirs.pop("target_type_") == "multiclass"
        assert data.meta.pop("target_type_") == "continuous"
    for key in set(data.meta) & set(theirs):
        np.testing.assert_array_equal(data.meta[key], theirs[key], err_msg=key)
    ours = {"task", "input_shape", "scale", "mean", "variance", "inputs", "sizes"}
    assert set(data.meta) - ours <= set(theirs)


def test_meta_has_the_statistics_of_the_training_input(tmp_path: Path) -> None:
    """A model can normalize by itself data that the study leaves unscaled."""
    data = prepared(tmp_path, dataset="diabetes", scale="none")
    x = np.asarray(data.x_train, np.float64)
    np.testing.assert_allclose(data.meta["mean"], x.mean(axis=0))
    np.testing.assert_allclose(data.meta["variance"], x.var(axis=0))
    assert data.meta["task"] == "regression"
    assert data.meta["input_shape"] == (10,)
    assert data.meta["scale"] == "none"


def test_a_refit_has_the_rows_for_early_stopping_too(tmp_path):
    """A refit trains on the study's and the early-stopping rows, and fits preprocessing to all."""
    spec = study(dataset="diabetes")
    summary = prepare(spec, Path(), tmp_path / "data")
    plain, refit = open_data(tmp_path / "data"), open_data(refit_data(tmp_path / "data"))
    assert refit.summary.train == summary.train + summary.validation
    together = np.concatenate([plain.y_train, plain.y_validation])
    np.testing.assert_array_equal(refit.y_train, together)
    np.testing.assert_allclose(np.mean(refit.x_train, axis=0), 0, atol=1e-5)
    assert np.abs(np.mean(plain.x_train, axis=0)).max() < 1e-5, "as the study's own is to its own"
    np.testing.assert_array_equal(refit.y_test, plain.y_test)
    assert not np.allclose(refit.x_test, plain.x_test), "the same rows, scaled by more"
    prepare(spec.model_copy(update={"refit": False}), Path(), tmp_path / "data")
    assert not refit_data(tmp_path / "data").exists()
