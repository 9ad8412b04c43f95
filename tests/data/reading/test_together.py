"""Files that are read together, or after a model was made, mean the same by their numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from searchlab.data.load import Table, load
from searchlab.data.schema import RowSchema
from searchlab.errors import DataError
from searchlab.inference.inputs import as_rows
from searchlab.inference.raw import read_input
from searchlab.study.data import DataSpec

Y = np.random.default_rng(0).normal(size=40).round(3)


def write(path: Path, cells: list[Any], name: str = "a") -> None:
    """Write a column besides a target, one or as many as there are rows."""
    column = [cells[row % len(cells)] for row in range(len(Y))]
    pd.DataFrame({name: column, "n": Y[::-1], "y": Y}).to_csv(path, index=False)


def loaded(base: Path, **keys: Any) -> Table:
    """Load a data set with the target y."""
    return load(DataSpec(**{"target": "y", **keys}), base)


UNLIKE = [(["50%", "3%"], ["0.5"]), (["0.5", "0.2"], ["5%"]), (["€3", "€4"], ["$3"])]


@pytest.mark.parametrize(("one", "other"), UNLIKE)
@pytest.mark.parametrize("keys", [{"path": ("1.csv", "2.csv")}, {"test_path": "2.csv"}])
def test_files_with_other_units_are_refused(
    keys: dict[str, Any], one: list[str], other: list[str], tmp_path: Path
) -> None:
    """50 % and 0.5 in two files of a data set would be the numbers 50 and 0.5 of one column."""
    write(tmp_path / "1.csv", one)
    write(tmp_path / "2.csv", other)
    with pytest.raises(DataError, match=r"2\.csv: column 'a' has numbers .*: write both alike"):
        loaded(tmp_path, **{"path": "1.csv", **keys})


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_new_rows_with_another_unit_are_refused(
    one: list[str], other: list[str], tmp_path: Path
) -> None:
    """A model that learned from 50 % has no prediction for 0.5, which may be the same."""
    write(tmp_path / "1.csv", one)
    write(tmp_path / "2.csv", other)
    spec = DataSpec(path="1.csv", target="y")
    schema = RowSchema.of(load(spec, tmp_path), spec, "regression", ())
    assert len(read_input(tmp_path / "1.csv", schema).rows) == len(Y)
    with pytest.raises(DataError, match=r"column 'a' has numbers .* in the data set"):
        read_input(tmp_path / "2.csv", schema)


def test_a_currency_may_be_left_out(tmp_path: Path) -> None:
    """A price without its currency is the same number."""
    write(tmp_path / "1.csv", ["€3", "€4"])
    write(tmp_path / "2.csv", ["5", "6.5"])
    table = loaded(tmp_path, path="1.csv", test_path="2.csv")
    assert table.X["a"].iloc[[0, 1, 40, 41]].tolist() == [3, 4, 5, 6.5]


@pytest.mark.parametrize("keys", [{"path": ("1.csv", "2.csv")}, {"test_path": "2.csv"}])
@pytest.mark.parametrize("gaps", ["1.csv", "2.csv"])
def test_true_and_false_are_alike_with_and_without_gaps(
    keys: dict[str, Any], gaps: str, tmp_path: Path
) -> None:
    """A missing cell in one of two files does not make true and false words there."""
    for name in ("1.csv", "2.csv"):
        write(tmp_path / name, ["true", "false", *([""] if name == gaps else [])])
    table = loaded(tmp_path, **{"path": "1.csv", **keys})
    assert table.kinds["a"] == "boolean"
    assert table.X["a"].iloc[[0, 1, 40, 41]].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("gaps", ["1.csv", "2.csv", "both"])
def test_codes_are_codes_in_all_files_with_and_without_gaps(gaps: str, tmp_path: Path) -> None:
    """A file whose zip codes have no leading zero, but a missing one, has no numbers."""
    codes = {"1.csv": ["02134", "02135", "12000"], "2.csv": ["12134", "12135", "12000"]}
    for name, cells in codes.items():
        write(tmp_path / name, [*cells, ""] if gaps in {name, "both"} else cells, "zip")
    table = loaded(tmp_path, path=("1.csv", "2.csv"))
    assert table.kinds["zip"] == "category"
    assert set(table.X["zip"].dropna()) == {*codes["1.csv"], *codes["2.csv"]}
    write(tmp_path / "2.csv", ["12134.5", "12135"], "zip")
    with pytest.raises(DataError, match=r"1\.csv: column 'zip' holds words, and in 2\.csv numbers"):
        loaded(tmp_path, path=("1.csv", "2.csv"))


@pytest.mark.parametrize("test", [["yes", "no"], ["True", ""], ["1", "0"]])
def test_new_files_say_true_and_false_in_their_way(test: list[str], tmp_path: Path) -> None:
    """A model of true and false takes yes and no from files as it does from JSON."""
    write(tmp_path / "1.csv", ["true", "false"])
    write(tmp_path / "2.csv", test)
    spec = DataSpec(path="1.csv", target="y")
    table = load(spec, tmp_path)
    schema = RowSchema.of(table, spec, "regression", ())
    read = read_input(tmp_path / "2.csv", schema).rows
    assert [read["a"].iloc[0], read["a"].iloc[1]] == [True, False if test[1] else None]
    both = loaded(tmp_path, path="1.csv", test_path="2.csv")
    assert both.kinds["a"] == "boolean"
    write(tmp_path / "2.csv", ["yes", "perhaps"])
    with pytest.raises(DataError, match="row 3: column 'a' holds true and false, but here 'perh"):
        read_input(tmp_path / "2.csv", schema)


def test_marks_of_missing_numbers_are_known_in_every_notation(tmp_path: Path) -> None:
    """-999 is missing also where it is written with a decimal comma, or comes as a number."""
    write(tmp_path / "t.csv", ["-999,0", "1,5", "2,25"])
    spec = DataSpec(path="t.csv", target="y", missing=(-999,))
    table = load(spec, tmp_path)
    np.testing.assert_array_equal(table.X["a"].iloc[:3], [np.nan, 1.5, 2.25])
    schema = RowSchema.of(table, spec, "regression", ())
    given: list[Any] = [[{"a": -999, "n": 1}], pd.DataFrame({"a": [-999.0], "n": 1}), [[-999, 1]]]
    for rows in given:
        frame = as_rows(rows, schema)
        assert isinstance(frame, pd.DataFrame)
        assert frame["a"].isna().tolist() == [True]
        assert frame["n"].tolist() == [1]


def test_an_empty_first_row_is_refused_with_its_number(tmp_path: Path) -> None:
    """Each row of a file gets a prediction, so a row that is left out would shift them."""
    write(tmp_path / "t.csv", [1.5, 2.5])
    spec = DataSpec(path="t.csv", target="y")
    schema = RowSchema.of(load(spec, tmp_path), spec, "regression", ())
    for text, empty in (
        ("a,n\n,\n1,2\n", "row 2"),
        ("a,n\n1,2\n,\n1,2\n", "row 3"),
        ("a,n\n1,2\n,\n", None),
    ):
        (tmp_path / "new.csv").write_text(text)
        assert read_input(tmp_path / "new.csv", schema).empty == empty
