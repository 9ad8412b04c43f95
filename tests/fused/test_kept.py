"""XLA's executables are cached for the next process where that is safe."""

import os
import shutil
import time
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from searchlab.fused import kept
from searchlab.fused.kept import keep_compiled
from searchlab.journal.journal import read_journal
from searchlab.journal.layout import study_layout
from searchlab.journal.record import StudyRecord

STUDY = """
name: kept
data: {dataset: iris}
model: {factory: mlp, params: {optimizer: adam}}
space:
  n_hidden: {choice: [1, 2, 3]}
  n_neurons: {choice: [8]}
  learning_rate: {float: [0.001, 0.01], log: true}
objective: {metric: val_loss, direction: minimize}
search: {backend: randomized, trials: 6, seed: 1}
training: {epochs: 2, batch_size: 32}
evaluation: {holdout: 0.25}
confirm: 0
refit: false
baselines: false
"""


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Create the user's own empty cache directory, unknown to XLA so far."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_clustering_debug=false")
    return user_cache_path("searchlab") / "programs"


def chosen() -> str:
    """Return the flags added to those that the user set."""
    return os.environ["TF_XLA_FLAGS"].removeprefix("--tf_xla_clustering_debug=false").strip()


def file(home: Path, name: str, size: int, age: float) -> Path:
    """Write a file of the given size and age in seconds."""
    path = home / "kind" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_directory_is_the_users_own_and_of_one_kind_of_machine_code(home, monkeypatch):
    """XLA gets the directory after the user's flags; each thread count has its own directory."""
    keep_compiled(1)
    first = chosen()
    (directory,) = home.iterdir()
    assert first == (
        f'--tf_xla_persistent_cache_directory="{directory}" '
        "--tf_xla_persistent_cache_device_types=CPU"
    )
    assert directory.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    keep_compiled(2)
    assert chosen() != first
    assert len(list(home.iterdir())) == 2


def test_a_directory_that_the_user_has_chosen_is_left_alone(home, monkeypatch):
    """Flags that already name a directory stay unchanged."""
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=/elsewhere")
    keep_compiled(1)
    assert os.environ["TF_XLA_FLAGS"] == "--tf_xla_persistent_cache_directory=/elsewhere"
    assert not home.exists()


def test_nothing_is_kept_where_it_could_not_be_written(home, monkeypatch):
    """XLA gets no directory if a file is in its place or the disk is nearly full."""
    home.parent.mkdir(parents=True)
    home.touch()
    keep_compiled(1)
    assert chosen() == ""
    home.unlink()
    usage = shutil.disk_usage(home.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**29))
    keep_compiled(1)
    assert chosen() == ""


def test_the_oldest_make_room_but_nothing_that_may_be_in_use(home, monkeypatch):
    """Beyond the limit the oldest files and those a crash left empty go; recent ones stay."""
    monkeypatch.setattr(kept, "_MOST", 250)
    old, older, oldest = (file(home, f"{age}.pb", 100, age * 86_400.0) for age in (1, 2, 3))
    recent, empty = file(home, "recent.pb", 200, 60), file(home, "empty.pb", 0, 60)
    writing = file(home, "whole.pb.tmp", 0, 60)
    keep_compiled(1)
    assert all(path.exists() for path in (old, older, recent, writing))
    assert not oldest.exists()
    assert not empty.exists()


@pytest.mark.long
@pytest.mark.keras
def test_the_next_study_compiles_nothing_and_has_the_same_digits(home, tmp_path, monkeypatch):
    """A later study writes no executable and reads all of them; an identical one has equal results.

    One that comes to its programs in another order finds them, too.
    """
    from support import programs

    monkeypatch.delenv("TF_XLA_FLAGS")
    files, results = [], []
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        directory = tmp_path / name
        directory.mkdir()
        (directory / "kept.yaml").write_text(STUDY.replace("seed: 1", f"seed: {seed}"))
        done = programs.run(directory, "run", "kept.yaml", "--quiet")
        assert done.returncode == 0, done.stderr
        record = StudyRecord(read_journal(study_layout("kept", directory).journal))
        depths = {each.trial.suggestion.params["n_hidden"] for each in record.trials.values()}
        assert depths == {1, 2, 3}
        results.append([(each.reports, each.outcome.value) for each in record.trials.values()])
        files.append({path: path.stat().st_mtime_ns for path in home.glob("*/*.pb")})
    assert files[0]
    assert files[1] == files[2] == files[0]
    assert results[1] == results[0] != results[2]
