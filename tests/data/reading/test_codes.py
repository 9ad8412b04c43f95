"""Digits that are names keep what tells them apart: leading zeros, and more than 16 digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from searchlab.data.columns.tidy import tidy
from searchlab.data.load import Table, load
from searchlab.data.schema import RowSchema
from searchlab.inference.inputs import as_rows
from searchlab.inference.measure import encode
from searchlab.inference.raw import read_input
from searchlab.study.data import DataSpec

ROWS = 60
LONG = 10**19  # more than an int64 holds
CLASSES = [10**17 + 1, 10**17 + 2]  # equal as float64


def loaded(base: Path, keys: dict[str, Any] | None = None, **columns: list[Any]) -> Table:
    """Load a CSV file of some columns, repeated to as many rows as the longest has."""
    count = max(ROWS, *map(len, columns.values()))
    filled = {name: [each[n % len(each)] for n in range(count)] for name, each in columns.items()}
    frame = pd.DataFrame(filled, dtype=object)
    if "y" not in frame:
        frame["y"] = np.random.default_rng(0).normal(size=count)
    frame.insert(0, "x", np.arange(count) % 7 + 0.5)
    frame.to_csv(base / "t.csv", index=False)
    return load(DataSpec(path="t.csv", target="y", **(keys or {})), base)


@pytest.mark.parametrize(
    ("groups", "count"),
    [
        ([str(LONG + n // 3) for n in range(ROWS)], ROWS // 3),
        ([str(LONG + 10**6 * (n // 3) + n % 2) for n in range(ROWS)], None),
        ([str(2**53 + n // 3) for n in range(ROWS)], ROWS // 3),
        ([f"{n // 3:03}" for n in range(ROWS)], ROWS // 3),
    ],
)
def test_each_group_stays_one(groups: list[str], count: int | None, tmp_path: Path) -> None:
    """Groups of up to 20 digits are as many as there are, not those that float64 tells apart."""
    table = loaded(tmp_path, {"split": {"groups": "g"}}, g=groups)
    assert len(table.division.labels) == (count or len(set(groups)))
    assert set(table.division.labels) <= set(groups) | {str(int(each)) for each in groups}


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        ([str(each) for each in CLASSES], CLASSES),
        ([str(LONG + 1), str(LONG + 2)], [str(LONG + 1), str(LONG + 2)]),
        (["01", "02", "10"], ["01", "02", "10"]),
        (["1", "2", "10"], [1, 2, 10]),
        (["02", "3"], [2, 3]),
        (["0", "1"], [0, 1]),
    ],
)
def test_classes_are_as_they_are_written(
    cells: list[str], labels: list[Any], tmp_path: Path
) -> None:
    """A class 01 is not 1, and two classes of 18 or 20 digits are not one."""
    table = loaded(tmp_path, y=cells)
    assert table.task == "classification"
    assert sorted(set(table.y.tolist())) == labels
    schema = RowSchema.of(table, DataSpec(path="t.csv", target="y"), "multiclass", tuple(labels))
    target = read_input(tmp_path / "t.csv", schema).target
    assert target is not None
    expected = [labels.index(each) for each in table.y.tolist()]
    assert encode(target, schema).tolist() == expected


def test_classes_beside_rows_without_one_keep_their_digits(tmp_path: Path) -> None:
    """Rows without a target, which are left out, do not make fractions of long classes."""
    cells = [*map(str, CLASSES), None]
    table = loaded(tmp_path, {"missing_target": "drop"}, y=cells)
    assert sorted(set(table.y.tolist())) == CLASSES


def test_a_quantity_with_leading_zeros_is_one(tmp_path: Path) -> None:
    """Many different numbers of one length are no classes, and none where the study says so."""
    many = [f"{n:03}" for n in range(100)]
    assert loaded(tmp_path, y=many).task == "regression"
    table = loaded(tmp_path, {"task": "regression"}, y=["01", "02", "10"])
    assert sorted(set(table.y.tolist())) == [1, 2, 10]


def test_a_class_far_down_makes_all_of_them_text(tmp_path: Path) -> None:
    """01 behind the rows that are looked at first is the same class as above."""
    table = loaded(tmp_path, y=[*["10", "11"] * 150, "01"])
    assert set(table.y) == {"10", "11", "01"}


@pytest.mark.parametrize(
    ("cells", "kind", "note"),
    [
        (["0x1a", "0x1b", "0x2c"], "category", None),
        (["12"] * 300 + ["0x1a"] * 10, None, None),
        (["0e0", "1e1", "2e2"], "category", None),
        (["12", "1e10", "345"], "number", "'1e10' in 'h' read as 1e+10"),
        (["1.5", "1e5", "2"], "number", None),
        (["1e-3", "1e3", "1"], "number", None),
        ([str(LONG + n) for n in range(ROWS)], "text", None),
        ([str(10**18 + 7 * n) for n in range(ROWS)], "text", None),
        ([str(10**18 + 7 * (n // 30)) for n in range(300)], "category", None),
        ([*map(str, range(200)), *(str(10**18 + n) for n in range(200))], "text", None),
        ([str(10**18 + 10**9 * n) for n in range(ROWS)], "number", None),
        ([str(LONG + 10**9 * n) for n in range(ROWS)], "number", None),
    ],
)
def test_codes_are_text_or_it_is_said(
    cells: list[str], kind: str | None, note: str | None, tmp_path: Path
) -> None:
    """No hexadecimal code is a number, and 1e5 among whole numbers is told."""
    if kind is None:
        with pytest.raises(Exception, match="row 302: column 'h' holds numbers, but here '0x1a'"):
            loaded(tmp_path, h=cells)
        return
    table = loaded(tmp_path, h=cells)
    assert table.kinds["h"] == kind
    assert table.dialect is not None
    said = [each for each in table.dialect.described() if "read as" in each]
    assert [each.startswith(note or "") for each in said] == [True] * (note is not None)


def test_a_code_in_one_file_is_a_code_in_all(tmp_path: Path) -> None:
    """A file of one region without leading zeros has codes as that of another has."""
    for name, codes in {"a": ["02134", "90210"], "b": ["90210", "10001"]}.items():
        frame = pd.DataFrame({"zip": codes * 20, "y": np.arange(40) / 7})
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    table = load(DataSpec(path=("a.csv", "b.csv"), target="y"), tmp_path)
    assert set(table.X["zip"]) == {"02134", "90210", "10001"}


def test_codes_in_excel_keep_their_zeros(tmp_path: Path) -> None:
    """Codes stay text where some are numbers, in new rows too; numbers kept as text are numbers."""
    columns = {"zip": ["02134", 90210], "n": ["1", "2.5"], "m": [1, "3.5"]}
    frame = pd.DataFrame({name: values * 20 for name, values in columns.items()}, dtype=object)
    frame.assign(y=np.arange(40) / 7).to_excel(tmp_path / "t.xlsx", index=False)
    spec = DataSpec(path="t.xlsx", target="y")
    table = load(spec, tmp_path)
    assert table.kinds == {"zip": "category", "n": "number", "m": "number"}
    assert table.X.iloc[:2].to_numpy().tolist() == [["02134", 1.0, 1.0], ["90210", 2.5, 3.5]]
    schema = RowSchema.of(table, spec, "regression", ())
    frame.to_excel(tmp_path / "new.xlsx", index=False)
    rows = as_rows(read_input(tmp_path / "new.xlsx", schema).rows, schema)
    new = tidy(pd.DataFrame(rows), schema.kinds, schema.forms)
    assert new.to_numpy().tolist() == table.X.to_numpy().tolist()


def test_long_whole_numbers_of_typed_tables_are_codes_too(tmp_path: Path) -> None:
    """Integers that float64 makes equal stay apart as features, in new rows as well."""
    numbers = [10**18 + n % 4 for n in range(ROWS)]
    features = {"device": numbers, "n": np.arange(ROWS) * 10**15}
    frame = pd.DataFrame(features | {"y": np.arange(ROWS) / 7})
    frame.to_parquet(tmp_path / "t.parquet")
    table = load(DataSpec(path="t.parquet", target="y"), tmp_path)
    assert (table.kinds["device"], table.kinds["n"]) == ("category", "number")
    assert table.X["device"].tolist() == list(map(str, numbers))
    schema = RowSchema.of(table, DataSpec(path="t.parquet", target="y"), "regression", ())
    frame.drop(columns="y").to_parquet(tmp_path / "new.parquet")
    rows = as_rows(read_input(tmp_path / "new.parquet", schema).rows, schema)
    new = tidy(pd.DataFrame(rows), schema.kinds, schema.forms)
    assert new["device"].tolist() == list(map(str, numbers))
