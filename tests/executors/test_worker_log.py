"""The log and the temporary files of a worker: kept small, and gone with the driver."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from searchlab.core.logs import MOST

WORKER = """
import sys, threading
from multiprocessing import Pipe
from pathlib import Path
from searchlab.executors import worker
lifeline, ours = Pipe(duplex=False)
log = worker._print_to(Path(sys.argv[1]))
threading.Thread(target=worker._end_with, args=(lifeline, log), daemon=True).start()
print("x" * 12_000_000)
print("the end", flush=True)
sys.stdin.readline()
ours.close()
sys.stdin.readline()
"""


def test_a_training_that_prints_without_an_end_does_not_fill_the_disk(tmp_path):
    """Beyond the bound only the last words stay; the worker still ends with its lifeline."""
    log = tmp_path / "worker-0.log"
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(log)], stdin=subprocess.PIPE, text=True
    )
    while not log.exists() or "earlier output was dropped" not in log.read_text()[:100]:
        assert worker.poll() is None
        time.sleep(0.05)
    assert log.stat().st_size < MOST / 5
    assert log.read_text().endswith("the end\n")
    worker.stdin.write("\n")
    worker.stdin.flush()
    assert worker.wait() == 1


SERVE = """
import tempfile
def serve(connection, threads):
    connection.send(tempfile.mkdtemp())
    connection.recv()
"""
DRIVER = """
import sys
from pathlib import Path
from serving import serve
from searchlab.executors.child import Child, ChildSettings
from searchlab.executors.forkserver import ForkServer
server = ForkServer()
settings = ChildSettings(0, Path("logs"), server.temporary, server.lifeline, None, None)
child = Child(server.context, settings, "worker", serve)
print(child.connection.recv())
child.kill()
"""


@pytest.mark.keras
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("tmp", id="short", marks=pytest.mark.long),
        pytest.param("too-long-for-sockets" * 5, id="long"),
    ],
)
def test_what_a_killed_worker_leaves_in_the_temporary_directory_goes_with_the_driver(
    name, tmp_path
):
    """A worker is killed at the end of its study, so that it removes no file of its own."""
    (tmp_path / "serving.py").write_text(SERVE)
    (tmp_path / name).mkdir()
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path / name),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(tmp_path / name)
    assert list((tmp_path / name).iterdir()) == []
