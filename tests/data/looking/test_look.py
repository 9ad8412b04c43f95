"""Findings are those of a good analyst, and none where nothing is wrong."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from searchlab.data.findings import Finding
from searchlab.data.load import load
from searchlab.data.looking.charts import chart
from searchlab.data.looking.look import look
from searchlab.data.looking.view import View
from searchlab.study.data import DataSpec

ROWS = 600
AS_IT_IS = {"target_transform": "none"}  # a scaled target is nobody's concern here


def features(rows: int = ROWS) -> pd.DataFrame:
    """Columns about which there is nothing to say, and a target `y` that they explain partly."""
    r = np.random.default_rng(1)
    frame = pd.DataFrame(r.normal(size=(rows, 3)), columns=list("abc"))
    frame["city"] = r.choice(["Rome", "Oslo", "Lima"], rows)
    return frame.assign(y=frame.a + 0.5 * frame.b + r.normal(size=rows))


def view(frame: pd.DataFrame, tmp_path, **keys) -> View:
    frame.to_csv(tmp_path / "t.csv", index=False)
    return viewed(DataSpec(path="t.csv", target="y", **AS_IT_IS, **keys), tmp_path)


def viewed(spec: DataSpec, tmp_path) -> View:
    table = load(spec, tmp_path)
    y, classes = table.y, ()
    if table.task == "classification":
        names, y = np.unique(table.y, return_inverse=True)
        classes = tuple(map(str, names))
    order = np.random.default_rng(0).permutation(len(y))
    test, validation = len(y) // 5, len(y) * 2 // 5
    parts = {"test": order[:test], "validation": order[test:validation]}
    inputs = len(table.kinds) or None
    return View(table, y, classes, parts | {"train": order[validation:]}, spec, inputs)


def found(frame: pd.DataFrame, tmp_path, **keys) -> dict[str, Finding]:
    return {finding.code: finding for finding in look(view(frame, tmp_path, **keys))}


def test_nothing_is_said_about_a_table_with_nothing_wrong(tmp_path):
    """Ordinary columns, numbers and categories, and a quantity raise no alarm."""
    assert found(features(), tmp_path) == {}


@pytest.mark.parametrize(
    ("dataset", "codes"),
    [
        *((name, set()) for name in ("iris", "wine", "breast_cancer", "diabetes")),
        ("digits", {"constant"}),
    ],
)
def test_built_in_data_sets_raise_no_false_alarm(dataset, codes, tmp_path):
    """Only the digits have something: pixels at the border that are 0 in all pictures."""
    assert {
        each.code for each in look(viewed(DataSpec(dataset=dataset, **AS_IT_IS), tmp_path))
    } == codes


def labels(frame: pd.DataFrame, share: float = 0.5) -> pd.DataFrame:
    return frame.assign(y=np.where(frame.y > frame.y.quantile(1 - share), "yes", "no"))


def _spread() -> np.ndarray:
    return np.random.default_rng(2).choice(10**7, ROWS, replace=False)


def _days() -> pd.Series:
    return pd.Series(pd.date_range("2021-01-01", periods=ROWS))


def _with_words() -> list[str]:
    r = np.random.default_rng(3)
    return [str(value) if value > 30 else f"lot {value}" for value in r.integers(0, 140, ROWS)]


def _grouped() -> list[str]:
    return [f"1,{n % 90:02},456" for n in range(ROWS)]


def _summed(frame: pd.DataFrame) -> pd.DataFrame:
    """Positive amounts, of which the last is the sum of the others."""
    amounts = np.random.default_rng(7).uniform(1, 9, ROWS).round(2)
    amounts[-1] = amounts[:-1].sum()
    return frame.assign(amount=amounts)


def _patients(frame: pd.DataFrame) -> pd.DataFrame:
    """Thirty patients with twenty rows each, shuffled, who are ill or not by chance."""
    patient = np.random.default_rng(4).permutation(np.arange(ROWS) % 30)
    ill = np.random.default_rng(5).integers(0, 2, 30)
    return frame.assign(patient=patient, y=np.where(ill[patient], "ill", "well"))


def _walk(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(t=range(ROWS), y=np.cumsum(np.random.default_rng(6).normal(size=ROWS)))


@pytest.mark.parametrize(
    ("code", "column", "make"),
    [
        ("leak", "euro", lambda f: f.assign(euro=f.y * 1.1)),
        ("leak", "rank", lambda f: f.assign(rank=(f.y * 100).round() + 0.5)),
        ("leak", "curve", lambda f: f.assign(curve=np.exp(-f.y))),
        ("leak", "code", lambda f: labels(f).assign(code=lambda g: g.y.str[0])),
        ("leak", "paid", lambda f: labels(f).assign(paid=lambda g: (g.y == "yes") * f.a.abs())),
        ("id-as-feature", "number", lambda f: f.assign(number=range(1000, 1000 + ROWS))),
        ("id-as-feature", "customer_id", lambda f: f.assign(customer_id=_spread())),
        ("id-as-feature", "ticket", lambda f: f.assign(ticket=[f"T{n}" for n in _spread()])),
        ("constant", "unit", lambda f: f.assign(unit="kg")),
        ("constant", "one", lambda f: f.assign(one=1.0)),
        ("words-among-numbers", "ph", lambda f: f.assign(ph=_with_words())),
        ("numbers-in-text", "w", lambda f: f.assign(w=f.a.round(2).abs().astype(str) + " kg")),
        ("numbers-in-text", "t", lambda f: f.assign(t=[f"{30 + n % 80}:15" for n in range(ROWS)])),
        ("numbers-in-text", "owed", lambda f: f.assign(owed=[f"{n % 70}.5-" for n in range(ROWS)])),
        ("numbers-in-text", "inr", lambda f: f.assign(inr=_grouped())),
        ("date-as-text", "d", lambda f: f.assign(d=[f"{n % 28 + 1}. Mai 2024" for n in f.index])),
        ("date-as-text", "q", lambda f: f.assign(q=[f"20{n % 30:02}Q1" for n in f.index])),
        ("date-as-text", "w", lambda f: f.assign(w=[f"2024-W{n % 52 + 1:02}" for n in f.index])),
        ("missing-as-number", "m", lambda f: f.assign(m=np.where(f.index % 9, f.a, -999))),
        ("missing-as-number", "n", lambda f: f.assign(n=np.where(f.a < 2, f.a, 9999))),
        ("sum-row", "amount", _summed),
        ("group-on-both-sides", "patient", _patients),
        ("time-order", "t", _walk),
        ("target-spans-decades", "y", lambda f: f.assign(y=np.exp(4 * f.y))),
        ("imbalance", "y", lambda f: labels(f, 0.03)),
        ("rare-class", "y", lambda f: labels(f).assign(
            y=lambda g: np.where(np.arange(ROWS) < 4, "odd", g.y))),
    ],
)  # fmt: skip
def test_an_oddity_is_found_and_named(code, column, make, tmp_path):
    """Each is the only finding, names its column, and ends with a remedy."""
    findings = found(make(features()), tmp_path)
    assert list(findings) == [code]
    assert findings[code].columns == (column,)
    assert repr(column) in findings[code].message or code in {"imbalance"}
    assert ": " in findings[code].message
    assert "\n" not in findings[code].message


def test_groups_are_found_in_a_column_that_is_left_out(tmp_path):
    """Dropping the patient's number does not put all rows of a patient on one side."""
    findings = found(_patients(features()), tmp_path, drop=("patient",))
    assert list(findings) == ["group-on-both-sides"]
    assert "{groups: patient}" in findings["group-on-both-sides"].message


def test_dates_in_order_are_found_in_a_column_that_is_left_out(tmp_path):
    """A random split of a series is named although its dates are no feature."""
    frame = _walk(features()).drop(columns="t").assign(day=_days().dt.strftime("%Y-%m-%d"))
    assert list(found(frame, tmp_path, drop=("day",))) == ["time-order"]


def test_a_date_that_a_study_takes_for_a_number_is_named(tmp_path):
    """Dates are found out by themselves; a study that says otherwise is told what it does."""
    days = _days().sample(frac=1, random_state=0).dt.strftime("%Y%m%d")
    frame = features().assign(when=days.to_numpy().astype(int))
    findings = found(frame, tmp_path, kinds={"when": "number"})
    assert list(findings) == ["date-as-number"]
    assert "holds dates such as 202" in findings["date-as-number"].message
    assert found(frame, tmp_path) == {}


def test_dates_in_order_are_found_unless_the_split_is_by_time(tmp_path):
    """A feature of sorted dates asks for a split by time, and is silent once there is one."""
    frame = _walk(features()).drop(columns="t").assign(day=_days().dt.strftime("%d.%m.%Y"))
    assert list(found(frame, tmp_path)) == ["time-order"]
    shuffled = frame.sample(frac=1, random_state=0)
    assert list(found(shuffled, tmp_path)) == ["time-order"]
    assert found(frame, tmp_path, split={"by": "time", "column": "day"}) == {}


@pytest.mark.parametrize(
    ("name", "codes"), [("year", ["time-order"]), ("year_built", []), ("storeys", [])]
)
def test_years_of_rows_are_times(name, codes, tmp_path):
    """Countries' years in the order of the countries are a series; years of things are not."""
    walk = 3 * np.cumsum(np.random.default_rng(8).normal(size=31))
    year = np.tile(np.arange(1990, 2021), ROWS // 31 + 1)[:ROWS]
    frame = features().assign(y=lambda f: f.y + walk[year - 1990], **{name: year})
    assert list(found(frame, tmp_path)) == codes
    by_time = {"split": {"by": "time", "column": name}, "features": ("a", "b", "c", "city", name)}
    assert found(frame, tmp_path, **by_time) == {}


@pytest.mark.parametrize("of", ["nothing", "weekday", "slow trend"])
def test_dates_whose_targets_do_not_go_on_are_no_finding(of, tmp_path):
    """Orders of a shop, in the order of their dates, are as well tested by chance."""
    days, frame = _days(), features()
    weekday, trend = 2 * (days.dt.weekday > 4), np.arange(ROWS) / ROWS
    frame["y"] += {"nothing": 0, "weekday": weekday, "slow trend": trend}[of]
    assert found(frame.assign(day=days.dt.strftime("%Y-%m-%d")), tmp_path) == {}


@pytest.mark.parametrize(("level", "codes"), [(3.0, ["time-order"]), (0.1, [])])
def test_many_rows_of_a_day_are_a_series_if_the_days_differ_much(level, codes, tmp_path):
    """A level that moves from day to day counts only as far as it shows in single rows."""
    walk = np.cumsum(np.random.default_rng(8).normal(size=ROWS // 10)) * level
    day = np.random.default_rng(9).permutation(np.arange(ROWS) % (ROWS // 10))
    frame = features().assign(y=lambda f: f.y * 10 + walk[day])
    frame["day"] = _days().dt.strftime("%Y-%m-%d").to_numpy()[day]
    assert list(found(frame, tmp_path)) == codes


def test_a_file_sorted_by_its_target_is_no_series(tmp_path):
    """Its row number predicts the target, so that the number is a leak, not a time."""
    frame = labels(features()).sort_values("y").assign(number=range(ROWS))
    assert list(found(frame, tmp_path)) == ["leak"]


def test_repeated_rows_on_both_sides_of_the_test_are_counted(tmp_path):
    """Rows that appear twice are found in other parts; few columns of few values are not."""
    frame = features()
    twice = pd.concat([frame, frame.iloc[: ROWS // 3]])
    assert list(found(twice, tmp_path)) == ["duplicates"]
    assert found(labels(frame)[["city", "y"]], tmp_path) == {}


def test_a_table_that_was_written_twice_is_found_by_two_columns(tmp_path):
    """All rows have a twin; a column whose values come again alone makes equal rows a chance."""
    frame = features()[["a", "y"]]
    assert list(found(pd.concat([frame, frame]), tmp_path)) == ["duplicates"]
    rounded = frame.round(1)
    assert found(pd.concat([rounded, rounded]), tmp_path) == {}


def test_a_test_file_that_repeats_rows_of_few_columns_is_found(tmp_path):
    """Two columns tell rows apart if no two training rows are alike."""
    frame = features()[["a", "y"]]
    rows = np.arange(ROWS + 100)
    parts = {"train": rows[:-200], "validation": rows[-200:-100], "test": rows[-100:]}
    copied = view(pd.concat([frame, frame.iloc[:100]]), tmp_path)
    assert "duplicates" in {each.code for each in look(replace(copied, parts=parts))}


@pytest.mark.parametrize(
    "make",
    [
        lambda f: f.assign(m=np.where(f.index, f.a, -999)),  # once: an outlier
        lambda f: f.assign(m=f.index % 100),  # 99 is one of them
        lambda f: f.assign(m=np.where(f.index % 9, np.exp(f.a * 3), 999)),  # in their range
        lambda f: f.assign(m=np.where(f.index % 9, 0, 99)),  # codes
        lambda f: f.assign(m=[f"Fiat {1990 + n % 30}" for n in f.index]),
        lambda f: f.assign(
            m=[f"{'abcdefghijklmnopq'[n % 17] * 4} {1990 + n % 30}" for n in f.index]
        ),
    ],
)
def test_numbers_and_words_that_may_be_themselves_are_no_finding(make, tmp_path):
    """Neither an outlier nor a name with a year is taken for something else."""
    assert not found(make(features()), tmp_path).keys() & {"missing-as-number", "date-as-text"}


def test_a_quantity_that_explains_much_is_no_leak(tmp_path):
    """A feature with nine tenths of the target's variance is a good feature."""
    frame = features()
    assert found(frame.assign(good=frame.y + frame.y.std() / 3 * frame.c), tmp_path) == {}


def test_categories_beyond_the_most_common_are_counted(tmp_path):
    """Categories that share an input are counted, with their share of the rows."""
    frame = features(3000)
    frame["zip"] = [f"z{value}" for value in np.random.default_rng(7).integers(0, 400, 3000)]
    findings = found(frame, tmp_path)
    assert list(findings) == ["categories-cut"]
    assert "'zip' has " in findings["categories-cut"].message


@pytest.mark.parametrize(
    ("values", "labels", "counts"),
    [
        ([1, 1, 1, 3, 2, 5, 6, 7, 8, 9, 10], ("1", "10"), (3, 1, 1, 0, *[1] * 6)),
        (["a", "b", "a"], ("a", "b"), (2, 1)),
        ([2.5, 1.5, 2.5], ("1.5", "2.5"), (1, 2)),
    ],
)
def test_charts_count_values(values, labels, counts):
    """Whole numbers have a bar each, with gaps; few values are counted; others are intervals."""
    drawn = chart(np.array(values))
    assert drawn is not None
    assert (drawn.labels, drawn.counts) == (labels, counts)


def test_charts_bound_what_they_show():
    """Values far away do not squash a histogram, and values that all differ have none."""
    drawn = chart(np.append(np.random.default_rng(0).uniform(0, 1, 2000), [500.0]))
    assert drawn is not None
    assert drawn.labels[1].endswith("(to 500)")
    assert sum(drawn.counts) == 2001
    assert max(drawn.counts) < 300
    assert chart(np.array([f"name {n}" for n in range(500)], object)) is None
    assert chart(np.array([])) is None


def test_a_leak_is_found_among_thousands_of_columns(tmp_path):
    """The quick look at all columns keeps the one that matters."""
    r = np.random.default_rng(8)
    frame = pd.DataFrame(r.normal(size=(300, 3000)), columns=[f"g{n}" for n in range(3000)])
    frame.assign(y=frame.g7 * 2).to_parquet(tmp_path / "t.parquet")
    seen = viewed(DataSpec(path="t.parquet", target="y", **AS_IT_IS), tmp_path)
    findings = {each.code: each for each in look(seen)}
    assert set(findings) == {"leak", "more-inputs-than-rows"}
    assert findings["leak"].columns == ("g7",)


def test_a_target_far_from_one_is_told_to_models_of_ones_own(tmp_path):
    """A model of the user's gets such a target as it is, and is told; the built-in one is not."""
    from searchlab.data.prepare import prepare
    from searchlab.testing.doubles import study

    table = features()
    table.assign(y=1000 + 50 * table.iloc[:, 0].rank(pct=True)).to_csv(
        tmp_path / "far.csv", index=False
    )
    data = {"path": "far.csv", "target": "y"}
    own = prepare(study(data=data, model="own.py:build"), tmp_path, tmp_path / "own")
    (finding,) = [each for each in own.findings if each.code == "target-scale"]
    assert "write target_transform: standard in data" in finding.message
    built_in = prepare(study(data=data, model="mlp"), tmp_path, tmp_path / "mlp")
    assert "target-scale" not in {each.code for each in built_in.findings}


def test_a_target_at_the_edge_is_left_to_a_built_in_model(tmp_path):
    """A target that needs a transformation by all rows, and none by the fitted ones, is fine."""
    from searchlab.data.prepare import prepare
    from searchlab.testing.doubles import study

    table = features()
    y = np.linspace(-1, 1, len(table))
    y[-1] = 100.0
    parts = np.where(np.arange(len(table)) < len(table) // 2, "train", "test")
    table.assign(y=y, part=parts).to_csv(tmp_path / "edge.csv", index=False)
    data = {"path": "edge.csv", "target": "y", "split": {"column": "part"}}
    found = prepare(study(data=data, model="mlp"), tmp_path, tmp_path / "mlp").findings
    assert "target-scale" not in {each.code for each in found}
