"""Measurement of a study's peak memory."""

import subprocess
import sys

import psutil

from searchlab.core.memory import PeakMemory

_HOLDS = "x = b'x' * 300_000_000; print('there', flush=True); input()"


def test_the_peak_counts_processes_below_and_stays():
    """A child's memory counts while it runs, and the peak remains once it is gone."""
    peak = PeakMemory()
    command = [sys.executable, "-c", _HOLDS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        peak.look()
        child.communicate(b"\n")
    own = psutil.Process().memory_info().rss
    assert peak.bytes > own + 200_000_000
    before = peak.bytes
    peak.look()
    assert peak.bytes == before
