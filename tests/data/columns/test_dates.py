"""Dates: the forms that are recognised, read and refused, and what a model gets of them."""

from __future__ import annotations

import datetime
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from searchlab.data.columns import dates
from searchlab.data.columns.parts import expand, possible_parts
from searchlab.data.load import load
from searchlab.data.prepare import prepare
from searchlab.data.prepared import PreparedData, open_data
from searchlab.data.preprocessing import load_preprocessing
from searchlab.errors import DataError
from searchlab.inference.raw import read_input
from searchlab.study.data import DataSpec
from searchlab.study.spec import StudySpec

DAYS = pd.date_range("2014-06-01", periods=800, freq="D")
CLOCK = pd.date_range("2014-06-01", periods=800, freq="41min")

# Each form as it stands in a file, and as it is kept.
FORMS: dict[str, tuple[Any, str]] = {
    "ISO with a time zone": ([f"{day.isoformat()}Z" for day in DAYS], dates.ISO),
    "US, two-digit years": (DAYS.strftime("%m/%d/%y"), "%m/%d/%y"),
    "German": (DAYS.strftime("%d.%m.%y"), "%d.%m.%y"),
    "German with a clock": (DAYS.strftime("%d.%m.%Y %H:%M"), "%d.%m.%Y %H:%M"),
    "words": (DAYS.strftime("%b %d, %Y"), "%b %d, %Y"),
    "words, day first": (DAYS.strftime("%d %B %Y"), "%d %B %Y"),
    "compact": (DAYS.strftime("%Y%m%d"), "%Y%m%d"),
    "seconds": (DAYS.astype("datetime64[s]").astype("int64"), dates.SECONDS),
    "milliseconds": (DAYS.astype("datetime64[ms]").astype("int64"), dates.MILLISECONDS),
    "microseconds": (DAYS.astype("datetime64[us]").astype("int64"), dates.MICROSECONDS),
    "nanoseconds": (DAYS.astype("datetime64[ns]").astype("int64"), dates.NANOSECONDS),
}


def study(**data: Any) -> StudySpec:
    values = {"name": "s", "data": data, "space": {"n": {"int": [1, 2]}}, "search": {"seed": 7}}
    return StudySpec.from_dict({**values, "refit": False})


def prepared(base: Path, frame: pd.DataFrame, **keys: Any) -> PreparedData:
    frame.to_csv(base / "t.csv", index=False)
    prepare(study(path="t.csv", target="y", **keys), base, base / "data")
    return open_data(base / "data")


def kept_form(base: Path, frame: pd.DataFrame, **keys: Any) -> str:
    frame.assign(y=np.arange(len(frame)) / 7).to_csv(base / "t.csv", index=False)
    return load(DataSpec(path="t.csv", target="y", **keys), base).forms.get("when", "no date")


@pytest.mark.parametrize("name", FORMS)
def test_a_linear_model_finds_weekend_and_trend_in_dates_of_each_form(
    name: str, tmp_path: Path
) -> None:
    """Demand that grows by the day and jumps on weekends is explained by the prepared arrays."""
    text, form = FORMS[name]
    rng = np.random.default_rng(3)
    y = 5 + np.arange(800) / 80 + 4 * (DAYS.day_of_week > 4) + rng.normal(0, 0.1, 800)
    data = prepared(tmp_path, pd.DataFrame({"when": text, "x": rng.normal(size=800), "y": y}))

    inputs = data.meta["inputs"]
    assert {"when: elapsed days", "when: weekday (sine)", "when: weekday (cosine)"} <= set(inputs)
    assert {"when: year", "when: Sunday", "when: month (sine)"} <= set(inputs)
    assert "when: hour (sine)" not in inputs, "all are at midnight"
    linear = LinearRegression().fit(data.x_train, data.y_train)
    assert linear.score(data.x_test, data.y_test) > 0.995
    assert load(DataSpec(path="t.csv", target="y"), tmp_path).forms == {"when": form}


@pytest.mark.parametrize("name", FORMS)
def test_later_rows_are_read_in_the_form_of_the_training_rows(name: str, tmp_path: Path) -> None:
    """A file of one new row, whose day could be a month, gets the day that its form says."""
    from searchlab.data.prepared import read_schema

    text, form = FORMS[name]
    frame = pd.DataFrame({"when": text, "y": np.arange(800) / 7})
    prepared(tmp_path, frame)
    loaded = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    time = datetime.datetime(2016, 3, 5)  # a Saturday; 3 May is a Tuesday
    pd.DataFrame({"when": [dates.write(time, form)]}).to_csv(tmp_path / "new.csv", index=False)
    rows = read_input(tmp_path / "new.csv", read_schema(tmp_path / "data")).rows
    x = dict(zip(loaded.inputs, loaded.transform(rows)[0], strict=True))
    assert (x["when: Saturday"], x["when: Tuesday"]) == (1, 0)
    assert x["when: month (sine)"] == pytest.approx(np.sin(2 * np.pi * 2 / 12))


def test_months_and_times_of_day_have_the_parts_that_they_have(tmp_path: Path) -> None:
    """A month has no weekday, and a time of day is only the hour, which comes round again."""
    frame = pd.DataFrame({"when": DAYS.strftime("%Y-%m"), "y": np.arange(800) / 7})
    months = prepared(tmp_path, frame).meta["inputs"]
    assert sorted(months) == sorted(f"when: {part}" for part in possible_parts("%Y-%m"))
    assert not any("weekday" in name or "Sunday" in name for name in months)
    data = prepared(tmp_path, frame.assign(when=CLOCK.strftime("%H:%M")))
    assert data.meta["inputs"] == ["when: hour (sine)", "when: hour (cosine)"]
    np.testing.assert_allclose(np.square(data.x_train).sum(axis=1), 1, rtol=1e-5)


def test_the_table_of_columns_has_times_of_day_as_in_the_file(tmp_path: Path) -> None:
    """Its examples are no clock of the first of January 1970."""
    frame = pd.DataFrame({"when": CLOCK.strftime("%H:%M"), "y": np.arange(800) / 7})
    frame.to_csv(tmp_path / "t.csv", index=False)
    summary = prepare(study(path="t.csv", target="y"), tmp_path, tmp_path / "data")
    assert summary.understood[1].examples == ("00:00", "00:41", "01:22")


def test_parts_of_a_date_have_the_right_values() -> None:
    """Each part of 31 March 2016, 18:00, a Thursday, counted from 1 March."""
    times = pd.Series(pd.to_datetime(["2016-03-31 18:00", None]))
    parts = possible_parts(dates.ISO)
    x = {k[3:]: v for k, v in expand(times, "t", parts, pd.Timestamp("2016-03-01")).items()}
    assert x["year"][0] == 2016
    assert x["elapsed days"][0] == 30.75
    assert x["month (cosine)"][0] == pytest.approx(np.cos(2 * np.pi * 2 / 12))
    assert x["day of year (sine)"][0] == pytest.approx(np.sin(2 * np.pi * 90 / 366))
    assert x["weekday (sine)"][0] == pytest.approx(np.sin(2 * np.pi * 3 / 7))
    assert (x["Thursday"][0], x["Friday"][0]) == (1, 0)
    assert x["hour (sine)"][0] == pytest.approx(-1)
    assert all(np.isnan(values[1]) for values in x.values())


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["2015-01-01T10:00:00.5+02:00", "2015-07-01T10:00:00+01:00"], dates.ISO),
        (["2015-01-01 10:00", "2015-01-02 11:30"], dates.ISO),
        (["2015/01/02", "2015/3/4"], "%Y/%m/%d"),
        (["28-12-2017", "01-02-2017"], "%d-%m-%Y"),
        (["1/13/15", "1/2/15"], "%m/%d/%y"),
        (["12/31/2015 1:45:00 PM", "1/2/2015 12:00:01 AM"], "%m/%d/%Y %I:%M:%S %p"),
        (["Sat, 03 Jan 2015 10:00:00 GMT", "Sun, 04 Jan 2015 10:00:00 GMT"],
         "%a, %d %b %Y %H:%M:%S"),
        (["3-Jan-15", "14-Feb-16"], "%d-%b-%y"),
        (["May 3, 2015", "May 4, 2015"], "%b %d, %Y"),
        (["Jan 2015", "Feb 2015"], "%b %Y"),
        (["9:30 PM", "10:15 am"], "%I:%M %p"),
        (["10:15:30", "23:59:59"], "%H:%M:%S"),
        (["01.02.2015", "03.04.2015"], "%d.%m.%Y"),
        (["20150103T1015", "20150204T1115"], None),
        (["10-12", "11-13"], None),
        (["1.10.12", "v2"], None),
        (["a", "b"], None),
    ],
)  # fmt: skip
def test_forms_are_recognised_without_a_warning(values: list[str], form: str | None) -> None:
    """A form is one in which all values can be read; other text is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dates.recognise(pd.Series(values), "when") == form


def test_the_clock_stays_as_written_where_offsets_differ() -> None:
    """Ten in the morning is ten in the morning, in summer and in winter time."""
    column = pd.Series(["2015-01-01T10:00:00+01:00", "2015-07-01T10:00:00+02:00", None])
    assert list(dates.read(column, dates.ISO).dt.hour[:2]) == [10, 10]


@pytest.mark.parametrize(
    ("name", "values", "form"),
    [
        ("n", np.arange(40) * 7 + 1_420_070_401, None),
        ("created_at", np.arange(40) * 7 + 1_420_070_401, dates.SECONDS),
        ("n", np.arange(40) * 3600 + 1_420_070_400, dates.SECONDS),
        ("time", np.arange(40) * 3600, None),
        ("n", np.arange(20_150_000, 20_150_040), None),
        ("n", [20150131, 20150201, 20150202], None),
        ("year", np.arange(1980, 2020), None),
        ("n", [201511 + i + 88 * (i > 1) for i in range(14)], "%Y%m"),
    ],
)
def test_numbers_are_dates_only_where_that_is_certain(
    name: str, values: Any, form: str | None
) -> None:
    """Numbers that only could be dates stay numbers."""
    assert dates.recognise(pd.Series(values), name) == form


def test_the_study_says_that_numbers_are_seconds(tmp_path: Path) -> None:
    """`kinds` decides what looking cannot."""
    frame = pd.DataFrame({"when": np.arange(40) * 7 + 1_420_070_401})
    assert kept_form(tmp_path, frame) == dates.SECONDS, "its name tells"
    assert kept_form(tmp_path, frame, kinds={"when": "number"}) == "no date"
    few = pd.DataFrame({"when": [20150131, 20150201] * 20})
    assert kept_form(tmp_path, few) == "no date"
    assert kept_form(tmp_path, few, kinds={"when": "%Y%m%d"}) == "%Y%m%d"


def test_ambiguous_days_and_months_are_refused_with_the_remedy(tmp_path: Path) -> None:
    """If no day is above 12, only the study can tell; one such row elsewhere decides."""
    frame = pd.DataFrame({"when": ["01/02/2015", "03/04/2015"] * 20})
    with pytest.raises(
        DataError,
        match=r"t.csv: column 'when' holds dates such as '01/02/2015', in which day and month "
        r"cannot be told apart: add kinds: \{when: '%d/%m/%Y'\} to data if the day is first, or "
        r"'%m/%d/%Y' if the month is",
    ):
        kept_form(tmp_path, frame)
    assert kept_form(tmp_path, frame, kinds={"when": "%m/%d/%Y"}) == "%m/%d/%Y"
    frame.loc[39] = "01/13/2015"
    assert kept_form(tmp_path, frame) == "%m/%d/%Y"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (1, "t.csv: row 2: column 'when' is 'soon', which is no date of the form ISO 8601"),
        (15, r"t.csv: row 2: column 'when' holds dates .* in 25 rows, but here 'soon'"),
    ],
)
def test_dates_with_a_few_words_in_them_are_refused(
    wrong: int, message: str, tmp_path: Path
) -> None:
    """A mistyped date neither makes a column of categories nor a missing value."""
    frame = pd.DataFrame({"when": ["soon"] * wrong + ["2015-01-03"] * (40 - wrong)})
    with pytest.raises(DataError, match=message):
        kept_form(tmp_path, frame)
    assert kept_form(tmp_path, frame, kinds={"when": "category"}) == "no date"


@pytest.mark.parametrize("forms", [("%Y-%m-%d", "%d.%m.%Y"), ("%Y-%m-%d", "%d.%m.%Y", "%b %d, %Y")])
def test_dates_of_several_forms_are_no_categories(forms: tuple[str, ...]) -> None:
    """However evenly they are mixed, the column is refused with a row and the remedy."""
    days = pd.date_range("2024-01-20", periods=60)
    values = [day.strftime(forms[place % len(forms)]) for place, day in enumerate(days)]
    column = pd.Series(values, index=range(2, 62), name="when")
    with pytest.raises(DataError, match=r"row \d+: column 'when' holds dates of several forms"):
        dates.recognise(column, "when")


@pytest.mark.parametrize("words", ["soon", "13.01.2015"])
def test_a_remedy_fits_the_role_of_dates_with_others_among_them(words: str, tmp_path: Path) -> None:
    """A feature may be a category; a column of times and a target may not."""
    values = np.where(np.arange(60) % 4, DAYS[:60].strftime("%Y-%m-%d"), words)
    frame = pd.DataFrame({"when": values, "x": np.arange(60) % 9, "y": np.arange(60) / 7})
    frame.to_csv(tmp_path / "t.csv", index=False)
    feature = DataSpec(path="t.csv", target="y")
    times = DataSpec(path="t.csv", target="y", split={"by": "time", "column": "when"})
    with pytest.raises(DataError, match=r"if these are no dates, say so: kinds: \{when: category"):
        load(feature, tmp_path)
    with pytest.raises(DataError, match=r"data\.split\.column: row 2: .* (correct it|one form)$"):
        load(times, tmp_path)
    with pytest.raises(DataError, match="'when' holds dates or times: convert it to numbers"):
        load(DataSpec(path="t.csv", target="when"), tmp_path)


def test_a_later_row_of_another_form_is_refused(tmp_path: Path) -> None:
    """A date that cannot be read as the training rows were is named with its row."""
    prepared(tmp_path, pd.DataFrame({"when": DAYS.strftime("%d.%m.%y"), "y": np.arange(800) / 7}))
    loaded = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    with pytest.raises(DataError, match=r"row 0: column 'when' is '03/14/2015', which is no date"):
        loaded.transform(pd.DataFrame({"when": ["03/14/2015"]}))
    assert np.isfinite(loaded.transform(pd.DataFrame({"when": [None]}))).all()


def test_types_of_dates_are_read(tmp_path: Path) -> None:
    """Dates and times of day that Parquet files have as such need no form."""
    frame = pd.DataFrame({"y": np.arange(40) / 7})
    frame["zone"] = pd.date_range("2015-01-01", periods=40, freq="h", tz="Europe/Berlin")
    frame["day"] = [datetime.date(2015, 1, 1) + datetime.timedelta(days=i) for i in range(40)]
    frame["clock"] = [datetime.time(i % 24, 30) for i in range(40)]
    frame.to_parquet(tmp_path / "t.parquet")
    table = load(DataSpec(path="t.parquet", target="y"), tmp_path)
    assert table.forms == {"zone": dates.STAMPS, "day": dates.STAMPS, "clock": "%H:%M:%S"}
    assert list(table.X["zone"].dt.hour[:3]) == [0, 1, 2], "Berlin's clock"
    assert list(table.X["clock"].dt.hour[:3]) == [0, 1, 2]
    prepare(study(path="t.parquet", target="y"), tmp_path, tmp_path / "data")
    assert np.isfinite(open_data(tmp_path / "data").x_train).all()


def test_example_rows_have_dates_as_in_the_file(tmp_path: Path) -> None:
    """The rows that show how a model is used have the form that it reads."""
    from searchlab.data.example import load_example

    for name, (text, _) in FORMS.items():
        prepared(tmp_path, pd.DataFrame({"when": text, "y": np.arange(800) / 7}))
        example = load_example(tmp_path / "data")
        if name != "ISO with a time zone":
            assert set(example["when"]) <= set(pd.Series(text).tolist()), name
        loaded = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
        assert np.isfinite(loaded.transform(example)).all()


def test_time_zones_count_in_the_order_of_rows(tmp_path: Path) -> None:
    """As points in time, ten in Berlin is before ten in New York, whatever the clocks say."""
    column = pd.Series(["2015-01-01T10:00-05:00", "2015-01-01T10:00+01:00", "2015-01-01T10:00Z"])
    assert list(dates.instants(column, dates.ISO).dt.hour) == [15, 9, 10]
    assert list(dates.read(column, dates.ISO).dt.hour) == [10, 10, 10]


def test_the_time_that_divides_rows_is_a_feature_only_if_the_study_says_so(tmp_path: Path) -> None:
    """Rows in the order of time learn of weekdays where `features` names the column."""
    frame = pd.DataFrame({"when": DAYS.strftime("%d.%m.%Y"), "x": np.arange(800) % 9})
    frame["y"] = np.arange(800) / 7
    split = {"by": "time", "column": "when"}
    assert prepared(tmp_path, frame, split=split).meta["inputs"] == ["x"]
    data = prepared(tmp_path, frame, split=split, features=("when", "x"))
    assert "when: Sunday" in data.meta["inputs"]
    assert data.y_test.min() > data.y_train.max()
