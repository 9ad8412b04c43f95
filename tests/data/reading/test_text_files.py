"""Text files in the dialects that people write are read alike, or refused with the key to give."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from searchlab.data.load import Table, load
from searchlab.data.reading.known import Known
from searchlab.data.reading.text import read_text
from searchlab.errors import DataError
from searchlab.study.data import DataSpec
from searchlab.study.reading import ReadingSpec


def read(text: str | bytes, **keys: Any) -> pd.DataFrame:
    """Read the content of a file with some of the study's keys."""
    data = text if isinstance(text, bytes) else text.encode()
    return read_text(lambda: data, "t.csv", Known(keys=ReadingSpec(**keys)), ",")[0]


def dialect(text: str | bytes, **keys: Any) -> list[str]:
    """Describe how a file writes its table."""
    data = text if isinstance(text, bytes) else text.encode()
    return list(
        read_text(lambda: data, "t.csv", Known(keys=ReadingSpec(**keys)), ",")[1].described()
    )


def flats() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return flats with numbers as people write them, and the numbers themselves."""
    draw = np.random.default_rng(3)
    true = pd.DataFrame(
        {
            "area": draw.uniform(30, 250, 90).round(2),
            "rooms": draw.integers(1, 7, 90),
            "income": draw.uniform(900, 250_000, 90).round(2),
            "fee": draw.uniform(1, 9, 90).round(1),
            "rent": draw.integers(500, 3_000, 90),
            "price": draw.uniform(50, 900, 90).round(3),
        }
    )
    written = true.astype(object)
    written["area"] = [f"{value:.2f}".replace(".", ",") for value in true["area"]]
    written["income"] = [f"{value:,.2f}" for value in true["income"]]
    written["fee"] = [f"{value} %" for value in true["fee"]]
    written["rent"] = [f"${value:,}" for value in true["rent"]]
    return written, true


def test_numbers_are_read_as_people_write_them() -> None:
    """Decimal commas, thousands, percent and currency signs side by side give the numbers."""
    written, true = flats()
    text = written.to_csv(index=False)
    pd.testing.assert_frame_equal(read(text).reset_index(drop=True), true)
    assert dialect(text) == [
        "numbers of 'area' with decimals ','",
        "numbers of 'income' with thousands ','",
        "numbers of 'fee' with sign '%'",
        "numbers of 'rent' with thousands ',', sign '$'",
    ]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_file_of_decimal_commas_has_any_separator(separator: str) -> None:
    """Separators are found out by looking, also where each cell has a comma."""
    frame = pd.DataFrame({"a": [1.5, 2.25, -3.75], "b": [1234.5, 0.5, 7.0], "y": [1, 2, 3]})
    text = frame.to_csv(index=False, sep=separator, decimal=",")
    pd.testing.assert_frame_equal(read(text).reset_index(drop=True), frame)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.234,5", "2,5"], [1234.5, 2.5]),
        (["1.234.567", "12"], [1234567, 12]),
        (["1 234", "12\u00a0345"], [1234, 12345]),
        (["1'234.5", "7"], [1234.5, 7]),
        (["0,123", "1,234"], [0.123, 1.234]),
        (["(1,200.50)", "3"], [-1200.5, 3]),
        (["-$5", "$6"], [-5, 6]),
        (["\u22125", "5"], [-5, 5]),
        (["1.200 \u20ac", "3,50 \u20ac"], [1200, 3.5]),
        (["5 EUR", "6,5 EUR"], [5, 6.5]),
        ([" 5", "6.5 "], [5, 6.5]),
        (["1e3", "2.5E-1"], [1000, 0.25]),
    ],
)
def test_each_notation_has_one_value(cells: list[str], values: list[float]) -> None:
    """A mark is taken for what it can only be."""
    text = "a;y\n" + "".join(f"{cell};0\n" for cell in cells)
    assert read(text)["a"].tolist() == values


def test_a_dot_between_thousands_is_none_for_decimals() -> None:
    """Beside decimal commas 1.234 is 1234, beside decimal points it is not."""
    assert read("a;b\n1.234;0,5\n12.345;1,5\n")["a"].tolist() == [1234, 12345]
    assert read("a;b\n1.234;0.5\n12.345;1.5\n")["a"].tolist() == [1.234, 12.345]
    assert read("a;b;c\n1.234;0,5;1.5\n12.345;1,5;2.5\n")["a"].tolist() == [1.234, 12.345]


@pytest.mark.parametrize(
    "write",
    [
        lambda value: f"${value:,.2f}",
        lambda value: f"{value:,.2f} \u20ac".translate(str.maketrans(",.", ".,")),
    ],
    ids=["dollars", "euros"],
)
def test_a_target_is_a_quantity_however_it_is_written(write: Any, tmp_path: Path) -> None:
    """Prices with a currency and thousands are numbers to predict, not a class each."""
    prices = np.random.default_rng(5).uniform(900, 250_000, 60).round(2)
    frame = pd.DataFrame({"a": np.arange(60) / 7, "y": [write(price) for price in prices]})
    table = load_frame(tmp_path, frame)
    assert table.task == "regression"
    np.testing.assert_allclose(table.y, prices)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a,y\n"1,234",1\n"2,345",2\n', "column 'a' has numbers such as '1,234', .*data.decimal"),
        ('a,y\n"1,5",1\n2.5,2\n', "column 'a' writes numbers in more than one way"),
        ("a,y\n5%,1\n0.5,2\n", "column 'a' has numbers with different signs"),
        ("a,y\n$5,1\n\u20ac6,2\n", "column 'a' has numbers with different signs"),
        ("a;b,c\nv;w,x\ny;z,q\n", "separated by commas or semicolons: say which, as data.sepa"),
        ("1,2\n3,4\n", "row 1 holds numbers, not names: say data.header: false"),
    ],
)
def test_an_ambiguous_file_is_refused_with_the_key_to_give(text: str, message: str) -> None:
    """If looking does not tell, one line names the key that does."""
    with pytest.raises(DataError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_keys_tell_what_looking_cannot() -> None:
    """Decimal and thousands decide on 1,234, for all columns or by name."""
    text = 'a,b,y\n"1,234","1,234",1\n"2,345","2,345",2\n'
    assert read(text, decimal=",")["a"].tolist() == [1.234, 2.345]
    assert read(text, decimal=".")["a"].tolist() == [1234, 2345]
    assert read(text, thousands=",")["a"].tolist() == [1234, 2345]
    mixed = read(text, decimal={"a": ",", "b": "."})
    assert (mixed["a"].tolist(), mixed["b"].tolist()) == ([1.234, 2.345], [1234, 2345])
    assert list(read("1,2\n3,4\n", header=False)) == ["column_1", "column_2"]
    assert read("1,2\n3,4\n", header=True)["1"].tolist() == [3]
    assert read("a;b,c\nv;w,x\ny;z,q\n", separator=";")["b,c"].tolist() == ["w,x", "z,q"]


def test_cells_are_numbers_rather_than_parts_of_them() -> None:
    """Of two marks that divide all rows evenly, the one that leaves numbers separates cells."""
    assert read("a;b,c;d\n1;2,5;3\n4;5,5;6\n")["b,c"].tolist() == [2.5, 5.5]


@pytest.mark.parametrize("keys", [{}, {"separator": " "}])
def test_cells_may_be_separated_by_any_number_of_spaces(
    keys: dict[str, str], tmp_path: Path
) -> None:
    """Columns that are aligned by spaces are cells, and text in quotation marks is one."""
    rows = [f'{n:4}   {n / 8:.3f}  {n % 3}  "car  {n % 2}"  ' for n in range(40)]
    (tmp_path / "t.txt").write_text("\n".join(["  a b  y    name", *rows]))
    table = load(DataSpec(path="t.txt", target="b", **keys), tmp_path)
    assert table.y.tolist() == [n / 8 for n in range(40)]
    assert table.X.iloc[3].tolist() == [3.0, 0.0, "car  1"]
    (tmp_path / "t.txt").write_text("\n".join(rows))
    bare = load(DataSpec(path="t.txt", target="column_2", **keys), tmp_path)
    assert bare.y.tolist() == table.y.tolist()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_recognised(encoding: str) -> None:
    """UTF-8, UTF-16 by its mark and Windows' code page give the same text."""
    content = "größe;ort\n1;Köln\n2;Łódź\n".replace("Łódź", "Zürich").encode(encoding)
    assert read(content)["ort"].tolist() == ["Köln", "Zürich"]
    assert list(read(content)) == ["größe", "ort"]


def test_an_encoding_that_is_not_certain_is_refused() -> None:
    """Bytes that neither UTF-8 nor cp1252 knows need a key."""
    with pytest.raises(
        DataError, match=r"unknown encoding \(byte 4 is none of cp1252\): give data.enc"
    ):
        read(b"a,y\n\x81,1\n")
    assert read("a,y\nŁ,1\n".encode("cp1250"), encoding="cp1250")["a"].tolist() == ["Ł"]


def test_comments_are_left_out_and_rows_keep_their_numbers() -> None:
    """Lines of comments, above and between rows, do not shift the numbers of the others."""
    text = "# made by a machine\n# in 2021\na,y\n1,2\n\n3,4\n"
    assert read(text).index.tolist() == [4, 6]
    assert read("a,y\n1,2\n//x,y\n3,4\n", comment="//").index.tolist() == [2, 4]


def test_a_mark_of_comments_within_quotes_is_text() -> None:
    """A cell of several lines, of which one begins with the mark, stays whole."""
    frame = read('# made by x\na,y\n"x ""1""\n# inside",1\n# 5" pipe\n"z",2\n')
    assert frame["a"].tolist() == ['x "1"\n# inside', "z"]
    assert frame.index.tolist() == [3, 5]


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;"])
def test_excels_line_with_the_separator_is_no_header(line: str) -> None:
    """Excel's first line says the separator, and row 2 names the columns."""
    frame = read(f"{line}\r\na;b,c;y\r\n1;2,5;3\r\n4;5,5;6\r\n")
    assert list(frame) == ["a", "b,c", "y"]
    assert frame["b,c"].tolist() == [2.5, 5.5]
    assert frame.index.tolist() == [3, 4]


def test_a_header_may_begin_with_a_hash() -> None:
    """One line with # and as many cells as the rows names the columns."""
    assert list(read("#id,y\n1,2\n3,4\n")) == ["#id", "y"]


# ---- missing values


def horses() -> pd.DataFrame:
    """Return a table that has a question mark for each missing number."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"temp": draw.normal(38, 0.7, 300).round(1)})
    frame["pulse"] = draw.integers(40, 160, 300)
    frame["y"] = draw.choice(["died", "lived"], 300)
    frame = frame.astype({"temp": str, "pulse": str})
    frame.loc[draw.random(300) < 0.4, "temp"] = "?"
    frame.loc[draw.random(300) < 0.05, "pulse"] = "n/a"
    frame.loc[7, "pulse"] = "-"
    return frame


def load_frame(directory: Path, frame: pd.DataFrame, **keys: Any) -> Table:
    """Load a table from a CSV file."""
    frame.to_csv(directory / "t.csv", index=False)
    return load(DataSpec(path="t.csv", target="y", **keys), directory)


def test_question_marks_among_numbers_are_missing_values(tmp_path: Path) -> None:
    """A column of numbers and the usual marks for nothing is one of numbers, and it is said."""
    frame = horses()
    table = load_frame(tmp_path, frame)
    assert table.kinds == {"temp": "number", "pulse": "number"}
    isna = table.X.isna().sum()
    assert isna["temp"] == (frame["temp"] == "?").sum()
    assert isna["pulse"] == frame["pulse"].isin(["n/a", "-"]).sum()
    assert table.dialect is not None
    assert dict(table.dialect.missing) == {"temp": ("?",), "pulse": ("-",)}


def test_all_columns_with_other_words_are_named_at_once(tmp_path: Path) -> None:
    """Words that may be mistakes refuse the data, with the row and word of each column."""
    frame = horses().replace({"?": "lost", "n/a": "broken"})
    with pytest.raises(DataError) as caught:
        load_frame(tmp_path, frame)
    said = str(caught.value)
    assert "column 'temp' holds numbers, but here 'lost' (in " in said
    assert "column 'pulse' holds numbers, but here 'broken' (in " in said
    assert said.endswith("or name the word in data.missing")
    assert load_frame(tmp_path, frame, missing=("lost", "broken")).kinds["temp"] == "number"
    left = load_frame(tmp_path, frame.assign(age=1.5), drop=("temp", "pulse"))
    assert list(left.X) == ["age"]


def test_numbers_stand_for_missing_values_only_when_said(tmp_path: Path) -> None:
    """-999 is a number unless the study says that it is none."""
    frame = pd.DataFrame({"a": [1.5, -999.0, 3.5] * 10, "b": [1, -999, 3] * 10})
    frame["y"] = np.arange(30) / 7
    assert load_frame(tmp_path, frame).X["a"].isna().sum() == 0
    assert load_frame(tmp_path, frame, missing=(-999,)).X.isna().sum().tolist() == [10, 10]


def test_words_of_a_target_are_classes() -> None:
    """NA and None are missing among features, and classes of a target."""
    known = Known(target="y")
    frame, _, _ = read_text(lambda: b"a,y\nNA,NA\nx,None\nx,yes\n", "t.csv", known, ",")
    assert frame["y"].tolist() == ["NA", "None", "yes"]
    assert frame["a"].isna().tolist() == [True, False, False]


def test_codes_keep_their_zeros() -> None:
    """Digits of one length with leading zeros are codes, not quantities."""
    assert read("zip,y\n02134,1\n90210,2\n")["zip"].tolist() == ["02134", "90210"]
    assert read("n,y\n02,1\n3,2\n")["n"].tolist() == [2, 3]


# ---- rows


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("above", ["Sales of 2024\n\n", "Sales{0}2024\n", "% from a logger\n%\n"])
def test_lines_above_the_table_are_told_as_such(above: str, mark: str, tmp_path: Path) -> None:
    """A title is no header: its rows of other lengths are not what is wrong."""
    rows = [mark.join(["x", "y"]), *(f"{n}{mark}{n % 7}" for n in range(30))]
    (tmp_path / "t.csv").write_text(above.format(mark) + "\n".join(rows))
    with pytest.raises(DataError, match="in a row below the first one: delete the lines above it"):
        load(DataSpec(path="t.csv", target="y"), tmp_path)


def test_a_cell_that_is_called_as_the_target_is_no_header(tmp_path: Path) -> None:
    """A misspelled target that some cell spells is still told with the columns that there are."""
    (tmp_path / "t.csv").write_text("colour,reds\n" + "red,dark\nblue,bright\n" * 20)
    with pytest.raises(DataError, match="no column 'red'; did you mean 'reds'"):
        load(DataSpec(path="t.csv", target="red"), tmp_path)


UNITS = [["t", "x", "y"], ["s", "", "kg"], *([n, n + 0.5, n / 7] for n in range(20))]
LEVELS = [["", "y", "y"], ["", "mean", "std"], ["g", "", ""], ["a", 1.5, 2.5], ["b", 3.5, 4.5]]


@pytest.mark.parametrize("rows", [UNITS, LEVELS])
@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_second_row_of_names_is_refused_as_such(
    rows: list[list[Any]], ending: str, tmp_path: Path
) -> None:
    """Units below the names, and a pandas table of two levels, are no mistyped numbers."""
    frame, path = pd.DataFrame(rows), tmp_path / f"t.{ending}"
    write = frame.to_csv if ending == "csv" else frame.to_excel
    write(path, index=False, header=False)
    with pytest.raises(DataError, match="looks like a second row of names, or of units: leave one"):
        load(DataSpec(path=path.name, target="y"), tmp_path)


def test_words_in_the_first_row_of_data_may_be_mistakes() -> None:
    """One word, or two beside numbers, are told as words among numbers; missing marks are none."""
    rows = "".join(f"{n},{n},{n}\n" for n in range(20))
    with pytest.raises(DataError, match="row 2: column 'a' holds numbers, but here 'x'"):
        read(f"a,b,c\nx,y,1\n{rows}")
    assert read(f"a,b,c\n?,-,\n{rows}").isna().sum().tolist() == [1, 1, 1]


@pytest.mark.parametrize("packed", ["t.csv.gz", "t.csv.zip", "t.zip", "t.csv.bz2", "t.csv.xz"])
def test_packed_files_are_read(packed: str, tmp_path: Path) -> None:
    """A text file may be in an archive."""
    frame = pd.DataFrame({"a": np.arange(30), "y": np.arange(30) / 7})
    frame.to_csv(tmp_path / packed, index=False)
    assert load(DataSpec(path=packed, target="y"), tmp_path).X["a"].tolist() == list(range(30))


def test_an_archive_has_one_file(tmp_path: Path) -> None:
    """The file that is meant among several is not guessed."""
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", "a,y\n1,2\n")
        archive.writestr("b.csv", "a,y\n1,2\n")
    with pytest.raises(DataError, match=r"t.zip: has 2 files in it: give one with one file"):
        load(DataSpec(path="t.zip", target="y"), tmp_path)


def test_what_a_system_puts_into_archives_is_no_data(tmp_path: Path) -> None:
    """Hidden files and those of macOS and Windows beside the one file do not count."""
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("data/a.csv", "a,y\n" + "1,2\n2,3\n" * 10)
        for name in (".DS_Store", "data/.DS_Store", "__MACOSX/data/._a.csv", "data/Thumbs.db"):
            archive.writestr(name, b"\0")
    assert len(load(DataSpec(path="t.zip", target="y"), tmp_path).y) == 20


def test_short_rows_are_refused_by_their_number() -> None:
    """Rows are counted with empty ones and those with line breaks in quotes."""
    with pytest.raises(DataError, match="row 5 has 1 cells where the header has 2"):
        read('a,y\n1,2\n\n"x\ny",2\n3\n4,5\n')
    with pytest.raises(DataError, match="ends within quotation marks"):
        read('a,y\n1,2\n3,"4')


def test_a_large_file_is_read_as_a_small_one() -> None:
    """Rows behind the part that is looked at are read alike."""
    lines = [f"{n};{n},5;word {n % 3}" for n in range(40_000)]
    frame = read("a;b;c\n" + "\n".join(lines) + "\n")
    assert frame["b"].tolist() == [n + 0.5 for n in range(40_000)]
    assert frame.index[-1] == 40_001
