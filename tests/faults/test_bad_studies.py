"""A mistake in a study file is one line with file, line, key and remedy, and nothing is run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from faults.bad_studies import BAD, FINE, NEIGHBOURS
from faults.bad_study import GOOD, Bad

from searchlab.cli import cli
from searchlab.study.file import load_study

FILE = "study.yaml"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a working directory with the files that the study files refer to."""
    for name, text in NEIGHBOURS.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snapshot(directory: Path) -> dict[str, bytes]:
    """Return the contents of all files in a directory."""
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def complaint(bad: Bad) -> str:
    """Return the beginning of the line about a bad study."""
    where = f"{FILE}:{bad.line}: " if bad.line else f"{FILE}: "
    return where + (f"{bad.key}: " if bad.key else "")


def check_line(bad: Bad, stderr: str) -> None:
    """Check that the output of `run` is one line with the expected wording."""
    assert stderr.count("\n") == 1
    assert stderr.startswith(f"searchlab: {complaint(bad)}"), stderr
    assert bad.says in stderr
    assert "more: see searchlab validate" not in stderr
    assert not re.search(r"Input should|validation error|pydantic|Traceback|<\w+>", stderr)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_study_is_one_line_and_leaves_no_trace(place: Path, bad: Bad) -> None:
    """`run` exits with 2 after one line with file, line, key and remedy; `validate` lists it."""
    (place / FILE).write_bytes(bad.content)
    before = snapshot(place)
    ran = CliRunner().invoke(cli, ["run", FILE])
    assert (ran.exit_code, ran.stdout) == (2, "")
    check_line(bad, ran.stderr)
    validated = CliRunner().invoke(cli, ["validate", FILE])
    assert (validated.exit_code, validated.stdout) == (2, "")
    assert f"searchlab: {validated.stderr}" == ran.stderr
    assert snapshot(place) == before


PROGRAM = [
    "text: empty", "text: 10 MB", "text: a nul byte", "text: billion laughs", "text: deep list",
    "text: deep indentation", "keys: unknown", "keys: twice", "types: a float", "ranges: log of 0",
    "choices: one twice", "data: data set", "study: no python", "study: option",
]  # fmt: skip
"""Bad studies also given to the real program, in a separate process."""


@pytest.mark.parametrize("name", PROGRAM)
def test_the_program_says_the_same(place: Path, name: str) -> None:
    """The installed program exits with 2 and the one line, and imports nothing heavy."""
    (place / FILE).write_bytes(BAD[name].content)
    before = snapshot(place)
    heavy = ("tensorflow", "keras", "mlflow", "optuna", "sklearn", "pandas", "numpy")
    code = (
        "import sys\nfrom searchlab.cli import main\ntry:\n    main()\nfinally:\n"
        f"    assert not {set(heavy)} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", code, "run", FILE]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    check_line(BAD[name], result.stderr)
    assert snapshot(place) == before


def test_debug_shows_the_traceback_of_a_bad_study(place: Path) -> None:
    """With --debug, the error keeps its traceback and still ends with its one line."""
    (place / FILE).write_bytes(BAD["ranges: swapped"].content)
    command = [sys.executable, "-m", "searchlab", "--debug", "run", FILE]
    stderr = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert stderr.startswith("Traceback")
    assert "StudyFileError" in stderr.splitlines()[-1]


def test_validate_lists_everything_that_is_wrong_at_once(place: Path) -> None:
    """Several mistakes in one file are reported together, in file order, and `run` counts them."""
    text = GOOD.replace("name: small", "name: a/b").replace(_OLD_DATA, "dataset: irsi, test: 2")
    text = (
        text.replace("[1, 20]", "[20, 1]")
        .replace("[relu, elu]", "[]")
        .replace("backend: optuna", "backend: optima")
    )
    text = text.replace("trials: 3", "trials: 0\n  trials: 4").replace("epochs: 3", "epoch: 3")
    text = text.replace("{optimizer:", "{optimiser:").replace("proces", "proce")
    (place / FILE).write_text(text.replace("holdout: 0.25", "folds: 1"))
    listed = CliRunner().invoke(cli, ["validate", FILE]).stderr.splitlines()
    assert [line.split(": ")[1] for line in listed] == [
        "name", "data.test", "data.dataset", "model.params.optimiser", "space.n_neurons",
        "space.activation", "search.backend", "search.trials", "search.trials", "training.epoch",
        "evaluation.folds", "execution.executor",
    ]  # fmt: skip
    assert [int(line.split(":")[1]) for line in listed] == sorted(
        int(line.split(":")[1]) for line in listed
    )
    ran = CliRunner().invoke(cli, ["run", FILE]).stderr
    assert ran == f"searchlab: {listed[0]} (and 11 more: see searchlab validate)\n"


_OLD_DATA = "dataset: iris, test: 0.25"


@pytest.mark.parametrize("hidden", ["space", "data", "model"])
def test_what_only_follows_from_a_mistake_is_not_told(place: Path, hidden: str) -> None:
    """An unreadable part gives one error and none about its missing contents."""
    lines = {f"{line.split(':')[0]}": line for line in GOOD.splitlines()}
    text = GOOD.replace(lines[hidden], f"{hidden}: 5\nignored:" if hidden == "space" else "")
    text = text if hidden == "space" else f"{text}{hidden}: 5\n"
    (place / FILE).write_text(text)
    listed = CliRunner().invoke(cli, ["validate", FILE]).stderr.splitlines()
    keys = [line.split(": ")[1] for line in listed]
    assert keys == ([hidden, "ignored"] if hidden == "space" else [hidden])


@pytest.mark.parametrize("text", FINE.values(), ids=FINE)
def test_what_looks_odd_and_is_fine_is_accepted(place: Path, text: str) -> None:
    """Marks, line ends and values that confuse other readers are read as intended."""
    (place / FILE).write_bytes(text.encode())
    spec = load_study(Path(FILE)).spec
    assert spec.search.trials in (3, 10)
    assert spec.space["activation"].values in (("relu", "elu"), ("yes", "no"))


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    """An endless device is refused like any file that is too large."""
    result = CliRunner().invoke(cli, ["run", "/dev/zero"])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "is larger than 50 kB" in result.stderr
