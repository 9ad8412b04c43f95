"""Files of new rows are read as the data set that a model was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from searchlab.data.load import load
from searchlab.data.schema import RowSchema
from searchlab.errors import DataError
from searchlab.inference.raw import Input, read_input
from searchlab.study.data import DataSpec

COLUMNS = ["area", "rooms", "income", "city"]


@pytest.fixture
def rows() -> pd.DataFrame:
    """Return rows with numbers as people write them."""
    draw = np.random.default_rng(1)
    frame = pd.DataFrame({"area": draw.uniform(30, 250, 60).round(2)})
    frame["rooms"] = draw.integers(1, 7, 60)
    frame["income"] = draw.uniform(900, 90_000, 60).round(2)
    frame["city"] = draw.choice(["1", "2", "x"], 60)
    frame["y"] = draw.normal(size=60)
    return frame


def write(frame: pd.DataFrame, path: Path, separator: str = ",") -> None:
    """Write areas with decimal commas, and incomes with thousands."""
    written = frame.astype(object)
    if "area" in frame:
        written["area"] = [str(value).replace(".", ",") for value in frame["area"]]
    if "income" in frame:
        written["income"] = [f"{value:,.2f}" for value in frame["income"]]
    written.to_csv(path, index=False, sep=separator)


@pytest.fixture
def schema(rows: pd.DataFrame, tmp_path: Path) -> RowSchema:
    """Return the schema of a data set of such rows."""
    write(rows, tmp_path / "train.csv")
    spec = DataSpec(path="train.csv", target="y")
    return RowSchema.of(load(spec, tmp_path), spec, "regression", ())


def read(path: Path, schema: RowSchema) -> Input:
    """Read new rows, whose numbers are checked as `predict` does."""
    return read_input(path, schema)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_one_row_alone_is_read_as_the_data_set(
    separator: str, rows: pd.DataFrame, schema: RowSchema, tmp_path: Path
) -> None:
    """The notation of each column is the data set's, also where one row could not tell."""
    rows = rows.assign(income=[12_345.0, *rows["income"][1:]])[COLUMNS][::-1]
    write(rows[-1:][["city", "income", "rooms", "area"]], tmp_path / "new.csv", separator)
    found = read(tmp_path / "new.csv", schema).rows
    assert found["income"].tolist() == [12_345.0]
    assert found["area"].tolist() == [rows["area"].iloc[-1]]
    assert found["city"].tolist() == [rows["city"].iloc[-1]]


def test_new_rows_may_be_written_plainly(
    rows: pd.DataFrame, schema: RowSchema, tmp_path: Path
) -> None:
    """A file with decimal points is read, although the data set had decimal commas."""
    rows[COLUMNS].to_csv(tmp_path / "new.csv", index=False)
    found = read(tmp_path / "new.csv", schema).rows
    np.testing.assert_array_equal(found["area"], rows["area"])
    assert found["city"].tolist() == rows["city"].tolist()


def test_words_where_the_model_knows_numbers_are_refused(
    rows: pd.DataFrame, schema: RowSchema, tmp_path: Path
) -> None:
    """A mark that the data set did not have is no missing number: the row is named."""
    rows.astype({"rooms": object}).assign(rooms="?")[COLUMNS].to_csv(
        tmp_path / "new.csv", index=False
    )
    with pytest.raises(
        DataError, match=r"row 2: column 'rooms' holds numbers, but here '\?' .in 60"
    ):
        read(tmp_path / "new.csv", schema)
    rows.drop(columns="y").assign(extra="?").to_csv(tmp_path / "new.csv", index=False)
    assert len(read(tmp_path / "new.csv", schema).rows) == 60


def test_empty_rows_are_told_by_their_number(schema: RowSchema, tmp_path: Path) -> None:
    """An empty row between others is noted, as each row gets a prediction; the last are none."""
    lines = ["area,rooms,income,city", "1.5,2,3.5,x", ",,,", "2.5,3,4.5,x", "", ""]
    (tmp_path / "new.csv").write_text("\n".join(lines))
    given = read(tmp_path / "new.csv", schema)
    assert (given.empty, len(given.rows)) == ("row 3", 2)
    (tmp_path / "new.csv").write_text("\n".join([*lines[:2], *lines[3:]]))
    given = read(tmp_path / "new.csv", schema)
    assert (given.empty, len(given.rows)) == (None, 2)


def test_a_file_without_names_or_in_another_encoding_is_read_as_before(tmp_path: Path) -> None:
    """The study's keys about its file hold for new files, unless these differ."""
    lines = [f"{word};{n}\n" for n, word in enumerate(["Łódź", "Köln"] * 20)]
    (tmp_path / "t.csv").write_bytes("".join(lines).encode("cp1250"))
    spec = DataSpec(path="t.csv", target="column_2", header=False, encoding="cp1250")
    schema = RowSchema.of(load(spec, tmp_path), spec, "regression", ())
    for encoding in ("cp1250", "utf-8"):
        (tmp_path / "new.csv").write_bytes("Köln;1\nŁódź;2\n".encode(encoding))
        assert read(tmp_path / "new.csv", schema).rows["column_1"].tolist() == ["Köln", "Łódź"]
    (tmp_path / "new.csv").write_text("column_1\nKöln\n")
    assert read(tmp_path / "new.csv", schema).rows["column_1"].tolist() == ["Köln"]
