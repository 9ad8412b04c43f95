"""Programs in the background: they and their children end with their block or their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.processes import wait_until_gone

from searchlab.core.children import server, terminated_as_interrupted

# A program with a child, both of which ignore SIGTERM if told so; it writes down their ids.
PROGRAM = """
import os, signal, subprocess, sys, time
from pathlib import Path
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path("part").write_text(f"{os.getpid()} {child.pid}")
Path("part").rename("ids")
time.sleep(600)
"""

PARENT = """
import os, sys, time
from pathlib import Path
from searchlab.core.children import server
command = [sys.executable, "-c", {program!r}, {how!r}]
with server(command, os.environ, Path.cwd()) as process:
    print(process.pid, flush=True)
    time.sleep(600)
"""


def started(directory: Path) -> list[psutil.Process]:
    """Wait for the program; return it and its child."""
    ids = directory / "ids"
    while not ids.exists():
        time.sleep(0.02)
    return [psutil.Process(int(number)) for number in ids.read_text().split()]


@pytest.mark.parametrize("how", ["docile", "stubborn"])
def test_a_program_ends_with_its_block(tmp_path, how):
    """The block's end ends the program and its child, also if they do not listen to SIGTERM."""
    with server([sys.executable, "-c", PROGRAM, how], os.environ, tmp_path) as process:
        processes = [*started(tmp_path), psutil.Process(process.pid)]
        assert all(each.is_running() for each in processes)
    wait_until_gone(processes)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_program_ends_with_its_parent(tmp_path, number):
    """Whatever ends the parent, SIGKILL included, neither the program nor its child is left."""
    code = PARENT.format(program=PROGRAM, how="docile")
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE)
    supervisor = psutil.Process(int(parent.stdout.readline()))
    processes = [*started(tmp_path), supervisor]
    parent.send_signal(number)
    parent.communicate()
    wait_until_gone(processes)


@pytest.mark.parametrize(
    ("code", "found"), [("raise SystemExit(3)", 3), ("os.kill(os.getpid(), 9)", 137)]
)
def test_a_program_that_ends_by_itself_tells_its_exit_code(tmp_path, code, found):
    """The exit code is the program's; a signal's is 128 more, as in a shell."""
    with (tmp_path / "log").open("ab") as log:
        command = [sys.executable, "-c", f"import os\nprint('said', flush=True)\n{code}"]
        with server(command, os.environ, tmp_path, log) as process:
            assert process.wait() == found
    assert (tmp_path / "log").read_text() == "said\n"


def test_sigterm_leaves_a_block_as_ctrl_c_does():
    """In the block SIGTERM raises KeyboardInterrupt; after it, the earlier handler is back."""
    before = signal.getsignal(signal.SIGTERM)

    def terminated() -> None:
        with terminated_as_interrupted():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        terminated()
    assert signal.getsignal(signal.SIGTERM) is before
