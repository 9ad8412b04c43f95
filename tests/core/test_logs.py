"""Logs: only their ends are read, and they are kept small while others write to them."""

import os
import subprocess
import sys
import tracemalloc

import pytest

from searchlab.core.logs import MOST, cap, last_line, open_log, tail


def test_of_a_large_log_only_the_end_is_read(tmp_path):
    """The last bytes of 400 MB cost no more memory than those of a small file."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(400_000_000)
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast words\n\n")
    tracemalloc.start()
    assert tail(log, 12) == "last words\n\n"
    assert last_line(log) == "last words"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("content", [None, b"", b"\n\n", b"\xff\xfe"])
def test_a_log_without_text_has_no_last_line(tmp_path, content):
    """A missing, an empty and an unreadable log are no error."""
    log = tmp_path / "log"
    if content is not None:
        log.write_bytes(content)
    assert isinstance(last_line(log), str)


def test_a_log_is_cut_while_its_writer_goes_on(tmp_path):
    """After the cut the log has its latest lines, then what its writer adds; nothing is torn."""
    log = tmp_path / "log"
    ours = open_log(log)
    code = "import sys\nfor line in sys.stdin:\n    print('x' * 99 + '\\n', end='', flush=True)\n"
    code += "    print('ready', file=sys.stderr, flush=True)"
    writer = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=ours,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(200):
        writer.stdin.write("go\n")
        writer.stdin.flush()
        writer.stderr.readline()
        cap(ours, 5_000)
        assert log.stat().st_size <= 5_100
    writer.communicate()
    first, *rest = log.read_text().splitlines()
    assert "earlier output was dropped" in first
    assert set(rest[1:]) == {"x" * 99}


def test_a_small_log_stays(tmp_path):
    """Below the bound nothing is dropped."""
    log = tmp_path / "log"
    log.write_text("some\n")
    cap(open_log(log))
    assert log.read_text() == "some\n"
    assert MOST > 1_000_000


def test_a_log_that_is_a_link_is_refused_or_replaced(tmp_path):
    """Whoever can write to the directory cannot have another file overwritten."""
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "log").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        open_log(tmp_path / "log")
    os.write(open_log(tmp_path / "log", anew=True), b"ours")
    assert (tmp_path / "log").read_text() == "ours"
    assert not (tmp_path / "log").is_symlink()
    assert (tmp_path / "precious").read_text() == "mine"
