"""Canaries: what searchlab touches of Python's standard library works as it should."""

import inspect
import multiprocessing
import os
import subprocess
import sys
from multiprocessing import forkserver, popen_forkserver, resource_tracker, spawn, util

import pytest

from searchlab.private import python as private

SERVER = """
import os
import sys
from pathlib import Path
from searchlab.private.python import fork_server_pid, give_temporary_directory, start_fork_server
assert fork_server_pid() is None
if len(sys.argv) > 1:
    give_temporary_directory(Path(sys.argv[1]))
start_fork_server()
first = fork_server_pid()
os.kill(first, 0)
start_fork_server()
assert fork_server_pid() == first
os.kill(os.getpid(), 9)
"""


def test_start_fork_server_and_fork_server_pid_and_give_temporary_directory(tmp_path):
    """The server is started once and known; its sockets are where they were told to be."""
    given = tmp_path / "given"
    given.mkdir()
    for arguments, left in (([str(given)], 0), ([], 1)):
        command = [sys.executable, "-c", SERVER, *arguments]
        done = subprocess.run(command, env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
        assert done.returncode == -9
        assert len(list(given.iterdir())) == 1
        assert len(list(tmp_path.glob("pymp-*"))) == left, "what Python makes stays after kill -9"
    public = [*multiprocessing.__all__, *dir(multiprocessing.get_context("forkserver"))]
    assert [name for name in public if "forkserver" in name] == ["set_forkserver_preload"] * 2


TEMPORARY = """
import os, sys, tempfile
from pathlib import Path
from searchlab.private.python import use_temporary_directory
first = tempfile.gettempdir()
os.environ["TMPDIR"] = sys.argv[1]
assert tempfile.gettempdir() == first
use_temporary_directory(Path(sys.argv[1]))
tempfile.mkdtemp()
"""


def test_use_temporary_directory(tmp_path):
    """Temporary files are there from then on, while TMPDIR no longer counts."""
    subprocess.run([sys.executable, "-c", TEMPORARY, str(tmp_path)], check=True)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_fork_server_waits_for_its_imports():
    """Starting a process waits for them, so that the server has to be started before."""
    assert "set_forkserver_preload" in dir(multiprocessing.get_context("forkserver"))
    assert "forkserver.connect_to_new_process" in inspect.getsource(popen_forkserver)
    assert "tempdir" in inspect.getsource(util.get_temp_dir)


TRACKER = """
import signal
from searchlab.private.python import start_resource_tracker
both = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, both)
start_resource_tracker()
print(len(signal.pthread_sigmask(signal.SIG_BLOCK, []) & both))
signal.pthread_sigmask(signal.SIG_BLOCK, both)
start_resource_tracker()
print(len(signal.pthread_sigmask(signal.SIG_BLOCK, []) & both))
"""


def test_start_resource_tracker():
    """Only the first start unblocks signals that the fork server is not to hear, in 3.11 alone."""
    command = [sys.executable, "-c", TRACKER]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    restored = sys.version_info >= (3, 12)  # then the workaround is needed for 3.11 alone
    assert done.stdout.split() == ["2" if restored else "0", "2"]
    assert callable(resource_tracker.ensure_running)
    assert "resource_tracker.ensure_running()" in inspect.getsource(forkserver)


def test_reading_end():
    """It ends when the last writing end is closed, and can be given to a process."""
    reading, writing = os.pipe()
    connection = private.reading_end(reading)
    os.close(writing)
    with pytest.raises(EOFError):
        connection.recv_bytes()
    connection.close()


MAIN = """
import sys
from searchlab.private.python import hidden_main_module
from multiprocessing import spawn
told = lambda: "init_main_from_path" in spawn.get_preparation_data("a")
main = sys.modules["__main__"]
first, second = hidden_main_module(), hidden_main_module()
print(told())
first.__enter__()
second.__enter__()
print(told())
first.__exit__(None, None, None)
print(told())
second.__exit__(None, None, None)
print(told(), sys.modules["__main__"] is main)
"""


def test_hidden_main_module(tmp_path):
    """Children are not told of the main module until the last block that hides it is left."""
    file = tmp_path / "program.py"
    file.write_text(MAIN)
    command = [sys.executable, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "False", "True", "True"]
    assert callable(spawn.get_preparation_data)


CRASH = "import faulthandler, numpy; faulthandler.enable(); faulthandler._sigsegv()"


def test_without_module_list():
    """Of what faulthandler writes in a crash the place stays and the modules go."""
    command = [sys.executable, "-c", CRASH]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert "numpy" in text
    cut = private.without_module_list(text)
    assert 'File "<string>", line 1' in cut
    assert "numpy" not in cut
    assert private.without_module_list("nothing of that kind") == "nothing of that kind"
