"""Loading and validation of data sets."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets

from searchlab.data.catalog import DATASETS
from searchlab.data.load import Table, load
from searchlab.errors import DataError
from searchlab.study.data import DataSpec


def rows(*lines: str, count: int = 40) -> str:
    """Return a CSV file with the columns a, b and y: `lines` first, then plain rows."""
    plain = [f"{i},{i % 7}.5,{i * 1.1:.2f}" for i in range(count)]
    return "\n".join(["a,b,y", *lines, *plain]) + "\n"


def load_text(directory: Path, text: str, name: str = "t.csv", **keys: Any) -> Table:
    """Load `text` as a file."""
    path = directory / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return load(DataSpec(path=name, **{"target": "y", **keys}), directory)


def load_arrays(directory: Path, **arrays: Any) -> Table:
    """Load arrays from an NPZ file."""
    np.savez(directory / "t.npz", **arrays)
    return load(DataSpec(path="t.npz", target="y"), directory)


# ---- accepted data


@pytest.mark.parametrize("name", ["digits", "diabetes", "breast_cancer", "wine", "iris"])
def test_bundled_data_sets_are_scikit_learns(name: str) -> None:
    """A bundled data set has exactly scikit-learn's numbers, and the right task."""
    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    table = load(DataSpec(dataset=name), Path())
    np.testing.assert_array_equal(table.X.to_numpy(), X)
    np.testing.assert_array_equal(table.y, y)
    assert table.task == ("regression" if name == "diabetes" else "classification")
    assert (table.name, table.source) == (name, f"sklearn:{name}")


def test_an_unknown_data_set_is_refused_with_the_nearest_name() -> None:
    """A mistyped data set is rejected with the closest name as a suggestion."""
    with pytest.raises(DataError, match=r"iriss: no such data set; did you mean 'iris'\?"):
        load(DataSpec(dataset="iriss"), Path())


def test_every_listed_data_set_has_a_loader() -> None:
    """Every name in the list of data sets has a loader."""
    for name in set(DATASETS) - {"fashion_mnist"}:
        assert hasattr(sklearn.datasets, f"load_{name}") or hasattr(
            sklearn.datasets, f"fetch_{name}"
        )


@pytest.mark.keras
def test_fashion_mnist_has_the_librarys_test_images_after_the_others() -> None:
    """Fashion-MNIST is one table of images, which the study's own seed splits."""
    import keras

    try:
        (x, y), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
    except Exception:
        pytest.skip("Fashion-MNIST is not here and cannot be downloaded")
    table = load(DataSpec(dataset="fashion_mnist"), Path())
    np.testing.assert_array_equal(table.X[: len(x)], x)
    np.testing.assert_array_equal(table.X[len(x) :], x_test)
    np.testing.assert_array_equal(table.y, [*y, *y_test])
    assert table.task == "classification"


@pytest.mark.parametrize(
    ("name", "variable", "host"),
    [
        ("california_housing", "SCIKIT_LEARN_DATA", "https_proxy"),
        pytest.param("fashion_mnist", "KERAS_HOME", "https_proxy", marks=pytest.mark.keras),
    ],
)
def test_a_data_set_that_cannot_be_downloaded_names_the_remedy(
    name: str, variable: str, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network, the error names the variable that points to a copy."""
    monkeypatch.setenv(host, "http://127.0.0.1:9")  # no server listens there
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    if name == "fashion_mnist":  # Keras reads its variable once, at import
        import keras.src.utils.file_utils as utils

        monkeypatch.setattr(utils.config, "keras_home", lambda: str(tmp_path))
    with pytest.raises(DataError, match=f"{name}: not available .*{variable}"):
        load(DataSpec(dataset=name), tmp_path)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv", "t.parquet"])
def test_all_kinds_of_table_files_give_the_same_table(name: str, tmp_path: Path) -> None:
    """CSV, compressed CSV, TSV and Parquet files with the same content have the same digest."""
    expected = load_text(tmp_path, rows(), "expected.csv")
    if name.endswith(".parquet"):
        pd.read_csv(tmp_path / "expected.csv").to_parquet(tmp_path / name)
        table = load(DataSpec(path=name, target="y"), tmp_path)
    else:
        table = load_text(tmp_path, rows().replace(",", "\t" if "tsv" in name else ","), name)
    assert table.digest == expected.digest
    assert (table.name, table.source) == ("t", name)
    np.testing.assert_array_equal(table.X.to_numpy(), expected.X.to_numpy())


def test_the_digest_changes_with_a_value_a_name_and_the_target(tmp_path: Path) -> None:
    """The digest distinguishes data sets that differ in one cell, name or role."""
    text = rows()
    variants = [
        load_text(tmp_path, text),
        load_text(tmp_path, text.replace("3,3.5", "3,3.6")),
        load_text(tmp_path, text.replace("3.30", "3.31")),
        load_text(tmp_path, text.replace("a,b,y", "a,c,y")),
        load_text(tmp_path, text, target="b"),
        load_text(tmp_path, text, drop=("b",)),
    ]
    assert len({table.digest for table in variants}) == len(variants)
    assert load_text(tmp_path, text).digest == variants[0].digest


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    """A byte order mark, as spreadsheets write it, does not change the first column's name."""
    assert list(load_text(tmp_path, "\ufeff" + rows()).X) == ["a", "b"]
    assert load_text(tmp_path, "\ufeff" + rows(), target="a").target == "a"
    with pytest.raises(DataError, match="column 'a' appears twice"):
        load_text(tmp_path, "\ufeff" + rows().replace("a,b,y", "a,a,y"))


def test_an_absolute_path_is_not_kept(tmp_path: Path) -> None:
    """A file's source never reveals its directory."""
    load_text(tmp_path, rows())
    table = load(DataSpec(path=str(tmp_path / "t.csv"), target="y"), Path())
    assert table.source == "t.csv"


def test_columns_are_read_by_what_they_hold(tmp_path: Path) -> None:
    """Numbers, booleans, categories and free text are recognized, and missing values are kept."""
    lines = ["n,b,c,t,y", "1,True,red,tale 0,0.5", ",,,,1.5"]
    lines += [f"{i},False,blue,tale of {i},{i}.5" for i in range(2, 90)]
    table = load_text(tmp_path, "\n".join(lines))
    assert table.kinds == {"n": "number", "b": "boolean", "c": "category", "t": "text"}
    assert table.X["b"].iloc[0] == 1.0
    assert table.X.iloc[1].isna().all()
    assert table.X["c"].iloc[1] is None


def test_nullable_and_categorical_types_of_parquet_are_read(tmp_path: Path) -> None:
    """Nullable numbers and booleans keep their missing values; categories stay categories."""
    frame = pd.DataFrame({"y": np.arange(30) / 7})
    frame["n"] = pd.array([None, *range(29)], dtype="Int64")
    frame["b"] = pd.array([None, *[True] * 29], dtype="boolean")
    frame["c"] = pd.Categorical(["1", "2", "3"] * 10)
    frame.to_parquet(tmp_path / "t.parquet")
    table = load(DataSpec(path="t.parquet", target="y"), tmp_path)
    assert table.kinds == {"n": "number", "b": "boolean", "c": "category"}
    assert table.X.isna().sum().to_dict() == {"n": 1, "b": 1, "c": 0}
    assert table.X["c"].tolist()[:4] == ["1", "2", "3", "1"]


def test_empty_lines_do_not_shift_row_numbers(tmp_path: Path) -> None:
    """Lines without any value are skipped, and the rows after them keep their numbers."""
    assert len(load_text(tmp_path, rows("", ",,", count=30)).y) == 30
    with pytest.raises(DataError, match="row 4: the target 'y' has no value"):
        load_text(tmp_path, rows("", ",,", "1,2,"))


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["red", "blue"] * 20, "classification"),
        ([True, False] * 20, "classification"),
        ([0, 1] * 4, "classification"),
        ([0.0, 1.0] * 4, "classification"),
        ([1, 2, 3] * 20, "classification"),
        ([1, 2, 3] * 3, "regression"),
        (list(range(40)) * 40, "regression"),
        ([0.5, 1.5, 2.5] * 20, "regression"),
    ],
)
def test_the_task_is_inferred_from_the_target(values: list[Any], task: str, tmp_path: Path) -> None:
    """Text, booleans and few integers are classes; many integers or fractions are quantities."""
    text = "\n".join(["a,y", *(f"{i},{value}" for i, value in enumerate(values))])
    assert load_text(tmp_path, text).task == task


def test_the_study_file_has_the_last_word_on_the_task(tmp_path: Path) -> None:
    """data.task overrides the inferred task in both directions."""
    text = "\n".join(["a,y", *(f"{i},{i % 3}" for i in range(60))])
    assert load_text(tmp_path, text, task="regression").y.dtype == np.float64
    assert load_text(tmp_path, rows(), task="classification").task == "classification"


@pytest.mark.parametrize("key", ["X", "x", "features"])
def test_arrays_become_columns_and_deeper_ones_images(key: str, tmp_path: Path) -> None:
    """A 2-D NPZ array becomes a table with one column each; deeper arrays keep their shape."""
    y = np.arange(20) / 3
    table = load_arrays(tmp_path, **{key: np.eye(20)[:, :3], "y": y[:, None]})
    assert list(table.X) == [f"{key}0", f"{key}1", f"{key}2"]
    np.testing.assert_array_equal(table.y, y)
    images = load_arrays(tmp_path, **{key: np.ones((20, 4, 4), np.uint8), "y": y})
    assert images.X.shape == (20, 4, 4)


# ---- rejected data


@pytest.mark.parametrize(
    ("text", "keys", "message"),
    [
        ("", {}, "row 1 is empty"),
        ("a,y\n", {}, "there are no rows"),
        ("y\n1\n2\n", {}, "no columns are left"),
        (rows(), {"target": "yy"}, r"no column 'yy'; did you mean 'y'\?: correct data.target"),
        (rows(), {"target": "price"}, "no column 'price'; the columns are 'a', 'b', 'y'"),
        (rows(), {"drop": ("bb",)}, r"no column 'bb'; did you mean 'b'\?: correct data.drop"),
        (rows().replace("a,b,y", "a,a,y"), {}, "column 'a' appears twice"),
        (rows().replace("a,b,y", ",b,y"), {}, "add 'Unnamed: 0' to drop"),
        (rows("1,2,3", "1,2"), {}, "row 3 has 2 cells where the header has 3"),
        (rows("1,2,3,4"), {}, "row 2 has 4 cells where the header has 3"),
        (rows('1,"2,3'), {}, "t.csv: "),
        (rows("1,2,", "1,2,"), {}, r"row 2: the target 'y' has no value \(in 2 rows"),
        (rows("1,2,inf"), {}, "row 2: the target 'y' is inf"),
        (rows("1,2,3", "1,-inf,3"), {}, "row 3: column 'b' is -inf"),
        (rows("1e39,2,3"), {}, r"row 2: column 'a' is 1e\+39"),
        (rows("1,2,3", "1,2O,3"), {}, "row 3: column 'b' holds numbers, but here '2O'"),
        (rows("1,2,3", "1,2,3.l"), {}, "row 3: column 'y' holds numbers, but here '3.l'"),
        ("a,b,y\n" + "1,,2\n1,,3\n", {}, "column 'b' has no values: add it to data.drop"),
        ("a,y\n" + "1,2\n2,2\n", {}, "the target 'y' is 2 in all rows"),
        ("a,y\n" + "1,red\n2,red\n", {}, "the target 'y' is red in all rows"),
        ("y,a\n2024-01-05,1\n2024-02-05,2\n", {}, "column 'y' holds dates or times"),
        ("a,y\n1,red\n2,blue\n", {"task": "regression"}, "the target 'y' is text"),
    ],
)
def test_bad_tables_are_refused(
    text: str, keys: dict[str, Any], message: str, tmp_path: Path
) -> None:
    """Each defect of a table gives one line that names the file, the place and the remedy."""
    with pytest.raises(DataError, match=message) as caught:
        load_text(tmp_path, text, **keys)
    assert str(caught.value).startswith("t.csv: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.eye(4)}, "no array 'y'; the arrays are 'X'"),
        ({"y": np.arange(4)}, "which array has the features"),
        ({"a": np.eye(4), "b": np.eye(4), "y": np.arange(4)}, "which array has the features"),
        ({"X": np.eye(4), "y": np.arange(3)}, "X has 4 rows and y has 3"),
        ({"X": np.arange(4), "y": np.arange(4)}, r"X has shape \(4,\)"),
        ({"X": np.eye(4), "y": np.ones((4, 4))}, r"the target 'y' has shape \(4, 4\)"),
        (
            {"X": np.eye(4), "y": np.eye(4)},
            "the target .y. is one-hot, .*give the numbers of the cl",
        ),
        ({"X": np.eye(4).astype(str), "y": np.arange(4)}, "X has the type <U32"),
        ({"X": np.diag([1, np.nan, 1, 1]), "y": np.arange(4)}, r"X\[1, 1\] is nan"),
        ({"X": np.full((4, 2, 2), np.inf), "y": np.arange(4)}, r"X\[0, 0, 0\] is inf"),
        ({"X": np.eye(4), "y": np.array([0, 1, np.nan, 2])}, "row 2: the target 'y' has no value"),
        ({"X": np.eye(4), "y": np.array([1, "a", {}, 2], object)}, "cannot be read"),
    ],
)
def test_bad_arrays_are_refused(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Each defect of an NPZ file gives one line, and nothing is ever unpickled."""
    with pytest.raises(DataError, match=message):
        load_arrays(tmp_path, **arrays)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.parquet", "t.npz"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.9])
def test_truncated_files_are_refused(name: str, kept: float, tmp_path: Path) -> None:
    """A truncated file is rejected, wherever it is cut."""
    path = tmp_path / name
    frame = pd.DataFrame({"a": np.random.default_rng(1).random(500), "y": np.arange(500) / 7})
    if name == "t.npz":
        np.savez(path, X=frame[["a"]], y=frame["y"])
    elif name == "t.parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match=rf"{name}: (cannot be read|row 1 is empty)"):
        load(DataSpec(path=name, target="y"), tmp_path)


def test_a_missing_file_is_answered_with_near_names(tmp_path: Path) -> None:
    """A mistyped path is rejected with the closest file name as a suggestion."""
    load_text(tmp_path, rows(), "houses.csv")
    with pytest.raises(DataError, match=r"house.csv: no such file; did you mean 'houses.csv'\?"):
        load(DataSpec(path="house.csv", target="y"), tmp_path)


def test_unknown_endings_are_refused(tmp_path: Path) -> None:
    """A file of an unknown kind is rejected with those that are known."""
    with pytest.raises(DataError, match=r"t.docx: unknown kind of file: give one of .csv"):
        load_text(tmp_path, rows(), "t.docx")


def test_columns_of_bytes_and_durations_are_refused(tmp_path: Path) -> None:
    """Columns whose type preprocessing does not support are rejected by name."""
    frame = pd.DataFrame({"a": [b"x"] * 9, "y": np.arange(9) / 7})
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column 'a' holds bytes"):
        load(DataSpec(path="t.parquet", target="y"), tmp_path)
    frame["a"] = pd.to_timedelta(np.arange(9), unit="h")
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column 'a' holds timedelta64: drop it, or convert"):
        load(DataSpec(path="t.parquet", target="y"), tmp_path)


def test_a_target_whose_differences_float32_loses_is_refused(tmp_path: Path) -> None:
    """Seconds since 1970 that differ by a minute would all be the same number to a model."""
    for start in (1_700_000_000, 1_700_000):
        (tmp_path / f"{start}.csv").write_text(
            "a,y\n" + "".join(f"{row % 7},{start + row}\n" for row in range(40))
        )
    with pytest.raises(DataError, match="subtract a constant, such as 1700000000"):
        load(DataSpec(path="1700000000.csv", target="y"), tmp_path)
    assert load(DataSpec(path="1700000.csv", target="y"), tmp_path).y[1] == 1_700_001
