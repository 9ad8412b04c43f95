"""The fork server can be left at any moment."""

import subprocess
import sys

import pytest

LEAVE = """
import os, threading
from searchlab.executors.forkserver import ForkServer
kill = os.kill
def killed(pid, number):
    if {before}:
        kill(pid, number)
        os.waitpid(pid, 0)
    kill(pid, number)
    if not {before}:
        os.waitpid(pid, 0)
threading.Thread.start = lambda self: None  # only this process looks after it
server = ForkServer()
os.kill = killed
server.close()
"""


@pytest.mark.parametrize("before", [True, False])
def test_a_server_whose_end_another_thread_has_seen_is_left_without_an_error(before):
    """Between its kill and the wait for its end, Python may take notice of it, and forget it."""
    command = [sys.executable, "-c", LEAVE.format(before=before)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
