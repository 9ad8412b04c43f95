"""Unusable data is refused before trial 0 in one line, and leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from support import programs

from searchlab.cli import cli

STUDY = """\
name: houses
data: {{path: {name}, target: y{keys}}}
space: {{n_hidden: {{int: [0, 2]}}, learning_rate: {{float: [1e-3, 1e-1], log: true}}}}
search: {{backend: optuna, trials: 3, options: {{pruner: none}}}}
evaluation: {{{evaluation}}}
execution: {{executor: {executor}}}
confirm: 0
refit: false
baselines: false
"""


@dataclass(frozen=True)
class Bad:
    """A data file with one defect, and the expected message."""

    content: bytes
    says: str
    name: str = "houses.csv"
    keys: str = ""
    evaluation: str = "holdout: 0.25"


def table(*lines: str, header: str = "a,b,y", count: int = 40) -> bytes:
    """Make a CSV file: the header, `lines`, then plain regression rows."""
    plain = [f"{i},{i % 7}.5,{i * 1.1:.2f}" for i in range(count)]
    return ("\n".join([header, *lines, *plain]) + "\n").encode()


def classes(*labels: str) -> bytes:
    """Make a CSV file with one feature and these classes."""
    return ("a,y\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels))).encode()


def arrays(**values: Any) -> bytes:
    """Make an NPZ file."""
    buffer = io.BytesIO()
    np.savez(buffer, **values)
    return buffer.getvalue()


def parquet(**columns: Any) -> bytes:
    """Make a Parquet file."""
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


FEW = "too few rows: "
X, Y = np.arange(80.0).reshape(40, 2), np.arange(40) / 7
HOLE, ENDLESS = X.copy(), X.copy()
HOLE[3, 1], ENDLESS[5, 0] = np.nan, np.inf

BAD = {
    "empty": Bad(b"", "row 1 is empty: it must name the columns"),
    "only a header": Bad(b"a,b,y\n", "there are no rows: give a file with data"),
    "one row": Bad(table(count=1), "the target 'y' is 0.0 in all rows: there is nothing to learn"),
    "two rows": Bad(table(count=2), f"{FEW}data.validation needs 2, and has 1 of 2: add rows"),
    "three rows": Bad(table(count=3), FEW + "evaluation.holdout needs 2"),
    "fewer rows than folds": Bad(
        table(count=8), FEW + "evaluation.folds needs 9", evaluation="folds: 9"
    ),
    "all rows for the test": Bad(table(), FEW + "data.test of 0.99", keys=", test: 0.99"),
    "no target column": Bad(
        table(header="a,b,yy"), "no column 'y'; did you mean 'yy'?: correct data.target"
    ),
    "no such column to drop": Bad(table(), "'id'; the columns are 'a', 'b'", keys=", drop: [id]"),
    "nothing but the target": Bad(table(), "drop fewer", keys=", drop: [a, b]"),
    "a column twice": Bad(table(header="a,a,y"), "column 'a' appears twice: rename one"),
    "a column without a name": Bad(table(header=",b,y"), "name it, or add 'Unnamed: 0' to drop"),
    "a row cut short": Bad(table("1,2,3", "1,2"), "row 3 has 2 cells where the header has 3"),
    "a row too long": Bad(table("1,2,3,4"), "row 2 has 4 cells where the header has 3"),
    "inf in X": Bad(table("1,2,3", "1,inf,3"), "row 3: column 'b' is inf"),
    "-inf in X": Bad(table("-inf,2,3"), "row 2: column 'a' is -inf"),
    "too large for float32": Bad(table("1e39,2,3"), "row 2: column 'a' is 1e+39"),
    "inf in y": Bad(table("1,2,3", "1,2,inf"), "row 3: the target 'y' is inf: correct it"),
    "no value in y": Bad(table("1,2,"), "row 2: the target 'y' has no value (in 1 rows in total)"),
    "NaN in y": Bad(table("1,2,3", "1,2,NaN"), "row 3: the target 'y' has no value"),
    "text among numbers": Bad(table("1,2O,3"), "row 2: column 'b' holds numbers, but here '2O'"),
    "text in y": Bad(table("1,2,3.l"), "row 2: column 'y' holds numbers, but here '3.l'"),
    "a column without values": Bad(
        b"a,b,y\n" + b"".join(b"%d,,%d.5\n" % (i, i) for i in range(20)),
        "column 'b' has no values: add it to data.drop",
    ),
    "dates of two forms": Bad(
        b"a,y\n" + b"".join(b"0%d/0%d/2024,%d.5\n" % (i, 10 - i, i) for i in range(1, 10)) * 3,
        "column 'a'",
    ),
    "a constant target": Bad(classes(*["7"] * 20), "the target 'y' is 7 in all rows"),
    "one class": Bad(classes(*["red"] * 20), "the target 'y' is red in all rows"),
    "a class with one member": Bad(
        classes(*["red", "blue"] * 20, "green"), "class 'green' has only 1 rows: data.test needs 2"
    ),
    "a class too small for the folds": Bad(
        classes(*["red"] * 40, *["blue"] * 4),
        "class 'blue' has only 4 rows: evaluation.folds needs 5",
        evaluation="folds: 5",
    ),
    "text as a quantity": Bad(
        classes(*["red", "blue"] * 20),
        "the target 'y' is text: convert it to numbers, or leave out data.task",
        keys=", task: regression",
    ),
    "binary": Bad(bytes(range(256)) * 20, "has an unknown encoding"),
    "NUL bytes": Bad(table("1,\0,3"), "houses.csv: "),
    "an unclosed quote": Bad(table('1,"2,3'), "row 2 has 2 cells where the header has 3"),
    "cut-off gzip": Bad(gzip.compress(table())[:60], "cannot be read", "houses.csv.gz"),
    "no gzip": Bad(table(), "cannot be read", "houses.csv.gz"),
    "cut-off Parquet": Bad(parquet(a=Y, y=Y)[:300], "cannot be read", "houses.parquet"),
    "no Parquet": Bad(table(), "cannot be read", "houses.parquet"),
    "inf in Parquet": Bad(
        parquet(a=[*Y, np.inf], y=[*Y, 1.0]), "row 41: column 'a' is inf", "houses.parquet"
    ),
    "bytes in Parquet": Bad(
        parquet(a=[b"x"] * 40, y=Y), "column 'a' holds bytes: drop it", "houses.parquet"
    ),
    "cut-off NPZ": Bad(arrays(X=X, y=Y)[:400], "cannot be read", "houses.npz"),
    "NaN in an array": Bad(arrays(X=HOLE, y=Y), "X[3, 1] is nan", "houses.npz"),
    "inf in an array": Bad(arrays(X=ENDLESS, y=Y), "X[5, 0] is inf", "houses.npz"),
    "NaN in the target array": Bad(
        arrays(X=X, y=np.where(Y > 5, np.nan, Y)), "row 36: the target 'y'", "houses.npz"
    ),
    "lengths that differ": Bad(
        arrays(X=X, y=Y[:39]), "X has 40 rows and y has 39: give both the same", "houses.npz"
    ),
    "no target array": Bad(arrays(X=X), "no array 'y'; the arrays are 'X'", "houses.npz"),
    "one-hot rows": Bad(
        arrays(X=X, y=np.eye(3)[np.arange(len(X)) % 3]),
        "numbers of the classes, y.argmax(axis=1)",
        "houses.npz",
    ),
    "two columns in the target": Bad(arrays(X=X, y=X), "it needs one value per row", "houses.npz"),
    "objects in an array": Bad(
        arrays(X=X, y=np.array([{}] * 40, object)), "cannot be read", "houses.npz"
    ),
}


def write(directory: Path, bad: Bad, executor: str = "inline") -> None:
    """Write the data file and its study into a directory."""
    (directory / bad.name).write_bytes(bad.content)
    (directory / "study.yaml").write_text(
        STUDY.format(name=bad.name, keys=bad.keys, evaluation=bad.evaluation, executor=executor)
    )


def nothing_new(directory: Path, bad: Bad) -> bool:
    """Return whether the directory has only these two files and no trace of a study."""
    names = {path.name for path in directory.rglob("*")} - {".searchlab"}
    return names == {bad.name, "study.yaml"} and not list(directory.glob(".searchlab/*"))


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_data_are_one_line_and_leave_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: Bad
) -> None:
    """It is exit code 2 and one line with file, column, row and remedy; no study, no store."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, bad)
    ran = CliRunner().invoke(cli, ["run", "study.yaml", "--quiet"])
    assert (ran.exit_code, ran.stdout) == (2, ""), ran.output
    assert ran.stderr.startswith(f"searchlab: {bad.name}: ")
    assert bad.says in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not re.search(r"Traceback|\.py\b|Error\b", ran.stderr)
    assert nothing_new(tmp_path, bad)


@pytest.mark.slow
def test_the_program_leaves_no_trace_of_bad_data(tmp_path: Path) -> None:
    """Even when worker processes are about to start, the program ends with its one line."""
    bad = BAD["inf in X"]
    write(tmp_path, bad, executor="process")
    result = programs.run(tmp_path, "run", "study.yaml", "--json")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert bad.says in result.stderr
    assert nothing_new(tmp_path, bad)


def test_a_study_runs_once_its_data_are_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a refusal, the same study name is free and the corrected file passes."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, BAD["inf in X"])
    assert CliRunner().invoke(cli, ["run", "study.yaml", "--quiet"]).exit_code == 2
    (tmp_path / "houses.csv").write_bytes(table())
    said: list[str] = []

    def stop(*_: Any) -> None:
        said.append("trying the model")
        raise SystemExit(7)

    monkeypatch.setattr("searchlab.engine.run._try_model", stop)
    assert CliRunner().invoke(cli, ["run", "study.yaml", "--quiet"]).exit_code == 7
    assert said


@dataclass(frozen=True)
class BadInit:
    """A CSV file from which no study can be made."""

    says: str
    content: bytes | None = None
    name: str = "houses.csv"
    options: Mapping[str, str] = field(default_factory=lambda: {"--target": "y"})


INIT = {
    "empty": BadInit("has no header: name the columns in its first line", b""),
    "no names": BadInit("has no column 'y' to predict: it has 1, 2, 3", b",,\n1,2,3\n"),
    "no target named": BadInit("Name the target, one of a, y", b"a,y\n1,2\n", options={}),
    "no such target": BadInit("has no column 'price' to predict: it has a, y", b"a,y\n1,2\n",
                              options={"--target": "price"}),
    "a near target": BadInit("did you mean 'price'?", b"a,price\n1,2\n",
                             options={"--target": "prise"}),
    "binary": BadInit("is no text in utf-8: give data.encoding", bytes(range(256))),
    "a directory": BadInit("houses.csv: "),
    "no file": BadInit("there is no such file", None, "missing.csv"),
    "no gzip": BadInit("cannot be read as CSV", b"a,y\n1,2\n", "houses.csv.gz"),
    "cut-off gzip": BadInit("cannot be read as CSV", gzip.compress(b"a,y\n1,2\n")[:12],
                            "houses.csv.gz"),
    "a spreadsheet": BadInit("is not named .csv", b"PK", "houses.xlsx"),
    "a header of one name": BadInit("has no column besides", b"y\n1\n"),
    "a name twice": BadInit("appears twice", b"a,a,y\n1,2,3\n"),
    "numbers in place of names": BadInit("has no column 'y'", b"1.5,2\n3,4\n"),
}  # fmt: skip


@pytest.mark.parametrize("bad", INIT.values(), ids=INIT)
def test_init_refuses_a_csv_file_that_no_study_could_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: BadInit
) -> None:
    """`init --csv` exits with 2 and one line that names the file, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    if bad.content is not None:
        (tmp_path / bad.name).write_bytes(bad.content)
    elif bad.name == "houses.csv":
        (tmp_path / bad.name).mkdir()
    before = sorted(tmp_path.rglob("*"))
    options = [part for pair in bad.options.items() for part in pair]
    result = CliRunner().invoke(cli, ["init", "--csv", bad.name, *options])
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert result.stderr.startswith(f"searchlab: {bad.name}: ")
    assert bad.says in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
