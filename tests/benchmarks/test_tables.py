"""The comparison on public tables: what is read, what is compared, and what is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks import table
from benchmarks.commands import ROOT
from benchmarks.tables.compare import Compared, Standing, held_out, loss, simple
from benchmarks.tables.report import markdown
from benchmarks.tables.sources import TABLES, PublicTable

from searchlab.data.prepare import prepare
from searchlab.data.prepared import open_data
from searchlab.testing.doubles import study


def frame() -> pd.DataFrame:
    return pd.DataFrame({"id": [1, 2, 3], "a": [1, 2, 3], "y": [0.5, None, 1.5]})


QUESTION = PublicTable("few", "nobody", "y", frame, drop=("id",))


def compared(network: float, linear: float, boosting: float) -> Compared:
    return Compared(1234, network, linear, boosting, seconds=1.0, params={"n_hidden": 2})


def test_the_tables_are_twelve_different_ones():
    """Their names, which name files too, differ."""
    assert len({each.name for each in TABLES}) == len(TABLES) == 12


def test_rows_whose_target_is_unknown_are_left_out(tmp_path: Path):
    """A table is written without them, without row numbers and without columns to drop."""
    assert QUESTION.write(tmp_path).read_text() == "a,y\n1,0.5\n3,1.5\n"


@pytest.mark.slow
@pytest.mark.parametrize("question", TABLES, ids=lambda each: each.name)
def test_each_installed_table_has_its_target(question: PublicTable, tmp_path: Path):
    """The packages' files are where they are looked for, and have more than 300 rows."""
    written = pd.read_csv(question.write(tmp_path))
    assert written[question.target].notna().all()
    assert len(written) > 300


def test_ratios_are_of_the_same_rows():
    """Each study is compared with the simple models on its own rows, before the mean is taken."""
    standing = Standing(QUESTION, [compared(1.0, 2.0, 0.5), compared(8.0, 4.0, 4.0)])
    assert standing.to_linear == pytest.approx(1.0)
    assert standing.to_boosting == pytest.approx(2.0)


def test_the_results_as_written_on_the_page():
    """Losses are means; the last line counts where the network is better, or near enough."""
    good = Standing(QUESTION, [compared(0.5, 1.0, 0.46)])
    bad = Standing(QUESTION, [compared(2.0, 1.5, 1.0)])
    text = markdown([good, bad], "Measured.")
    assert "| few (nobody) | 1,234 | y | 1 | 0.5 | 1 | 0.46 | 0.50 | 1.09 |" in text
    assert text.endswith(
        "Better than the linear model on 1 of 2; within 10 % of gradient boosting's loss or "
        "better on 1. Measured."
    )


def test_the_page_on_tables_has_a_place_for_the_results():
    """docs/tables.md contains the markers in order."""
    table.with_table((ROOT / "docs" / "tables.md").read_text(), "table")


@pytest.mark.parametrize("classes", [True, False])
def test_all_models_are_measured_on_the_same_rows_that_none_has_seen(classes: bool, tmp_path: Path):
    """The rows that scikit-learn splits off the file are the study's test rows, in their order."""
    table = pd.DataFrame({"a": np.arange(60.0), "b": np.sin(np.arange(60.0))})
    table["y"] = np.where(table.b > 0, "up", "down") if classes else 3 * table.a
    table.to_csv(tmp_path / "t.csv", index=False)
    spec = study(data={"path": "t.csv", "target": "y"})
    prepare(spec, tmp_path, tmp_path / "data")
    data = open_data(tmp_path / "data")
    rows, truth = held_out(table, "y", data, spec)
    assert len(rows) == len(truth) == 12
    assert list(rows) == ["a", "b"]
    for predicted in simple(data, seed=1):
        assert loss(data.y_test, predicted) == pytest.approx(loss(truth, predicted), rel=1e-4)


def test_losses_are_log_loss_and_root_mean_squared_error():
    """Probabilities are judged by their logarithm, quantities by their squared distance."""
    half = np.array([[0.5, 0.5], [0.5, 0.5]])
    assert loss(np.array(["a", "b"]), half) == pytest.approx(np.log(2))
    assert loss(np.array([0.0, 0.0]), np.array([3.0, -3.0])) == pytest.approx(3)
