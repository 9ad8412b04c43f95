"""Columns of a packaged model: dates, ids, and a transformer of the user's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import programs
from support.packages import package_of, table

from searchlab.data.preprocessing import load_preprocessing
from searchlab.errors import DataError
from searchlab.inference.loading import load_package
from searchlab.inference.prediction import predict_file

pytestmark = pytest.mark.keras

TRANSFORMER = """
from helping import largest
from sklearn.base import BaseEstimator, TransformerMixin

class Shrink(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.largest_ = largest(X)
        return self

    def transform(self, X):
        return X / self.largest_
"""

LOADED = """
import pandas, searchlab
model = searchlab.load_model({package!r})
print(*model.predict(pandas.read_csv({rows!r})).tolist())
"""


def dated(rows: int = 120) -> pd.DataFrame:
    frame = table(rows)
    frame["day"] = pd.date_range("2015-01-01", periods=rows).strftime("%d.%m.%y")
    frame["guest"] = [f"{n:04}" for n in np.random.default_rng(1).permutation(rows)]
    return frame


def test_predictions_carry_the_rows_ids_as_they_are_written(tmp_path: Path) -> None:
    """The id is the first column of predictions, as spelt in the file, if it is there."""
    model = load_package(package_of(tmp_path, dated(), id="guest"))
    rows = dated().drop(columns="y").sample(20, random_state=1)
    rows.to_csv(tmp_path / "new.csv", index=False)
    predicted = predict_file(model, tmp_path / "new.csv")
    assert list(predicted) == ["guest", "y"]
    assert list(predicted["guest"]) == list(rows["guest"])
    np.testing.assert_allclose(predicted["y"], model.predict(rows), rtol=1e-4)
    assert list(model.table(rows.drop(columns="guest"))) == ["y"]
    changed = rows.assign(guest="9999")
    np.testing.assert_array_equal(model.predict(changed), model.predict(rows))


def test_a_model_of_arrays_carries_ids_from_its_file(tmp_path: Path) -> None:
    """Ids in an NPZ file are beside the predictions of its rows."""
    X = np.random.default_rng(0).normal(size=(90, 4, 2))
    arrays = {"X": X, "y": X.sum(axis=(1, 2)), "run": np.arange(90) + 7}
    model = load_package(package_of(tmp_path, arrays, id="run"))
    predicted = predict_file(model, tmp_path / "rows.npz")
    assert list(predicted) == ["run", "y"]
    assert list(predicted["run"]) == list(range(7, 97))


def test_a_transformer_travels_with_its_model(tmp_path: Path) -> None:
    """Another process, far from the study, loads it with what it imports, and predicts alike."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "shrinking.py").write_text(TRANSFORMER)
    (project / "helping.py").write_text("def largest(X):\n    return abs(X).max(axis=0)\n")
    package = package_of(project, table(), scale="shrinking.py:Shrink")
    rows = table().drop(columns="y").head(5)
    expected = load_package(package).predict(rows)
    moved = package.rename(tmp_path / "moved")
    for source in project.glob("*.py"):
        source.unlink()
    assert sorted(path.name for path in (moved / "code").glob("*.py")) == [
        "helping.py",
        "shrinking.py",
    ]
    rows.to_csv(tmp_path / "new.csv", index=False)
    script = LOADED.format(package=str(moved), rows=str(tmp_path / "new.csv"))
    printed = programs.run_code(tmp_path, script)
    np.testing.assert_allclose([float(n) for n in printed.split()], expected, rtol=1e-4)


def test_mlflow_takes_dates_and_carries_ids(tmp_path: Path) -> None:
    """The signature has dates as users write them, and the id is welcome but not required."""
    import mlflow

    from searchlab.inference.flavor import save_model

    package = package_of(tmp_path, dated(), id="guest")
    save_model(str(tmp_path / "model"), package)
    served = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    rows = dated().drop(columns="y").head(4)
    assert list(served.predict(rows)["guest"]) == list(rows["guest"])
    assert list(served.predict(rows.drop(columns="guest"))) == ["y"]


def test_each_row_of_a_file_has_its_own_prediction(tmp_path: Path) -> None:
    """A new town, whole numbers with gaps, another order and separator: no row is lost or moved."""
    package = package_of(tmp_path, table())
    model = load_package(package)
    rows = table(30, seed=2).drop(columns="y").astype({"rooms": "Int64", "garden": object})
    rows.loc[:4, "town"] = "Paris"
    rows.loc[5:9, "rooms"] = pd.NA
    rows.loc[10:12, "garden"] = None
    rows.loc[13, "town"] = None
    given = rows[["town", "garden", "rooms", "size"]].assign(extra=1)
    given.to_csv(tmp_path / "new.csv", index=False, sep=";")
    steps = load_preprocessing(package / "preprocessing.skops")
    x = steps.transform(rows)
    towns = [place for place, name in enumerate(steps.inputs) if name.startswith("town")]
    assert len(towns) == 3
    assert not x[:5, towns].any(), "an unknown town is none of the known ones"
    wanted = model.keras.predict(x, verbose=0)[:, 0]
    for found in (predict_file(model, tmp_path / "new.csv")["y"], model.predict(rows)):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_an_empty_row_is_told_wherever_it_is(tmp_path: Path) -> None:
    """Each row gets a prediction in its place, in one of several files and below a comment, too."""
    model = load_package(package_of(tmp_path, table()))
    header, *lines = table(4).drop(columns="y").to_csv(index=False).splitlines()
    gap = [*lines[:2], ",,,", *lines[2:]]
    new, other = tmp_path / "new-1.csv", tmp_path / "new-2.csv"
    other.write_text("\n".join([header, *lines]))
    for content, given, place in (
        ([header, *gap], new, "row 4"),
        (["# of March", header, *gap], new, "row 5"),
        ([header, *gap], tmp_path / "new-*.csv", "row 4 of .*new-1.csv"),
        ([header, *lines[:2], "", *lines[2:]], new, "row 4"),
    ):
        new.write_text("\n".join(content))
        with pytest.raises(DataError, match=f"{place} is empty, and each row gets a prediction"):
            predict_file(model, given)
    new.write_text("\n".join([header, *lines, ",,,", ""]))
    assert len(predict_file(model, new)) == 4, "what spreadsheets leave at the end is no row"
    new.write_text(header + "\n")
    assert predict_file(model, new).shape == (0, 1)
