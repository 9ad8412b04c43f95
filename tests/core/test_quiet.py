"""Standard error while TensorFlow is imported."""

from __future__ import annotations

import os
import threading

from searchlab.cli.printing import complain
from searchlab.core.quiet import quiet


def test_two_threads_that_import_at_once_leave_standard_error_as_it_was(capfd):
    """The second waits, so that what it puts back is not the first one's redirection."""
    inside, leave = threading.Event(), threading.Event()

    def first():
        with quiet():
            inside.set()
            leave.wait()

    def second():
        inside.wait()
        threading.Timer(0.1, leave.set).start()
        with quiet():
            os.write(2, b"unheard")

    threads = [threading.Thread(target=each) for each in (first, second)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_a_complaint_is_heard_while_another_thread_imports(capfd):
    """It is written once the other thread has put standard error back."""
    inside, leave = threading.Event(), threading.Event()

    def imports():
        with quiet():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=imports)
    thread.start()
    inside.wait()
    threading.Timer(0.1, leave.set).start()
    complain("no such file")
    thread.join()
    assert capfd.readouterr().err == "searchlab: no such file\n"
