"""The command line tells about data before anything is trained."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from searchlab.cli import cli
from searchlab.journal.layout import study_layout

STUDY = """\
name: small
data: {path: t.csv, target: y}
space: {n_hidden: {int: [0, 1]}}
search: {backend: randomized, trials: 1}
confirm: 0
refit: false
baselines: false
trackers: [memory]
"""


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A directory with a study whose data have an id among the features."""
    r = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"id": range(200), "a": r.normal(size=200), "b": r.choice(["u", "v"], 200)}
    )
    frame.assign(y=frame.a + r.normal(size=200)).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "s.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def called(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_validate_reads_the_data_if_asked(here):
    """Each column has a line, and what is odd is named; nothing is kept."""
    result = called("validate", "--data", "s.yaml")
    assert result.exit_code == 0
    assert result.output.startswith("t.csv: 200 rows, 3 features -> 4 inputs\n")
    assert "! column 'id' is different in every row" in result.output
    assert result.output.endswith("s.yaml: fine\n")
    assert called("validate", "s.yaml").output == "s.yaml: fine\n"
    assert sorted(path.name for path in here.iterdir()) == ["s.yaml", "t.csv"]


def test_strict_refuses_what_is_odd(here):
    """The exit code is 2, and a corrected study passes."""
    result = called("validate", "--data", "--strict", "s.yaml")
    assert result.exit_code == 2
    assert "t.csv: column 'id' is different in every row" in result.stderr
    (here / "s.yaml").write_text(STUDY.replace("target: y", "target: y, drop: [id]"))
    assert called("validate", "--data", "--strict", "s.yaml").exit_code == 0
    wrong = called("validate", "--strict", "s.yaml")
    assert (wrong.exit_code, "add --data" in wrong.output) == (2, True)


def test_a_strict_run_ends_before_trial_0(here):
    """Nothing is trained or recorded, and the reason is said even if nothing else is."""
    result = called("run", "--strict", "--quiet", "s.yaml")
    assert result.exit_code == 2
    assert "column 'id' is different in every row" in result.stderr
    assert "--strict refuses it" in result.stderr
    assert result.stdout == ""
    assert not study_layout("small", here).directory.exists()


def test_data_that_cannot_be_read_are_a_line_each(here):
    """`validate --data` goes on with the next study."""
    (here / "bad.yaml").write_text(STUDY.replace("t.csv", "gap.csv"))
    (here / "gap.csv").write_text("a,y\n1,2\n3\n4,5\n")
    result = called("validate", "--data", "bad.yaml", "s.yaml")
    assert result.exit_code == 2
    assert "gap.csv: row 3" in result.stderr
    assert "s.yaml: fine" in result.stdout


def test_init_tells_how_the_file_was_understood(here):
    """The table comes with the new study file, and a file with a fault is written all the same."""
    result = called("init", "--csv", "t.csv", "--target", "y", "new.yaml")
    assert result.exit_code == 0
    assert result.output.startswith("wrote new.yaml\nt.csv: 200 rows, 3 features")
    assert result.output.endswith("next: searchlab run new.yaml\n")
    (here / "gap.csv").write_text("a,y\n1,2\n3\n4,5\n")
    result = called("init", "--csv", "gap.csv", "--target", "y", "gap.yaml")
    assert "row 3" in result.stderr
    assert (here / "gap.yaml").exists()
