"""Standard error while TensorFlow is imported."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager

from searchlab.cli.printing import complain
from searchlab.core.quiet import quiet


@contextmanager
def another_thread_redirects():
    """Have another thread redirect standard error, until a moment after the block has begun."""
    inside, leave = threading.Event(), threading.Event()

    def redirect():
        with quiet():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=redirect)
    thread.start()
    inside.wait()
    threading.Timer(0.1, leave.set).start()
    yield thread
    thread.join()


def test_two_threads_that_import_at_once_leave_standard_error_as_it_was(capfd):
    """The second waits, so that what it puts back is not the first one's redirection."""
    with another_thread_redirects() as first, quiet():
        first.join()
        os.write(2, b"unheard")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_a_complaint_is_heard_while_another_thread_imports(capfd, monkeypatch):
    """It is written once the other thread has put standard error back."""
    with open(2, "w", closefd=False) as stream, another_thread_redirects():
        monkeypatch.setattr(sys, "stderr", stream)
        complain("no such file")
    assert capfd.readouterr().err == "searchlab: no such file\n"
