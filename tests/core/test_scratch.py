"""Temporary directories: there while their owner lives, and cleared away after it."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from searchlab.core.scratch import Scratch, remove_all, scratch


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Have the temporary directories made in a directory of the test's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def killed(temporary: Path) -> Path:
    """Return the directory of a process that was killed while it used it."""
    code = "import os\nfrom searchlab.core.scratch import Scratch\nmade = Scratch()\n"
    code += "(made.path / 'model').write_text('weights')\nprint(made.path, flush=True)\n"
    code += "os.kill(os.getpid(), 9)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return Path(done.stdout.strip())


def test_a_directory_is_private_and_ends_with_its_block(temporary):
    """Nobody else can read it, and nothing is left."""
    with scratch() as directory:
        assert directory.stat().st_mode & 0o777 == 0o700
        (directory / "file").write_text("x")
    assert list(temporary.iterdir()) == []


def test_the_directories_of_killed_processes_are_removed_at_the_next_start(temporary):
    """The next directory removes those of killed processes; those in use stay."""
    in_use = Scratch()
    left = killed(temporary)
    assert (left / "model").exists()
    with scratch():
        assert not left.exists()
        assert in_use.path.exists()
    in_use.remove()
    assert list(temporary.iterdir()) == []


@pytest.fixture
def short(monkeypatch):
    """Make a temporary directory whose name leaves room for a socket's."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        monkeypatch.setattr(tempfile, "tempdir", directory)
        yield Path(directory)


def serve_in(temporary: Path) -> int:
    """Start a fork server in a process with this temporary directory, and kill it."""
    code = "import os\nfrom searchlab.executors.forkserver import ForkServer\n"
    code += "ForkServer().close()\nos.kill(os.getpid(), 9)"
    environment = {**os.environ, "TMPDIR": str(temporary)}
    return subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode


def test_the_sockets_of_a_killed_process_are_in_such_a_directory(short):
    """The socket of a fork server goes away as all else does."""
    assert serve_in(short) == -signal.SIGKILL
    (left,) = short.iterdir()
    assert list(left.glob("listener-*"))
    with scratch():
        assert not left.exists()


def test_a_directory_with_a_long_name_has_room_for_sockets(short):
    """A name that leaves room for Python's own directory of sockets is not too long."""
    long = short / ("x" * (74 - len(str(short)) - 1))
    long.mkdir()
    assert serve_in(long) == -signal.SIGKILL


def test_only_such_directories_are_removed(temporary):
    """A directory of that name without a lock, and one behind a link, are left alone."""
    mine, linked = temporary / "searchlab-mine", temporary / "elsewhere"
    for each in (mine, linked):
        each.mkdir()
        (each / "notes").write_text("mine")
    (linked / ".lock").touch()
    (temporary / "searchlab-link").symlink_to(linked)
    with scratch():
        pass
    assert (mine / "notes").exists()
    assert (linked / "notes").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a directory away needs root")
def test_another_users_directory_is_not_touched(temporary):
    """A directory that another user has prepared under that name stays as it is."""
    planted = temporary / "searchlab-planted"
    planted.mkdir()
    (planted / ".lock").touch()
    os.chown(planted, 65534, 65534)
    with scratch():
        pass
    assert (planted / ".lock").exists()


def test_a_process_that_ends_at_once_removes_its_own(temporary, monkeypatch):
    """`remove_all` removes every directory in use."""
    # Not that of this process' fork server, without which other tests would start no worker.
    monkeypatch.setattr("searchlab.core.scratch._mine", set())
    Scratch(), Scratch()
    assert len(list(temporary.iterdir())) == 2
    remove_all()
    assert list(temporary.iterdir()) == []
