"""The log of a worker is kept small for as long as the worker lives."""

import subprocess
import sys
import time

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
