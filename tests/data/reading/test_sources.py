"""Data sets of every kind of source have the values that were written."""

from __future__ import annotations

import decimal
import http.server
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import scipy.sparse
from PIL import Image

from searchlab.data.load import Table, load
from searchlab.data.reading.tables import read_columns
from searchlab.errors import DataError
from searchlab.study.data import DataSpec


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return numbers, words and missing values."""
    draw = np.random.default_rng(2)
    made = pd.DataFrame({"a": draw.normal(size=40).round(3), "n": draw.integers(0, 9, 40)})
    made["c"] = draw.choice(["red", "blue"], 40)
    made.loc[3, "a"] = np.nan
    made["y"] = draw.normal(size=40).round(3)
    return made


def loaded(base: Path, **keys: Any) -> Table:
    """Load a data set with the target y."""
    return load(DataSpec(**{"target": "y", **keys}), base)


def same(table: Table, frame: pd.DataFrame) -> bool:
    """Tell whether a table has the values of a frame."""
    np.testing.assert_array_equal(table.X["a"].to_numpy(float), frame["a"])
    np.testing.assert_array_equal(table.X["n"].to_numpy(float), frame["n"])
    assert table.X["c"].tolist() == frame["c"].tolist()
    np.testing.assert_array_equal(table.y, frame["y"])
    return dict(table.kinds) == {"a": "number", "n": "number", "c": "category"}


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx", "t.parquet", "t.feather"])
def test_every_kind_of_file_has_the_same_values(
    name: str, frame: pd.DataFrame, tmp_path: Path
) -> None:
    """Text, Excel, Parquet and Feather files of one table are one data set."""
    frame.to_csv(tmp_path / "first.csv", index=False)
    writers = {
        "t.csv": partial(frame.to_csv, index=False),
        "t.xlsx": partial(frame.to_excel, index=False),
        "t.parquet": frame.to_parquet,
        "t.feather": frame.to_feather,
    }
    writers[name](tmp_path / name)
    table = loaded(tmp_path, path=name)
    assert same(table, frame)
    assert table.digest == loaded(tmp_path, path="first.csv").digest


def test_a_sheet_is_chosen_by_its_name(frame: pd.DataFrame, tmp_path: Path) -> None:
    """The first sheet is read unless the study names one; a wrong name lists them."""
    with pd.ExcelWriter(tmp_path / "t.xlsx") as file:
        frame.assign(a=0.5).to_excel(file, sheet_name="old", index=False)
        frame.to_excel(file, sheet_name="new", index=False)
    assert same(loaded(tmp_path, path="t.xlsx", sheet="new"), frame)
    assert loaded(tmp_path, path="t.xlsx").X["a"].unique().tolist() == [0.5]
    with pytest.raises(
        DataError, match=r"no sheet 'nw'; the sheets are old, new: correct data.shee"
    ):
        loaded(tmp_path, path="t.xlsx", sheet="nw")


def test_cells_of_excel_are_numbers_by_what_they_hold(tmp_path: Path) -> None:
    """Numbers written as text, and marks for nothing among them, are read as in text files."""
    frame = pd.DataFrame({"a": [1.5, "2,5", "?", 4.5] * 5, "p": ["5%", "6%"] * 10})
    frame.assign(y=np.arange(20) / 7).to_excel(tmp_path / "t.xlsx", index=False)
    with pytest.raises(DataError, match="column 'a' writes numbers in more than one way"):
        loaded(tmp_path, path="t.xlsx")
    frame["a"] = [1.5, "2.5", "?", 4.5] * 5
    frame.assign(y=np.arange(20) / 7).to_excel(tmp_path / "t.xlsx", index=False)
    table = loaded(tmp_path, path="t.xlsx")
    np.testing.assert_array_equal(table.X["a"].iloc[:4], [1.5, 2.5, np.nan, 4.5])
    assert table.X["p"].tolist() == [5, 6] * 10
    frame.loc[7, "a"] = "lost"
    frame.assign(y=np.arange(20) / 7).to_excel(tmp_path / "t.xlsx", index=False)
    with pytest.raises(DataError, match="row 9: column 'a' holds numbers, but here 'lost'"):
        loaded(tmp_path, path="t.xlsx")


def test_parquet_keeps_its_index_decimals_and_categories(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    """A named index is a column, decimals are numbers, categories stay what they are."""
    frame["c"] = frame["c"].astype("category")
    frame["d"] = [decimal.Decimal(f"{n}.25") for n in range(40)]
    frame.set_index("n").to_parquet(tmp_path / "t.parquet")
    table = loaded(tmp_path, path="t.parquet")
    assert dict(table.kinds) == {"n": "number", "a": "number", "c": "category", "d": "number"}
    assert table.X["d"].tolist() == [n + 0.25 for n in range(40)]
    np.testing.assert_array_equal(table.X["n"], frame["n"])


def test_whole_numbers_of_parquet_keep_their_digits_beside_missing_ones(tmp_path: Path) -> None:
    """An id of 18 digits comes with the predictions as it was, though another row has none."""
    ids = [10**18 + 1, None, 10**18 + 3]
    pa.parquet.write_table(pa.table({"id": ids, "a": [1, 2, None]}), tmp_path / "t.parquet")
    frame = read_columns(tmp_path / "t.parquet")
    assert frame["id"].dropna().tolist() == [10**18 + 1, 10**18 + 3]
    assert frame["a"].dropna().tolist() == [1, 2]


def test_an_index_of_parquet_is_one_column_beside_missing_numbers(tmp_path: Path) -> None:
    """A named index of whole numbers of which one is missing becomes a column, once."""
    index = pd.Index(pd.array([1, None, 3], "Int64"), name="n")
    pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index).to_parquet(tmp_path / "t.parquet")
    assert list(read_columns(tmp_path / "t.parquet")) == ["n", "a"]


def test_a_directory_of_parquet_files_is_one_table(frame: pd.DataFrame, tmp_path: Path) -> None:
    """The parts of a directory's names are columns, as Spark and pandas write them."""
    frame.to_parquet(tmp_path / "parts", partition_cols=["c"])
    table = loaded(tmp_path, path="parts")
    assert sorted(table.y) == sorted(frame["y"])
    assert dict(table.kinds) == {"a": "number", "n": "number", "c": "category"}
    blue = table.X["c"] == "blue"
    assert sorted(table.y[blue]) == sorted(frame["y"][frame["c"] == "blue"])


def test_typed_text_with_marks_among_numbers_is_no_category(tmp_path: Path) -> None:
    """Numbers kept as text are text in Parquet, but not if ? among them shows what they are."""
    frame = pd.DataFrame({"zip": ["021", "945"] * 20, "a": [*map(str, range(39)), "?"]})
    frame.assign(y=np.arange(40) / 7).to_parquet(tmp_path / "t.parquet")
    table = loaded(tmp_path, path="t.parquet")
    assert dict(table.kinds) == {"zip": "category", "a": "number"}
    assert table.X["a"].isna().sum() == 1


# ---- several files


@pytest.mark.parametrize("path", ["parts/*.csv", ("parts/a.csv", "parts/b.csv")])
def test_several_files_are_one_table(path: Any, frame: pd.DataFrame, tmp_path: Path) -> None:
    """Files of a pattern or a list are joined by the names of their columns."""
    (tmp_path / "parts").mkdir()
    frame[:15].to_csv(tmp_path / "parts/a.csv", index=False)
    frame[15:][["y", "c", "n", "a"]].to_csv(tmp_path / "parts/b.csv", index=False)
    assert same(loaded(tmp_path, path=path), frame)


def test_an_error_in_one_of_several_files_names_it(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Rows and columns are told with the file they are in."""
    frame[:15].to_csv(tmp_path / "a.csv", index=False)
    frame[15:].assign(y=None).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(DataError, match=r"row 2 of b.csv: the target 'y' has no value"):
        loaded(tmp_path, path="[ab].csv")
    frame[15:].rename(columns={"c": "d"}).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(DataError, match=r"b.csv: column 'c' is only in one of this file and a.csv"):
        loaded(tmp_path, path="[ab].csv")
    frame[15:].assign(a="x").to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(DataError, match=r"b.csv: column 'a' holds words, and in a.csv numbers"):
        loaded(tmp_path, path="[ab].csv")


# ---- databases and functions


def test_a_query_is_a_table(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of a query are a data set; what the database refuses is told without its address."""
    with sqlite3.connect(tmp_path / "t.db") as connection:
        frame.to_sql("houses", connection, index=False)
    monkeypatch.setenv("HOUSES", f"sqlite:///{tmp_path}/t.db")
    keys = {"url_env": "HOUSES", "sql": "select a, n, c, y from houses order by rowid"}
    assert same(loaded(tmp_path, **keys), frame)
    with pytest.raises(
        DataError, match=r"database of HOUSES refuses data.sql .no such table: hous"
    ):
        loaded(tmp_path, **{**keys, "sql": "select * from hous"})
    monkeypatch.setenv("HOUSES", "secret")
    with pytest.raises(DataError, match="HOUSES is no address of a database") as caught:
        loaded(tmp_path, **keys)
    assert "secret" not in str(caught.value)
    monkeypatch.delenv("HOUSES")
    with pytest.raises(DataError, match="the environment variable HOUSES is not set"):
        loaded(tmp_path, **keys)


def test_a_query_is_sent_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colons and percent signs are SQL, long ids keep their digits, and no answer is told."""
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute("create table t (id integer, name text, y real)")
        rows = [(None if n == 3 else 10**17 + n, f"a :x {n} %s", n / 7) for n in range(40)]
        connection.executemany("insert into t values (?, ?, ?)", rows)
    connection.close()
    monkeypatch.setenv("T_URL", f"sqlite:///{tmp_path / 't.db'}")
    keys = {"url_env": "T_URL", "drop": ("id",)}
    table = loaded(tmp_path, sql="select * from t where name like 'a :x %'", **keys)
    assert table.X["name"].iloc[1] == "a :x 1 %s"
    assert table.aside is not None
    assert table.aside["id"].tolist()[:2] == [10**17, 10**17 + 1]
    with pytest.raises(DataError, match=r"returned no table for data\.sql: write one query"):
        loaded(tmp_path, sql="create table u (y real)", **keys)


FUNCTIONS = """
import numpy as np
import pandas as pd

X, Y = np.arange(60.0).reshape(20, 3), np.arange(20) / 7

def frame():
    return pd.DataFrame({"a": X[:, 0], "y": Y})

def pair():
    return X, Y

def weighted():
    return pd.DataFrame(X, columns=["a", "b", "c"]), pd.Series(Y, name="y"), np.ones(20)

def arrays():
    return {"X": X, "y": Y}

def keras():
    return (X[:15], Y[:15]), (X[15:], Y[15:])

def images():
    return np.ones((20, 4, 4, 1)), Y

def nothing():
    return None

def wrong():
    raise RuntimeError("no such\\ntable")

def needs(what):
    return what
"""


@pytest.mark.parametrize("name", ["frame", "pair", "weighted", "arrays", "keras", "images"])
def test_a_function_returns_a_data_set(name: str, tmp_path: Path) -> None:
    """Frames, arrays, pairs with or without weights and Keras' own pairs are data sets."""
    (tmp_path / "own_data.py").write_text(FUNCTIONS)
    table = loaded(tmp_path, function=f"own_data.py:{name}")
    np.testing.assert_array_equal(table.y, np.arange(20) / 7)
    assert (table.w is not None) == (name == "weighted")
    if name == "images":
        assert table.X.shape == (20, 4, 4, 1)
    else:
        np.testing.assert_array_equal(table.X.iloc[:, 0], np.arange(0, 60, 3))
    assigned = table.division.assigned if name == "keras" else None
    assert assigned is None or assigned.rows("test").tolist() == [15, 16, 17, 18, 19]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("own_data.py:nothing", "returned NoneType: return a frame"),
        ("own_data.py:wrong", "fails with RuntimeError: no such table"),
        ("own_data.py:nobody", "own_data.py has no function nobody"),
        ("other.py:load", "the data function's file other.py does not exist"),
        ("load", "there is no data function 'load'"),
    ],
)
def test_a_function_that_cannot_be_used_is_told_in_a_line(
    function: str, message: str, tmp_path: Path
) -> None:
    """Each problem of a function gives one line."""
    (tmp_path / "own_data.py").write_text(FUNCTIONS)
    with pytest.raises(DataError, match=message) as caught:
        loaded(tmp_path, function=function)
    assert "\n" not in str(caught.value)


# ---- arrays


@pytest.mark.parametrize("code", ["import sys\nsys.exit(3)\n", "def load():\n    exit(3)\n"])
def test_a_function_does_not_end_the_program(code: str, tmp_path: Path) -> None:
    """`sys.exit` in a module of the user's, or in its function, is an error like others."""
    (tmp_path / "own.py").write_text(code)
    with pytest.raises(DataError, match=r"own\.py.*SystemExit: 3"):
        loaded(tmp_path, function="own.py:load")


def test_arrays_in_keras_layout_keep_their_test_rows(tmp_path: Path) -> None:
    """x_train, y_train, x_test and y_test are one data set whose test rows are given."""
    x, y = np.arange(80, dtype=np.uint8).reshape(20, 2, 2), np.arange(20) % 2
    np.savez(tmp_path / "t.npz", x_train=x[:15], y_train=y[:15], x_test=x[15:], y_test=y[15:])
    table = loaded(tmp_path, path="t.npz")
    np.testing.assert_array_equal(table.X, x)
    assert table.division.assigned is not None
    assert table.division.assigned.rows("test").tolist() == [15, 16, 17, 18, 19]


def test_sparse_matrices_are_features(tmp_path: Path) -> None:
    """A matrix that SciPy wrote is X, with the target beside it or in a file of its own."""
    dense = np.eye(12)[:, :5]
    scipy.sparse.save_npz(tmp_path / "X.npz", scipy.sparse.csr_matrix(dense))
    np.save(tmp_path / "y.npy", np.arange(12) / 7)
    table = loaded(tmp_path, path=("X.npz", "y.npy"))
    np.testing.assert_array_equal(table.X, dense)
    np.testing.assert_array_equal(table.y, np.arange(12) / 7)
    with np.load(tmp_path / "X.npz") as parts:
        np.savez(tmp_path / "both.npz", y=np.arange(12) / 7, **parts)
    np.testing.assert_array_equal(loaded(tmp_path, path="both.npz").X, dense)


# ---- directories


def test_pictures_have_the_class_of_their_directory(tmp_path: Path) -> None:
    """Pictures of one size are read as they are, others once the study gives a size."""
    for number in range(6):
        for label in ("cat", "dog"):
            (tmp_path / "pets" / label).mkdir(parents=True, exist_ok=True)
            pixels = np.full((4, 6, 3), 10 * number + (label == "dog"), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / label / f"{number}.png")
    table = loaded(tmp_path, path="pets", target=None)
    assert table.X.shape == (12, 4, 6, 3)
    assert table.y.tolist() == ["cat"] * 6 + ["dog"] * 6
    assert table.X[7].tolist() == np.full((4, 6, 3), 11).tolist()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "pets/dog/odd.png")
    with pytest.raises(
        DataError, match=r"0.png has 4 x 6 pixels and odd.png 8 x 8: say data.image"
    ):
        loaded(tmp_path, path="pets")
    assert loaded(tmp_path, path="pets", image_size=(5, 5)).X.shape == (13, 5, 5, 3)
    (tmp_path / "pets/readme.txt").write_text("pets")
    with pytest.raises(DataError, match="pets: a directory holds pictures"):
        loaded(tmp_path, path="pets")


@pytest.mark.parametrize("count", [12, 60])
def test_texts_have_the_class_of_their_directory(count: int, tmp_path: Path) -> None:
    """Text files are the rows of one column of text, and however few they are, no categories."""
    for number in range(count):
        for label in ("bad", "good"):
            (tmp_path / label).mkdir(exist_ok=True)
            (tmp_path / label / f"{number}.txt").write_text(f"a {label} film, number {number}")
    table = load(DataSpec(path=tmp_path.name, target=None), tmp_path.parent)
    assert dict(table.kinds) == {"text": "text"}
    assert table.X["text"].iloc[0] == "a bad film, number 0"
    assert set(table.y) == {"bad", "good"}


# ---- other machines


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serve a directory by HTTP."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_file_is_fetched_from_its_address(
    server: str, frame: pd.DataFrame, tmp_path: Path
) -> None:
    """An address is read as the file there; a missing one is told without its query."""
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert same(loaded(tmp_path, path=f"{server}/t.csv"), frame)
    with pytest.raises(DataError, match=r"http://127.0.0.1/u.csv: cannot be fetched") as caught:
        loaded(tmp_path, path=f"{server}/u.csv?token=secret")
    assert "secret" not in str(caught.value)


def test_numbers_as_names_are_names(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Columns of Excel and Parquet that are years have these as names."""
    frame = frame.rename(columns={"a": 2019, "n": 2020})
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    frame[[2019, 2020]].to_parquet(tmp_path / "n.parquet")
    table = loaded(tmp_path, path="t.xlsx")
    np.testing.assert_array_equal(table.X["2020"].to_numpy(float), frame[2020])
    assert list(loaded(tmp_path, path="n.parquet", target="2020").X) == ["2019"]


def test_a_name_that_appears_twice_is_refused_in_sheets_and_queries(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sheet's second column would get another name, and a query's answer both."""
    frame.set_axis(["a", "n", "a", "y"], axis=1).to_excel(tmp_path / "t.xlsx", index=False)
    with sqlite3.connect(tmp_path / "t.db") as connection:
        frame.to_sql("t", connection, index=False)
    connection.close()
    monkeypatch.setenv("T_URL", f"sqlite:///{tmp_path / 't.db'}")
    for keys in ({"path": "t.xlsx"}, {"sql": "select t.*, a from t", "url_env": "T_URL"}):
        with pytest.raises(DataError, match="column 'a' appears twice: rename one"):
            loaded(tmp_path, **keys)


def test_a_functions_rows_have_marks_and_one_order(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Marks of missing values count in frames, and a shuffled target is no target of the rows."""
    frame.assign(a=frame["a"].fillna(-999)).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "own.py").write_text(
        f"import pandas as pd\nt = pd.read_csv({str(tmp_path / 't.csv')!r})\n"
        "def whole():\n    return t\n"
        "def pair():\n    return t[['a', 'n', 'c']], t['y'].sample(frac=1, random_state=1)\n"
        "def arrays():\n    return t[['a']].to_numpy(), t['y']\n"
    )
    assert same(loaded(tmp_path, function="own.py:whole", missing=(-999,)), frame)
    with pytest.raises(DataError, match="the same rows in another order"):
        loaded(tmp_path, function="own.py:pair")
    with pytest.raises(DataError, match=r"which must be complete: leave data\.missing out"):
        loaded(tmp_path, function="own.py:arrays", missing=(-999,))


def test_pictures_are_seen_as_viewers_show_them(tmp_path: Path) -> None:
    """A photo taken on its side is upright, transparency is white, and clutter is left out."""
    for name in ("side", "clear"):
        (tmp_path / "p" / name).mkdir(parents=True)
    side = Image.fromarray(np.arange(96, dtype=np.uint8).reshape(4, 8, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: to be turned clockwise
    side.save(tmp_path / "p/side/0.png", exif=exif)
    clear = np.zeros((8, 4, 4), np.uint8)
    clear[0, 0] = 10, 20, 30, 255
    Image.fromarray(clear).save(tmp_path / "p/clear/0.png")
    (tmp_path / "p/Thumbs.db").write_bytes(b"x")
    pictures = load(DataSpec(path="p"), tmp_path).X
    assert pictures.shape == (2, 8, 4, 3)
    assert pictures[0, 0, :2].tolist() == [[10, 20, 30], [255, 255, 255]]
    np.testing.assert_array_equal(pictures[1], np.rot90(np.asarray(side), -1))


def test_names_have_no_spaces_around_them(frame: pd.DataFrame, tmp_path: Path) -> None:
    """A column is called alike in text, Excel, Parquet and frames, whatever spaces are typed."""
    typed = frame.rename(columns={"a": "a ", "n": " n"})
    typed.to_csv(tmp_path / "t.csv", index=False)
    typed.to_excel(tmp_path / "t.xlsx", index=False)
    typed.to_parquet(tmp_path / "t.parquet")
    (tmp_path / "own.py").write_text(
        f"import pandas as pd\ndef t():\n    return pd.read_csv({str(tmp_path / 't.csv')!r})\n"
    )
    for keys in ({"path": f"t.{end}"} for end in ("csv", "xlsx", "parquet")):
        assert same(loaded(tmp_path, **keys), frame)
    assert same(loaded(tmp_path, function="own.py:t"), frame)


def test_whole_decimals_keep_their_digits(tmp_path: Path) -> None:
    """Numbers of more than 16 digits, which databases and Parquet have, are told apart."""
    classes = [decimal.Decimal(10**17 + n % 2) for n in range(40)]
    longer = [decimal.Decimal(10**25 + n) for n in range(40)]
    half = [decimal.Decimal(n) / 2 for n in range(40)]
    table = pa.table({"y": classes, "long": longer, "half": half})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    read = loaded(tmp_path, path="t.parquet")
    assert set(read.y.tolist()) == {10**17, 10**17 + 1}
    assert read.X["long"].tolist() == list(map(str, longer))
    assert read.X["half"].tolist() == [n / 2 for n in range(40)]


def test_pictures_of_more_than_8_bits_are_refused(tmp_path: Path) -> None:
    """Pillow cuts 16 bits off at 255, so that nearly all pixels would be white."""
    for place, name in enumerate(["dark", "light"]):
        (tmp_path / "p" / name).mkdir(parents=True)
        pixels = np.full((4, 4), 5000 + 9000 * place, np.uint16)
        Image.fromarray(pixels).save(tmp_path / "p" / name / "0.png")
    with pytest.raises(DataError, match=r"0\.png has pixels of more than 8 bits"):
        load(DataSpec(path="p"), tmp_path)
