"""Each file below `.searchlab/` and in the cache, damaged in each way: one line, or mended.

The paths are those of `journal.layout`, which owns them all: a path that is new there is damaged
here by itself, and one that is made elsewhere is found in a study's directory.
"""

from __future__ import annotations

import inspect
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from faults.place import TRIALS, Place
from support.damages import DAMAGES, missing
from support.finished import Finished
from support.packages import package_of
from support.weak import as_anybody

from searchlab.cli import cli
from searchlab.executors.cluster.transfer import Files
from searchlab.fused import kept
from searchlab.journal import layout
from searchlab.journal.layout import (
    ROOT,
    CacheLayout,
    NodeLayout,
    StudyLayout,
    SubmissionLayout,
    sent_file,
)
from searchlab.remote.bundle import Bundle
from searchlab.remote.driver import Driver
from searchlab.remote.keeper import Keeper

pytestmark = pytest.mark.slow  # a study is run on in nearly every case

WITHOUT_MLFLOW = ("--set", "trackers=[memory]")
ON = ("--trials", str(TRIALS + 1), *WITHOUT_MLFLOW)
"""Options of a run that goes on with the finished study."""

ARGUMENTS = {"damaged": (1,), "model": (2,), "checkpoint": (2, 0), "job": (0,), "store": ("3.0",)}
"""The arguments of the methods that return a path, by their names."""

LISTS = {"checkpoints", "kept"}
"""The methods that list what there is."""

READERS = ("list", "show", "best", "report", "compare", "repair")


def paths_of(owner: type) -> dict[str, tuple[object, ...] | None]:
    """Return the members of a layout that are paths, each with its arguments if it is a method."""
    members = {name: each for name, each in vars(owner).items() if not name.startswith("_")}
    found: dict[str, tuple[object, ...] | None] = {}
    for name, member in members.items():
        if isinstance(member, property):
            found[name] = None
        elif callable(member) and name not in LISTS:
            found[name] = ARGUMENTS[name]  # a method that is new needs its arguments here
    return found


def path_in(of: object, name: str) -> Path:
    """Return a path of a layout by the member's name."""
    arguments = paths_of(type(of))[name]
    return getattr(of, name) if arguments is None else getattr(of, name)(*arguments)


def test_all_paths_are_enumerated():
    """Each function and class of the owner of paths is known to the tests below."""
    members = inspect.getmembers(layout)
    own = {name for name, each in members if getattr(each, "__module__", "") == layout.__name__}
    layouts = {each.__name__ for each in (StudyLayout, SubmissionLayout, CacheLayout, NodeLayout)}
    makers = {"study_layout", "submission_layout", "cache_layout", "sent_file"}
    others = {"journals", "submissions", "refit_data", "study_data", "variant_data"}
    assert {name for name in own if not name.startswith("_")} == layouts | makers | others
    assert set(paths_of(NodeLayout)) == {"data", "code", "initial", "workers", "job"}, (
        "they lie in a temporary directory of the process that uses them, new each time"
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Run a study without MLflow, with files in the places of its models."""
    directory = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        place = Place(directory, patch)
        assert place.run(*WITHOUT_MLFLOW).exit_code == 0
        paths = StudyLayout(place.home)
        packages = [package / "model.keras" for package in (paths.best, paths.refit)]
        for file in (paths.checkpoint(2, 0), *packages):
            file.parent.mkdir(parents=True)
            file.write_bytes(b"weights" * 99)
    return directory


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, finished) -> dict[str, object]:
    """Return the picture of the study that is run on to one more trial."""
    directory = copied(finished, tmp_path_factory.mktemp("undisturbed"))
    with pytest.MonkeyPatch.context() as patch:
        assert Place(directory, patch).run(*ON).exit_code == 0
    return Finished(directory).picture()


def copied(finished: Path, to: Path) -> Path:
    """Copy the study's working directory."""
    shutil.copytree(finished, to, symlinks=True, dirs_exist_ok=True)
    return to


def test_every_file_of_a_study_has_an_owner(finished):
    """No file is in a study's directory that is not a path of its layout, or in one."""
    paths = StudyLayout(finished / ROOT / "small")
    owned = [path_in(paths, name) for name in paths_of(StudyLayout)]
    for file in paths.directory.rglob("*"):
        assert file.is_dir() or any(each in (file, *file.parents) for each in owned), file


def one_line_at_most(result: Result) -> str:
    """Return standard error, which is one line of searchlab's at most, without a traceback."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1, 2), result.stderr
    assert result.stderr.count("\n") <= 1, result.stderr
    assert not result.stderr or result.stderr.startswith("searchlab: ")
    assert result.exit_code == 0 or result.stderr
    return result.stderr


STUDY_PATHS = ["", ".", *paths_of(StudyLayout)]
"""Those of a study by name, its directory, and that of all studies."""


_EACH = 4  # every fourth damage of a path, another one each, and all of the journal's

DAMAGED = [
    pytest.param(
        name,
        how,
        marks=[] if name == "journal" or (path + damage) % _EACH == 0 else pytest.mark.long,
    )
    for path, name in enumerate(STUDY_PATHS)
    for damage, how in enumerate(DAMAGES)
]


@pytest.mark.parametrize(("name", "how"), DAMAGED)
def test_a_damaged_file_of_a_study(finished, undisturbed, tmp_path, monkeypatch, name, how):
    """Each command ends well or with one line; what is run on ends as ever, or is refused whole."""
    place = Place(copied(finished, tmp_path), monkeypatch)
    paths = StudyLayout(place.home)
    special = {"": place.cwd / ROOT, ".": place.home}
    target = special[name] if name in special else path_in(paths, name)
    if not DAMAGES[how](target):
        return
    with as_anybody():
        for command in READERS:
            told = one_line_at_most(place.searchlab(command, *["small"] * (command != "list")))
            assert "there is no study" not in told or not has_lines(paths.journal)
        before = content(paths.journal)
        result = place.run(*ON)
        told = one_line_at_most(result)
        if result.exit_code == 0:
            assert Finished(place.cwd).picture() == undisturbed
        else:
            assert target.name in told or paths.journal.name in told
            assert content(paths.journal) == before


def content(file: Path) -> bytes | None:
    """Return the content of a file; None if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError:
        return None


def has_lines(journal: Path) -> bool:
    """Return whether a journal has lines, or may have."""
    if not os.path.lexists(journal):
        return False
    found = content(journal)
    return found is None or b"\n" in found


@pytest.mark.long
@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_note_of_what_mlflow_has(finished, database, tmp_path, monkeypatch, how):
    """All that was sent is found in MLflow again, or one line says what is in the way."""
    place = Place(copied(finished, tmp_path), monkeypatch)
    shutil.copy(database, place.cwd / "mlflow.db")
    assert place.searchlab("sync", "small").exit_code == 0
    if not DAMAGES[how](StudyLayout(place.home).mlflow):
        return
    with as_anybody():
        for command in ("show", "list", "sync"):
            told = one_line_at_most(place.searchlab(command, *["small"] * (command != "list")))
            assert not told or StudyLayout(place.home).mlflow.name in told
    if StudyLayout(place.home).mlflow.is_dir():  # what is in the way is taken away, as it was told
        shutil.rmtree(StudyLayout(place.home).mlflow)
        assert place.searchlab("sync", "small").exit_code == 0
    Finished(place.cwd).check(TRIALS)


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_note_of_what_was_sent(finished, tmp_path, monkeypatch, how):
    """`list` shows the studies here and warns; `stop` and `submit` refuse before they connect."""
    place = Place(copied(finished, tmp_path), monkeypatch)
    sent_file(place.cwd).write_text(json.dumps({}))
    if not DAMAGES[how](sent_file(place.cwd)):
        return
    with as_anybody():
        listed = place.searchlab("list", "--json")
        told = one_line_at_most(listed)
        assert [each["name"] for each in json.loads(listed.stdout)] == ["small"]
        if told:
            assert ".sent.json: cannot be read (" in told
            submit = place.searchlab("submit", "small.yaml", "--address", "127.0.0.1:1")
            assert one_line_at_most(submit) == told.replace("\n", "") + "\n"


SUBMITTED = "small"


@pytest.fixture
def head(tmp_path, monkeypatch) -> Path:
    """Make the directory of a cluster's head with a submitted study that has ended."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Driver, "_command", lambda self: [sys.executable, "-c", "print('ran')"])
    keeper = Keeper("127.0.0.1:1")
    assert keeper.submit(bundle()) is None
    wait(keeper)
    return tmp_path


def bundle() -> Bundle:
    """Return a study to submit."""
    files: Files = {"small.yaml": np.frombuffer(b"name: small", np.uint8)}
    return Bundle(SUBMITTED, files, "small.yaml", {}, None)


def wait(keeper: Keeper) -> str:
    """Wait for the end of the study's driver; return its last words."""
    while any(each.running for each in keeper.statuses()):
        pass
    return " ".join(each.words for each in keeper.statuses())


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["", *paths_of(SubmissionLayout)])
def test_a_damaged_file_of_a_submitted_study(head, name, how):
    """The keeper starts, tells of the study in one line, and takes it again or says why not."""
    paths = layout.submission_layout(SUBMITTED, head)
    target = paths.directory if name == "" else path_in(paths, name)
    if not DAMAGES[how](target):
        return
    with as_anybody():
        keeper = Keeper("127.0.0.1:1")
        for each in keeper.statuses():
            assert "\n" not in each.words
            if name == "order" and how not in ("extra", "link"):
                assert "order.json: cannot be read (" in each.words
        refused = keeper.submit(bundle())
        if refused is None:
            words = wait(keeper)
            assert not words or target.name in words
        else:
            assert "\n" not in refused
            assert paths.directory.name in refused


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["", *paths_of(CacheLayout)])
def test_a_damaged_cache_costs_time_only(tmp_path, monkeypatch, name, how):
    """A study's process starts, whatever is in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    cache = layout.cache_layout()
    for file in (cache.programs / "kind" / "file", cache.store("3.0")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\0" * 100)
    target = cache.directory if name == "" else path_in(cache, name)
    if not DAMAGES[how](target):
        return
    with as_anybody():
        kept.keep_compiled(1)
        os.environ.pop("TF_XLA_FLAGS", None)
    missing(target)


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """Train a small model and return its package."""
    rows = pd.DataFrame({"size": [float(n % 9) for n in range(60)], "kind": ["a", "b", "c"] * 20})
    return package_of(tmp_path_factory.mktemp("package"), rows.assign(y=rows["size"] * 2))


@pytest.mark.keras
def test_each_damaged_file_of_a_model(package, tmp_path, monkeypatch):
    """`predict` gives the same predictions as before, or one line that names the model."""
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("size,kind\n1,a\n2,b\n")
    shutil.copytree(package, "whole")
    command = ["predict", "model", "--input", "rows.csv"]

    def predicted(target: str, how: str) -> Result:
        missing(tmp_path / "model")
        shutil.copytree("whole", "model")
        if how:
            DAMAGES[how](tmp_path / "model" / target)
        with as_anybody():
            return CliRunner().invoke(cli, command)

    whole = predicted("", "").stdout
    assert whole.count("\n") == 3
    files = [each.relative_to("whole").as_posix() for each in Path("whole").rglob("*")]
    assert {"model.keras", "model.json", "preprocessing.skops", "example.json"} <= set(files)
    for target in ["", *files]:
        for how in DAMAGES:
            result = predicted(target, how)
            told = one_line_at_most(result)
            if result.exit_code == 0:
                assert result.stdout == whole, (target, how)
            else:
                assert "model" in told or target in told, (target, how, told)
