"""Texts of users are shown as written: never markup, a formula, Markdown or a format."""

from __future__ import annotations

import ast
import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from faults.place import STUDY, Place, one_line

import searchlab
from searchlab.inference.prediction import print_table, write_table
from searchlab.journal.home import load_record
from searchlab.tracking.mlflow.description import description
from searchlab.tracking.mlflow.table import as_csv, trials_table

ROOT = Path(searchlab.__file__).parent

TEXTS = ("[red]", "[/]", "=1+1", "{0}", "{missing}", "%s", ":smile:", "a|b`c", "<b>x</b>")
"""Texts that rich, a spreadsheet, `str.format`, `%`, Markdown or HTML take for something else."""


def calls() -> list[tuple[str, ast.Call]]:
    """Return all calls in the package, each with its file."""
    return [
        (file.relative_to(ROOT).as_posix(), node)
        for file in sorted(ROOT.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
    ]


def name_of(call: ast.Call) -> str:
    """Return the last part of the name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def test_one_place_makes_the_consoles_and_they_know_no_markup():
    """Whatever is printed through rich goes through a console without markup and emoji."""
    made = [(file, call) for file, call in calls() if name_of(call) == "Console"]
    assert [file for file, _ in made] == ["cli/printing.py"]
    options = {each.arg: ast.unparse(each.value) for each in made[0][1].keywords}
    assert (options["markup"], options["emoji"]) == ("False", "False")
    assert not [file for file, call in calls() if name_of(call) in ("from_markup", "render_str")]


def test_tables_for_spreadsheets_are_written_in_two_places():
    """Each of them passes its cells through `in_spreadsheet`."""
    writers = {
        file for file, call in calls() if name_of(call) in ("to_csv", "writer", "DictWriter")
    }
    assert writers == {"inference/prediction.py", "tracking/mlflow/table.py"}
    assert all("in_spreadsheet" in (ROOT / file).read_text() for file in writers)


def test_formats_are_constants():
    """No text of a user is the format of a `str.format`, a `%` or a message of a log."""
    found = []
    for file, call in calls():
        of = call.func.value if isinstance(call.func, ast.Attribute) else None
        formatted = name_of(call) == "format" and not isinstance(of, ast.Constant)
        logged = isinstance(of, ast.Name) and of.id == "_log" and len(call.args) > 1
        if formatted or (logged and not isinstance(call.args[0], ast.Constant)):
            found.append((file, ast.unparse(call)[:40]))
    assert {file for file, _ in found} == {"study/explain.py"}, found  # its tables of messages
    trees = [ast.parse(file.read_text()) for file in ROOT.rglob("*.py")]
    operators = [each for tree in trees for each in ast.walk(tree) if isinstance(each, ast.BinOp)]
    assert not [
        each
        for each in operators
        if isinstance(each.op, ast.Mod) and isinstance(each.left, ast.JoinedStr)
    ]


@pytest.mark.parametrize("name", [*TEXTS, "../../x", "a/b", "a\nb", "", ".", "..", "-x", "x" * 81])
@pytest.mark.parametrize(
    "command",
    ["show", "best", "report", "compare", "sync", "repair", "reproduce"],
)
def test_a_name_that_no_study_may_have_is_refused(tmp_path, monkeypatch, command, name):
    """One line shows the name as written; nothing is read or written outside of the directory."""
    inside = tmp_path / "in" / "side"
    inside.mkdir(parents=True)
    place = Place(inside, monkeypatch)
    before = sorted(tmp_path.rglob("*"))
    told = one_line(place.searchlab(command, "--", name))
    assert f"there is no study {name!r}" in told
    assert sorted(tmp_path.rglob("*")) == before


def test_names_of_files_are_shown_as_written(tmp_path, monkeypatch):
    """A path in an error is no markup and no format."""
    place = Place(tmp_path, monkeypatch)
    for text in (each.replace("/", "") for each in TEXTS):
        assert f"{text}.yaml: there is no such file" in one_line(
            place.searchlab("run", f"{text}.yaml")
        )


@pytest.mark.slow
def test_values_and_columns_are_shown_as_written(tmp_path, monkeypatch):
    """A study of such choices, columns, files and labels prints them all as they are."""
    place = Place(tmp_path, monkeypatch)
    columns = {text: [float(n % 7), *map(float, range(39))] for n, text in enumerate(TEXTS)}
    frame = pd.DataFrame({**columns, "y": [TEXTS[n % 2] for n in range(40)]})
    file = "[red] {0} %s.csv"
    frame.to_csv(tmp_path / file, index=False)
    choices = f"  text: {{choice: {json.dumps(TEXTS)}}}\n"
    study = STUDY.replace("{dataset: iris}", json.dumps({"path": file, "target": "y"}))
    (tmp_path / "own.py").write_text("def build(**params):\n    raise NotImplementedError\n")
    begin = f"model: own.py:build\ntrackers: [memory]\nspace:\n{choices}"
    (tmp_path / "small.yaml").write_text(study.replace("space:\n", begin))
    assert place.searchlab("run", "small.yaml").exit_code == 0
    record = load_record("small", tmp_path)
    tried = {str(each.trial.suggestion.params["text"]) for each in record.trials.values()}
    shown = place.searchlab("show", "small").stdout
    assert all(text in shown for text in tried)
    assert file in place.searchlab("list").stdout
    validated = place.searchlab("validate", "--data", "small.yaml")
    assert validated.exit_code == 0, validated.stderr
    assert all(text in validated.stdout for text in TEXTS)
    best = str(record.best_trial.trial.suggestion.params["text"])
    assert best in place.searchlab("best", "small").stdout
    assert "<b>x</b>" not in (description(record))
    cells = {cell for row in csv.reader(io.StringIO(as_csv(*trials_table(record)))) for cell in row}
    assert not any(cell.startswith("=") for cell in cells)


def test_predictions_are_no_formulas(tmp_path):
    """Labels, ids and columns of a table for a spreadsheet are texts; numbers stay numbers."""
    table = pd.DataFrame(
        {"=id": ["-1", "@x", "a"], "label": ["=1+1", "b", None], "p": [-0.5, 1, 2]}
    )
    table["label"] = table["label"].astype("category")
    text = io.StringIO()
    print_table(table, text)
    assert text.getvalue() == "'=id,label,p\n-1,'=1+1,-0.5\n'@x,b,1.0\na,,2.0\n"
    for name in ("a.csv", "a.tsv"):
        write_table(table, tmp_path / name)
        assert "'=1+1" in (tmp_path / name).read_text()
    write_table(table, tmp_path / "a.parquet")
    assert list(pd.read_parquet(tmp_path / "a.parquet")["label"][:2]) == ["=1+1", "b"]
