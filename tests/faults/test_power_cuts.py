"""After a power cut the disk has every file that an event, or another file, speaks of."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Queue

import numpy as np
import pytest
from faults.power import WAYS, Disk, Tree, live, write
from support.fused import TIMEOUT, Bench
from support.studies import run_here, write_study

from searchlab.core import atomic
from searchlab.data.understood import Profile, write_profile
from searchlab.executors.cluster.transfer import unpack_made
from searchlab.fused.host import Host
from searchlab.fused.messages import Ended, FromHost, Submit
from searchlab.journal.journal import Journal, encoded, read_journal
from searchlab.journal.layout import ROOT, StudyLayout, sent_file, study_layout, submission_layout
from searchlab.journal.record import StudyRecord
from searchlab.journal.repair import repair_journal
from searchlab.remote.bundle import Bundle
from searchlab.remote.driver import receive
from searchlab.remote.sent import remember
from searchlab.testing import entries as make
from searchlab.tracking.mlflow.state import State

STUDY = """\
name: small
data: {{dataset: iris}}
space:
  n_hidden: {{int: [0, 1]}}
  n_neurons: {{int: [1, 20]}}
  learning_rate: {{float: [3e-3, 3e-1], log: true}}
search: {{backend: {backend}, trials: {trials}, seed: 42}}
training: {{epochs: 3, batch_size: 64}}
evaluation: {{holdout: 0.25}}
confirm: {{top: 1, seeds: 1}}
execution: {{executor: inline}}
"""
TRIALS = {"optuna": 2, "hyperband": 6}


@dataclass(frozen=True)
class Cut:
    """A power cut just after an event was on the disk.

    Attributes:
        event: the kind of the event.
        trees: the study's directory after the cut, by the way of losing.
        lost: the files that earlier events speak of, but that it does not have, with the way.
    """

    event: str
    trees: dict[str, Tree]
    lost: list[tuple[str, str]]


def spoken_of(lines: list[dict], directory: Path) -> list[Path]:
    """List the files of a study that its journal speaks of and that are still there."""
    told = [each["outcome"]["number"] for each in lines if each["event"] == "Told"]
    places = [directory / "models" / str(number) for number in told]
    if lines[-1]["event"] == "Stopped":
        places += [directory / "best", directory / "refit"]
    return [path for place in places for path in place.rglob("*") if path.is_file()]


def at(tree: Tree, path: Path) -> object:
    for part in path.parts:
        tree = tree.get(part, {})
    return tree


def cuts(file: Path, monkeypatch) -> list[Cut]:
    """Run a study, with a power cut after each of its events."""
    cwd, found = file.parent, []
    directory = study_layout("small", cwd).directory
    disk = Disk(cwd)

    def forced(path: Path) -> None:
        if path.name != "journal.jsonl":
            return
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        trees = {way: disk.after_cut(way) for way in WAYS}
        lost = [
            (str(each.relative_to(directory)), way)
            for each in spoken_of(lines, directory)
            for way in WAYS
            if at(trees[way], each.relative_to(cwd)) != each.read_bytes()
        ]
        found.append(Cut(lines[-1]["event"], trees, lost))

    disk.forced = forced
    with monkeypatch.context() as patch:
        disk.watch(patch)
        run_here(file)
    disk.close()
    return found


def result(record: StudyRecord) -> list:
    """Return what a study has found, without times."""
    assert record.stopped is not None
    trials = [
        (each.trial, each.outcome.state, each.outcome.value, each.outcome.metrics)
        for each in record.trials.values()
    ]
    confirmed = [(key, each.outcome.value) for key, each in sorted(record.confirmations.items())]
    return [trials, confirmed, record.stopped.winner, record.stopped.metrics]


@pytest.fixture
def study(tmp_path, request):
    """Write a study of a backend to a directory of its own."""
    text = STUDY.format(backend=request.param, trials=TRIALS[request.param])
    return write_study(tmp_path / "here" / "small.yaml", text)


@pytest.mark.keras
@pytest.mark.parametrize(
    "study", ["hyperband", pytest.param("optuna", marks=pytest.mark.long)], indirect=True
)
def test_the_disk_has_what_events_speak_of_before_them(study, monkeypatch):
    """After a power cut at any event, checkpoints and models are as they were."""
    found = cuts(study, monkeypatch)
    assert {cut.event for cut in found} >= {
        *("Started", "Resumed", "Asked", "Told", "Confirmed", "Compared", "Stopped")
    }
    assert [(cut.event, cut.lost) for cut in found if cut.lost] == []


@pytest.mark.keras
@pytest.mark.long
@pytest.mark.parametrize("study", TRIALS, indirect=True)
def test_a_study_goes_on_after_a_power_cut_at_any_event(study, tmp_path, monkeypatch):
    """It ends with the same trials, values and metrics as if nothing had happened."""
    found = cuts(study, monkeypatch)
    undisturbed = result(record_of(study.parent))
    last = {cut.event: cut for cut in found}
    for number, (event, way) in enumerate((event, way) for event in last for way in WAYS):
        there = tmp_path / str(number)
        write(last[event].trees[way], there)
        assert result(run_here(there / "small.yaml")) == undisturbed, (event, way)
        shutil.rmtree(there)


def record_of(cwd: Path) -> StudyRecord:
    return StudyRecord(read_journal(study_layout("small", cwd).journal))


@pytest.mark.keras
@pytest.mark.parametrize("study", ["optuna"], indirect=True)
@pytest.mark.parametrize(
    "forgotten", [pytest.param("files", marks=pytest.mark.long), "directories"]
)
def test_a_power_cut_is_noticed_by_these_tests(study, forgotten, monkeypatch):
    """If files, or the names of files, are not forced to the disk, checkpoints and models lack."""
    force = atomic.force

    def careless(path: Path) -> None:
        if path.is_dir() != (forgotten == "directories"):
            force(path)

    monkeypatch.setattr(atomic, "force", careless)
    way = "content lost" if forgotten == "files" else "names lost"
    found = cuts(study, monkeypatch)
    lost = {
        (cut.event, name.partition("/")[0]) for cut in found for name, how in cut.lost if how == way
    }
    assert lost >= {("Told", "models"), ("Stopped", "best"), ("Stopped", "refit")}


@pytest.mark.keras
@pytest.mark.parametrize("way", WAYS)
def test_a_host_speaks_of_weights_that_are_on_the_disk(tmp_path, monkeypatch, way):
    """Trials that end together have their weights forced together, before their ends are told."""
    bench = Bench(tmp_path, evaluation={"folds": 2}, training={"epochs": 2, "batch_size": 64})
    jobs = [replace(bench.job(n, rate=0.01 * (n + 1)), keep=True) for n in range(4)]
    disk, told, lost = Disk(tmp_path), Queue(), list[str]()

    def say(message: FromHost) -> None:
        if isinstance(message, Ended):
            tree = disk.after_cut(way)
            for file in StudyLayout(tmp_path).checkpoints(message.result.number):
                if at(tree, file.relative_to(tmp_path)) != file.read_bytes():
                    lost.append(str(file))
            told.put(message)

    with monkeypatch.context() as patch:
        disk.watch(patch)
        host = Host(2, say)
        for job in jobs:
            host.receive(Submit(job.number, job))
            host.build()
        ended = [told.get(timeout=TIMEOUT).result for _ in jobs]
    disk.close()
    assert {len(each.weights) for each in ended} == {2}, "a checkpoint a fold"
    assert lost == []


# ---- every other writer


def journal(cwd: Path) -> None:
    with Journal(study_layout("small", cwd).journal) as written:
        written.append(make.small_study()[0].event)


def repaired(cwd: Path) -> None:
    path = study_layout("small", cwd).journal
    atomic.make_directory(path.parent)
    path.write_bytes(encoded(make.small_study()) + b"damage\n")
    repair_journal(path)


def mlflow(cwd: Path) -> None:
    journal(cwd)
    State("id", "sqlite:///mlflow.db", sent=3).save(study_layout("small", cwd).directory)


def profile(cwd: Path) -> None:
    journal(cwd)
    data = Profile("iris", 1, {}, (1,), (), (), ())
    write_profile(study_layout("small", cwd).profile, data)


def made_elsewhere(cwd: Path) -> None:
    journal(cwd)
    files = {"models/0/fold-0.npz": b"weights", "best/model.keras": b"m", "best/code/a.py": b"c"}
    arrays = {name: np.frombuffer(content, np.uint8) for name, content in files.items()}
    unpack_made(arrays, study_layout("small", cwd).directory)


def submitted(cwd: Path) -> None:
    atomic.make_directory(submission_layout("small", cwd).directory)
    file = {"a/small.yaml": np.frombuffer(b"name: small", np.uint8)}
    receive(Bundle("small", file, "a/small.yaml", {}, None), cwd)


def sent(cwd: Path) -> None:
    remember("small", "ray://head:10001", cwd)
    assert sent_file(cwd).exists()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "writer", [journal, repaired, mlflow, profile, made_elsewhere, submitted, sent]
)
def test_a_file_is_whole_after_a_power_cut(writer, way, tmp_path, monkeypatch):
    """Whatever is written below `.searchlab/` is on the disk, with its name, once it is written."""
    disk = Disk(tmp_path)
    with monkeypatch.context() as patch:
        disk.watch(patch)
        writer(tmp_path)
    assert disk.after_cut(way) == live(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [ROOT]
    disk.close()
