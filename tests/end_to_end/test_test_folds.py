"""Nested folds: each outer fold has a search of its own, and the table has their test scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from sklearn.model_selection import KFold
from support.divisions import SCHEMES, SEED, knowing, table

from searchlab.cli import cli
from searchlab.journal.home import load_record
from searchlab.journal.layout import study_layout
from searchlab.report.folds import folds_json

pytestmark = pytest.mark.keras


def test_the_estimate_is_of_all_rows_each_tested_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test rows are those of a shuffled KFold; a second run trains nothing and says the same."""
    monkeypatch.chdir(tmp_path)
    short = {"search": {"trials": 1, "seed": SEED}, "evaluation": {"holdout": 0.2}}
    values = knowing(SCHEMES["chance"], tmp_path, "inline", **short, confirm=0, refit=False)
    values["data"] |= {"test_folds": 2}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump({**values, "baselines": True}))
    ran = CliRunner().invoke(cli, ["run", "small.yaml"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    assert (
        "known (minimize) on the test rows of 2 folds, each with a search of its own" in ran.output
    )

    names = [f"small-fold-{number}" for number in (1, 2)]
    records = [load_record(name, tmp_path) for name in names]
    key = table()["key"].to_numpy()
    folds = KFold(2, shuffle=True, random_state=SEED).split(key)
    means = [key[test].mean() for _, test in folds]
    found = folds_json("small", records, [])
    assert found["model"]["values"] == pytest.approx(means, rel=1e-5)
    assert found["model"]["mean"] == pytest.approx(sum(means) / 2, rel=1e-5)
    assert found["baselines"]["linear"]["values"] == pytest.approx(means, rel=1e-5)
    assert {len(record.trials) for record in records} == {1}
    json.dumps(found)

    before = [study_layout(name, tmp_path).journal.read_bytes() for name in names]
    again = CliRunner().invoke(cli, ["run", "small.yaml"], catch_exceptions=False)
    assert (
        ran.output.partition("on the test rows")[2] == again.output.partition("on the test rows")[2]
    )
    assert [study_layout(name, tmp_path).journal.read_bytes() for name in names] == before
