"""Each scheme of division equals a plain script with scikit-learn, and refuses what would lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import model_selection as sk

from searchlab.data.load import load
from searchlab.data.prepare import prepare
from searchlab.data.prepared import open_data
from searchlab.data.splits import Splits, split
from searchlab.errors import DataError
from searchlab.journal.layout import refit_data
from searchlab.study.spec import StudySpec

SEED = 7


def study(evaluation: dict[str, Any] | None = None, **data: Any) -> StudySpec:
    """Return a study of the file t.csv, with the target y."""
    values: dict[str, Any] = {"name": "s", "data": {"path": "t.csv", "target": "y", **data}}
    values |= {"space": {"n": {"int": [1, 2]}}, "search": {"seed": SEED}}
    return StudySpec.from_dict({**values, "evaluation": evaluation or {"holdout": 0.2}})


def divided(base: Path, frame: pd.DataFrame, spec: StudySpec, **files: pd.DataFrame) -> Splits:
    """Return the splits of a frame, and of files of its parts, as a study makes them."""
    for name, each in {"t": frame, **files}.items():
        each.to_csv(base / f"{name}.csv", index=False)
    table = load(spec.data, base)
    if table.task == "regression":
        return split(table.y, (), table.division, spec)
    classes, numbers = np.unique(table.y, return_inverse=True)
    return split(numbers, tuple(map(str, classes)), table.division, spec)


def assert_same(pairs: Any, expected: Any) -> None:
    """Compare pairs of row numbers, fold by fold."""
    expected = list(expected)
    assert len(pairs) == len(expected)
    for pair, other in zip(pairs, expected, strict=True):
        np.testing.assert_array_equal(pair[0], other[0])
        np.testing.assert_array_equal(pair[1], other[1])


def series(rows: int = 100, **columns: Any) -> pd.DataFrame:
    """Return rows whose target differs in each."""
    return pd.DataFrame({"a": np.arange(rows) / 3, "y": np.arange(rows) / 7, **columns})


# ---- by time


def test_a_lone_column_of_times_can_be_learned_from_by_name(tmp_path: Path) -> None:
    """A series of times and values has no features, which is told with the key to give."""
    frame = pd.DataFrame({"when": pd.date_range("2024", periods=50), "y": np.arange(50) / 7})
    keys = {"split": {"by": "time", "column": "when"}}
    with pytest.raises(DataError, match="drop fewer, or name 'when' in data"):
        divided(tmp_path, frame, study(**keys))
    divided(tmp_path, frame, study(**keys, features=["when"]))


@pytest.mark.parametrize("first", [1_700_000_000_000_000_000, 10**19])
def test_times_keep_all_digits_of_nanoseconds(first: int, tmp_path: Path) -> None:
    """Times that are equal as floats are in order, and shuffled rows are divided by them."""
    order = np.random.default_rng(1).permutation(100)
    frame = series().assign(when=[first + 3 * int(each) for each in order])
    found = divided(tmp_path, frame, study(split={"by": "time", "column": "when"}))
    np.testing.assert_array_equal(np.sort(order[found.test]), np.arange(80, 100))


@pytest.mark.parametrize("gap", [0, 3])
@pytest.mark.parametrize("how", ["number", "date", "text", "file"])
def test_time_divides_like_a_plain_script(tmp_path: Path, gap: int, how: str) -> None:
    """The parts are the latest rows, whatever the order of the file, and folds expand."""
    when: Any = np.random.default_rng(1).permutation(100)
    frame = series(when=when)
    if how == "date":
        frame["when"] = pd.Timestamp("2026-01-30") + pd.to_timedelta(when, unit="D")
    elif how == "text":
        frame["when"] = [f"{day:%Y/%m/%d %H:%M}" for day in pd.to_datetime(when, unit="D")]
    elif how == "file":
        frame, when = frame.drop(columns="when"), np.arange(100)
    by = {"by": "time", "gap": gap} | ({} if how == "file" else {"column": "when"})
    splits = divided(tmp_path, frame, study({"folds": 4}, split=by))

    rows = np.argsort(when)
    rest, test = sk.train_test_split(rows, test_size=0.2, shuffle=False)
    rest = rest[: len(rest) - gap]
    train, validation = sk.train_test_split(rest, test_size=0.2, shuffle=False)
    train = train[: len(train) - gap]
    np.testing.assert_array_equal(splits.test, test)
    np.testing.assert_array_equal(splits.validation, validation)
    np.testing.assert_array_equal(splits.train, train)
    np.testing.assert_array_equal(np.sort(splits.refit), np.sort(rest))
    assert_same(splits.folds, sk.TimeSeriesSplit(4, gap=gap).split(train))


def test_a_holdout_by_time_is_the_latest_of_the_training_rows(tmp_path: Path) -> None:
    """The scored rows follow the fitted ones, with the gap between them."""
    by = {"by": "time", "gap": 2}
    splits = divided(tmp_path, series(), study({"holdout": 0.25}, split=by))
    fit, score = splits.folds[0]
    rest, last = sk.train_test_split(splits.train, test_size=0.25, shuffle=False)
    np.testing.assert_array_equal(splits.train[fit], rest[:-2])
    np.testing.assert_array_equal(splits.train[score], last)


def test_rows_of_one_time_stay_together(tmp_path: Path) -> None:
    """Fifty days of four shops divide by day, as a script divides the days."""
    day = np.repeat(np.arange(50), 4)
    spec = study({"folds": 3}, split={"by": "time", "column": "day", "gap": 1})
    splits = divided(tmp_path, series(200, day=day), spec)
    rest, test = sk.train_test_split(np.arange(50), test_size=0.2, shuffle=False)
    assert sorted(set(day[splits.test])) == list(test)
    assert sorted(set(day[splits.refit])) == list(rest[:-1])
    days = np.unique(day[splits.train])
    expected = [
        (np.flatnonzero(np.isin(day[splits.train], days[fit])),
         np.flatnonzero(np.isin(day[splits.train], days[score])))
        for fit, score in sk.TimeSeriesSplit(3, gap=1).split(days)
    ]  # fmt: skip
    assert_same(splits.folds, expected)


@pytest.mark.parametrize(
    ("keys", "evaluation", "message"),
    [
        ({"by": "time", "column": "y2"}, {}, r"t.csv: no column 'y2'; did you mean 'y'\?"),
        ({"by": "time", "gap": 60}, {}, "too few times: data.validation of 0.2 would take 4 of 20"),
        ({"by": "time"}, {"folds": 70}, "too few times: evaluation.folds of 70 leave nothing"),
        ({"by": "time", "column": "word"}, {}, "split.column: 'word' has no order in time"),
        ({"by": "time", "column": "hole"}, {}, r"t.csv: row 5: .*'hole' has no value \(1 rows"),
    ],
)
def test_times_that_cannot_be_divided_are_refused(
    tmp_path: Path, keys: dict[str, Any], evaluation: dict[str, Any], message: str
) -> None:
    """A gap, a number of folds or a column that leaves nothing to fit is one line."""
    hole = np.where(np.arange(100) == 3, np.nan, np.arange(100))
    frame = series(word=["x", "z"] * 50, hole=hole)
    with pytest.raises(DataError, match=message):
        divided(tmp_path, frame, study(evaluation, split=keys))


@pytest.mark.parametrize(
    "form", ["%d.%m.%Y", "%Y%m%d", "%Y-%m-%d %H:%M", "%d %B %Y", "%m/%d/%y", "%b %d, %Y %I:%M %p"]
)
def test_dates_are_in_order_however_they_are_written(tmp_path: Path, form: str) -> None:
    """The latest days are the test, not those that come last in the alphabet."""
    day = np.random.default_rng(3).permutation(100)
    when = pd.Timestamp("2025-10-20") + pd.to_timedelta(day, unit="D")
    frame = series(when=when.strftime(form))
    splits = divided(tmp_path, frame, study(split={"by": "time", "column": "when"}))
    assert sorted(day[splits.test]) == list(range(80, 100))


def test_months_that_look_like_fractions_are_refused_with_their_format(tmp_path: Path) -> None:
    """12.2010 is before 1.2011 only as a month; with the format the latest months are the test."""
    months = pd.date_range("2010-01-01", periods=40, freq="MS")
    frame = series(40, when=[f"{each.month}.{each.year}" for each in months])
    split = {"by": "time", "column": "when"}
    with pytest.raises(DataError, match=r"'when' looks like months.*kinds: \{when: '%m\.%Y'\}"):
        divided(tmp_path, frame, study(split=split))
    splits = divided(tmp_path, frame, study(split=split, kinds={"when": "%m.%Y"}))
    np.testing.assert_array_equal(splits.test, range(32, 40))


def test_times_with_zones_are_in_the_order_in_which_they_were(tmp_path: Path) -> None:
    """The hour that clocks show twice in autumn comes twice, one after the other."""
    zones = pd.date_range("2026-10-25", periods=8, freq="30min", tz="Europe/Berlin")
    frame = series(8, when=[time.isoformat() for time in zones])[::-1]
    splits = divided(tmp_path, frame, study(split={"by": "time", "column": "when"}))
    np.testing.assert_array_equal(splits.test, [1, 0])


def test_dates_that_could_be_two_days_need_a_kind(tmp_path: Path) -> None:
    """A day is never taken for a month: the message says how to tell, and that is followed."""
    frame = series(24, when=[f"0{1 + i % 9}/0{1 + i // 9}/2026" for i in range(24)])
    by = {"by": "time", "column": "when"}
    with pytest.raises(DataError, match=r"data.split.column: .* cannot be told apart: add kinds: "):
        divided(tmp_path, frame, study(split=by))
    orders = []
    for form in ("%d/%m/%Y", "%m/%d/%Y"):
        splits = divided(tmp_path, frame, study(split=by, kinds={"when": form}))
        assert list(load(study(split=by, kinds={"when": form}).data, tmp_path).X) == ["a"]
        times = pd.to_datetime(frame["when"], format=form)
        assert times[splits.test].min() > times[splits.refit].max()
        orders.append(set(splits.test))
    assert orders[0] != orders[1]


def test_a_time_is_a_feature_if_it_is_named_as_one(tmp_path: Path) -> None:
    """Only its name makes it one, as a later time is unlike those that a model knows."""
    frame, by = series(when=np.arange(100)), {"by": "time", "column": "when"}
    for features, left in (
        (None, ["a"]),
        (["a", "w*"], ["a"]),
        (["a", "when"], ["a", "when"]),
    ):
        spec = study(split=by, **({} if features is None else {"features": features}))
        divided(tmp_path, frame, spec)
        assert list(load(spec.data, tmp_path).X) == left


# ---- by group


def patients(classes: bool = True) -> pd.DataFrame:
    """Return ten rows of each of 20 patients, in no order."""
    patient = np.random.default_rng(2).permutation(np.repeat(np.arange(20), 10))
    frame = series(200, patient=[f"p{each}" for each in patient])
    return frame.assign(y=np.arange(200) % 2) if classes else frame


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("classes", [True, False])
def test_groups_divide_like_a_plain_script(tmp_path: Path, classes: bool, repeats: int) -> None:
    """Parts are GroupShuffleSplit's; folds GroupKFold's, stratified if there are classes."""
    frame = patients(classes)
    spec = study({"folds": 4, "repeats": repeats}, split={"groups": "patient"})
    splits = divided(tmp_path, frame, spec)
    groups, y = frame["patient"].to_numpy(), frame["y"].to_numpy()

    def part(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shuffle = sk.GroupShuffleSplit(1, test_size=0.2, random_state=SEED)
        stay, leave = next(shuffle.split(rows, groups=groups[rows]))
        return rows[stay], rows[leave]

    rest, test = part(np.arange(200))
    train, validation = part(rest)
    np.testing.assert_array_equal(splits.test, test)
    np.testing.assert_array_equal(splits.validation, validation)
    np.testing.assert_array_equal(splits.train, train)
    kind = sk.StratifiedGroupKFold if classes else sk.GroupKFold
    state = np.random.RandomState(SEED)
    again = {"shuffle": True, "random_state": state} if repeats > 1 else {}
    folds = []
    for _ in range(repeats):
        folds += kind(4, **again).split(train, y[train], groups[train])
    assert_same(splits.folds, folds)
    pairs = [(rest, test), (train, validation), *[(train[a], train[b]) for a, b in folds]]
    for one, other in pairs:
        assert not set(groups[one]) & set(groups[other])


def test_a_column_that_is_dropped_can_still_divide(tmp_path: Path) -> None:
    """A column that is no feature may be named in drop, and strata need not be a feature."""
    frame, kept = patients(), study(split={"groups": "patient"})
    both = study(split={"groups": "patient"}, drop=["patient"])
    expected = divided(tmp_path, frame, kept).test
    np.testing.assert_array_equal(divided(tmp_path, frame, both).test, expected)
    divided(tmp_path, frame, study(split={"stratify": "patient"}, drop=["pat*"]))


def test_too_few_groups_are_refused(tmp_path: Path) -> None:
    """A study with more folds than groups is told how many there are."""
    spec = study({"folds": 14}, split={"groups": "patient"})
    with pytest.raises(DataError, match=r"too few groups: evaluation.folds needs 14, and has 12"):
        divided(tmp_path, patients(), spec)


def test_a_class_that_a_part_of_groups_lacks_is_refused(tmp_path: Path) -> None:
    """A class of one patient cannot be on both sides, which is said before trial 0."""
    frame = patients(classes=False)
    frame["y"] = np.where(frame["patient"] == "p3", "rare", "common")
    message = "class 'rare' is missing in the .* rows"
    with pytest.raises(DataError, match=message):
        divided(tmp_path, frame, study(split={"groups": "patient"}))


# ---- by a column of parts, and by files


def test_a_column_says_the_parts(tmp_path: Path) -> None:
    """Rows go where their word says, and the column is no feature."""
    words = np.resize(["train", "Train", "valid", "TEST", "training"], 100)
    spec = study({"folds": 3}, split={"column": "part"})
    splits = divided(tmp_path, series(part=words), spec)
    np.testing.assert_array_equal(splits.test, np.flatnonzero(words == "TEST"))
    np.testing.assert_array_equal(splits.validation, np.flatnonzero(words == "valid"))
    train = np.flatnonzero(np.char.startswith(np.char.lower(words), "train"))
    np.testing.assert_array_equal(splits.train, train)
    assert_same(splits.folds, sk.KFold(3).split(train))
    assert "part" not in load(spec.data, tmp_path).X


def test_without_valid_rows_they_are_split_off_the_training_rows(tmp_path: Path) -> None:
    """A column of train and test alone leaves early stopping to the seed."""
    words = np.resize(["train", "train", "test"], 99)
    splits = divided(tmp_path, series(99, part=words), study(split={"column": "part"}))
    train = np.flatnonzero(words == "train")
    _, validation = sk.train_test_split(train, test_size=0.2, random_state=SEED)
    np.testing.assert_array_equal(splits.validation, validation)


@pytest.mark.parametrize(
    ("words", "keys", "message"),
    [
        (["train", "tset"], {}, "row 3: data.split.column: 'part' is 'tset', which is no part"),
        (["test", "valid"], {}, "'part' has no train rows"),
        (["train", "valid"], {}, "'part' has no test rows: add some, or write data.test: 0"),
        (["train", "test"], {"test": 0}, "'part' has test rows, and data.test is 0"),
    ],
)
def test_a_column_that_says_no_parts_is_refused(
    tmp_path: Path, words: list[str], keys: dict[str, Any], message: str
) -> None:
    """A word that is no part, and a part without rows, is one line."""
    frame = series(part=np.resize(words, 100))
    with pytest.raises(DataError, match=message):
        divided(tmp_path, frame, study(split={"column": "part"}, **keys))


def test_parts_have_files_of_their_own(tmp_path: Path) -> None:
    """Rows of each file stay in their part, with the first file's columns in its order."""
    frame = series(60)
    files = {"later": frame[40:50][["y", "a"]], "last": frame[50:]}
    spec = study({"folds": 3}, validation_path="later.csv", test_path="last.csv")
    splits = divided(tmp_path, frame[:40], spec, **files)
    table = load(spec.data, tmp_path)
    np.testing.assert_array_equal(table.X["a"], frame["a"])
    np.testing.assert_array_equal(table.y, frame["y"])
    np.testing.assert_array_equal(splits.train, np.arange(40))
    np.testing.assert_array_equal(splits.validation, np.arange(40, 50))
    np.testing.assert_array_equal(splits.test, np.arange(50, 60))
    assert_same(splits.folds, sk.KFold(3).split(np.arange(40)))


def test_a_problem_in_the_file_of_a_part_names_that_file(tmp_path: Path) -> None:
    """A row of another file is told with its file, and a column it lacks by name."""
    last = series(9).assign(y=[*range(8), None])
    with pytest.raises(DataError, match=r"row 10 of last.csv: the target 'y' has no value"):
        divided(tmp_path, series(), study(test_path="last.csv"), last=last)
    with pytest.raises(DataError, match=r"last.csv: no column 'a', which t.csv has"):
        divided(
            tmp_path, series(), study(test_path="last.csv"), last=last.rename(columns={"a": "b"})
        )


def test_a_test_file_without_a_class_is_told_the_remedy_that_helps(tmp_path: Path) -> None:
    """The seed and the shares change nothing about rows that are given."""
    frame = series().assign(y=["no", "yes"] * 50)
    last = series(9).assign(y="no")
    with pytest.raises(DataError, match=r"'yes' is missing in the test rows: add rows of it") as e:
        divided(tmp_path, frame, study(test_path="last.csv"), last=last)
    assert "seed" not in str(e.value)


def test_a_group_in_two_files_is_refused(tmp_path: Path) -> None:
    """A patient of the test file must not be among the training rows."""
    frame = patients(classes=False)
    spec = study(test_path="last.csv", split={"groups": "patient"})
    last = frame[frame["patient"].isin(["p3", "p4"])]
    with pytest.raises(DataError, match=r"'p3' is among the test rows and among others|'p4' is"):
        divided(tmp_path, frame[frame["patient"] != "p4"], spec, last=last)


def test_a_test_file_that_is_not_later_is_refused(tmp_path: Path) -> None:
    """With by: time, a file of the past is no test."""
    frame = series(when=np.arange(100))
    spec = study(test_path="last.csv", split={"by": "time", "column": "when"})
    with pytest.raises(DataError, match=r"test rows begin at 20.5, .* other rows at 99.0"):
        divided(tmp_path, frame, spec, last=frame[20:30].assign(when=np.arange(20, 30) + 0.5))


# ---- by chance


def test_rows_are_stratified_by_any_column(tmp_path: Path) -> None:
    """Few values are strata, many numbers five ranges; the column stays a feature."""
    region = np.resize(["n", "n", "n", "s"], 100)
    splits = divided(tmp_path, series(region=region), study(split={"stratify": "region"}))
    again = {"test_size": 0.2, "random_state": SEED}
    _, test = sk.train_test_split(np.arange(100), **again, stratify=region)
    np.testing.assert_array_equal(splits.test, test)
    fit, score = splits.folds[0]
    rest, held = sk.train_test_split(splits.train, **again, stratify=region[splits.train])
    np.testing.assert_array_equal(splits.train[fit], rest)
    np.testing.assert_array_equal(splits.train[score], held)
    frame, spec = series(), study(split={"stratify": "y"})
    splits = divided(tmp_path, frame, spec)
    ranges = pd.qcut(frame["y"], 5, labels=False)
    _, test = sk.train_test_split(np.arange(100), **again, stratify=ranges)
    np.testing.assert_array_equal(splits.test, test)
    assert list(load(study(split={"stratify": "a"}).data, tmp_path).X) == ["a"]


@pytest.mark.parametrize("classes", [True, False])
def test_repeated_folds_equal_a_plain_script(tmp_path: Path, classes: bool) -> None:
    """Folds that are repeated are scikit-learn's, with the study's seed."""
    frame = series().assign(y=np.arange(100) % 3) if classes else series()
    splits = divided(tmp_path, frame, study({"folds": 5, "repeats": 3}))
    kind = sk.RepeatedStratifiedKFold if classes else sk.RepeatedKFold
    y = frame["y"].to_numpy()[splits.train]
    folds = kind(n_splits=5, n_repeats=3, random_state=SEED).split(splits.train, y)
    assert_same(splits.folds, folds)
    assert len(splits.folds) == study({"folds": 5, "repeats": 3}).evaluation.trainings == 15


def test_there_may_be_no_test_rows(tmp_path: Path) -> None:
    """With test: 0 all rows but the early-stopping ones train, and the test's arrays are empty."""
    frame = series(c=np.resize(["x", "y"], 100))
    frame.to_csv(tmp_path / "t.csv", index=False)
    prepare(study(test=0), tmp_path, tmp_path / "data")
    data = open_data(tmp_path / "data")
    assert data.x_test.shape == (0, *data.summary.input_shape)
    assert (len(data.y_test), data.summary.train, data.summary.validation) == (0, 80, 20)


@pytest.mark.parametrize("by", ["chance", "class", "stratum", "group", "time"])
def test_test_folds_equal_a_plain_script(tmp_path: Path, by: str) -> None:
    """Each fold is the test of one study, which divides only the other (or earlier) rows."""
    frame = patients(classes=by != "time").assign(when=np.random.default_rng(4).permutation(200))
    frame = frame if by in {"class", "group"} else frame.assign(y=np.arange(200) / 7)
    keys: dict[str, dict[str, Any]] = {
        "stratum": {"split": {"stratify": "patient"}},
        "group": {"split": {"groups": "patient"}},
        "time": {"split": {"by": "time", "column": "when", "gap": 3}},
    }
    shuffled = {"shuffle": True, "random_state": SEED}
    rows = np.argsort(frame["when"]).to_numpy() if by == "time" else np.arange(200)
    groups, y = frame["patient"].to_numpy(), frame["y"].to_numpy()
    expected = {
        "chance": sk.KFold(4, **shuffled).split(rows),
        "class": sk.StratifiedKFold(4, **shuffled).split(rows, y),
        "stratum": sk.StratifiedKFold(4, **shuffled).split(rows, groups),
        "group": sk.StratifiedGroupKFold(4).split(rows, y, groups),
        "time": sk.TimeSeriesSplit(4, gap=3).split(rows),
    }[by]
    for number, (rest, test) in enumerate(expected, 1):
        data = {"test_folds": 4, "test_fold": number, **keys.get(by, {})}
        splits = divided(tmp_path, frame, study({"holdout": 0.2}, **data))
        assert sorted(splits.test) == sorted(rows[test])
        assert sorted(splits.refit) == sorted(rows[rest])
        assert {*splits.train, *splits.validation} <= set(rows[rest])


def test_test_folds_and_test_rows_of_their_own_are_refused(tmp_path: Path) -> None:
    """Arrays with test rows leave no choice, and folds need enough rows."""
    x, y = np.arange(60.0).reshape(60, 1), np.arange(60) / 7
    arrays = {"x_train": x[:45], "y_train": y[:45], "x_test": x[45:], "y_test": y[45:]}
    np.savez(tmp_path / "t.npz", **arrays)
    spec = study(path="t.npz", test_folds=3)
    table = load(spec.data, tmp_path)
    with pytest.raises(DataError, match=r"there are test rows, and data.test_folds makes others"):
        split(table.y, (), table.division, spec)
    with pytest.raises(DataError, match=r"too few rows: data.test_folds needs 101, and has 100"):
        divided(tmp_path, series(), study(test_folds=101))


def test_too_few_groups_for_a_part_are_refused(tmp_path: Path) -> None:
    """A share that takes all groups, or leaves too few for the next part, is one line."""
    frame = series(40, g=np.repeat(["a", "b"], 20))
    with pytest.raises(DataError, match=r"too few groups: data.test of 0.6 would take all 2"):
        divided(tmp_path, frame, study(split={"groups": "g"}, test=0.6))
    with pytest.raises(DataError, match=r"too few groups: data.validation needs 2, and has 1"):
        divided(tmp_path, frame, study(split={"groups": "g"}, test=0.2))


def test_a_class_with_fewer_rows_than_folds_of_groups_is_refused(tmp_path: Path) -> None:
    """It is named with its count, as it is without groups."""
    frame = patients()
    frame.loc[frame.index[:3], "y"] = 2
    spec = study({"folds": 5}, split={"groups": "patient"})
    with pytest.raises(DataError, match=r"class '2' (has only 3 rows|is missing)"):
        divided(tmp_path, frame, spec)


def test_arrays_of_parts_are_an_assignment_as_any_other(tmp_path: Path) -> None:
    """x_test is the test, early-stopping rows come from x_train, and other keys cannot differ."""
    x, y = np.arange(120.0).reshape(60, 2), np.arange(60) / 7
    arrays = {"x_train": x[:45], "y_train": y[:45], "x_test": x[45:], "y_test": y[45:]}
    np.savez(tmp_path / "t.npz", **arrays)
    keys = {"path": "t.npz", "target": "y"}
    spec = study({"folds": 3}, **keys)
    table = load(spec.data, tmp_path)
    splits = split(table.y, (), table.division, spec)
    np.testing.assert_array_equal(splits.test, np.arange(45, 60))
    again = {"test_size": 0.2, "random_state": SEED}
    train, validation = sk.train_test_split(np.arange(45), **again)
    np.testing.assert_array_equal(splits.train, train)
    np.testing.assert_array_equal(splits.validation, validation)
    with pytest.raises(DataError, match=r"there are test rows, and data.test is 0"):
        load(study(**keys, test=0).data, tmp_path)
    with pytest.raises(DataError, match=r"t.npz: has test rows of its own, and data.test_path"):
        load(study(**keys, test_path="t.npz").data, tmp_path)


def test_a_refit_has_all_rows_before_the_gap_of_the_test(tmp_path: Path) -> None:
    """The gap before the early-stopping rows is fitted again; the one before the test is not."""
    rows = np.arange(100.0)
    pd.DataFrame({"a": rows, "y": rows}).to_csv(tmp_path / "t.csv", index=False)
    by = {"by": "time", "gap": 3}
    spec = study(split=by, scale="none", target_transform="none")
    prepare(spec, tmp_path, tmp_path / "data")
    data, again = open_data(tmp_path / "data"), open_data(refit_data(tmp_path / "data"))
    np.testing.assert_array_equal(data.x_train.ravel(), rows[:58])
    np.testing.assert_array_equal(data.x_validation.ravel(), rows[61:77])
    np.testing.assert_array_equal(np.sort(again.x_train.ravel()), rows[:77])
    np.testing.assert_array_equal(again.x_test.ravel(), rows[80:])
