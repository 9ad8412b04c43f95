"""Slow work is told while it lasts, and quick work is not."""

import threading

import pytest

from searchlab.core.progress import counted, doing, progress_told


def test_slow_work_is_told_with_its_step_and_number() -> None:
    """Each line names the step under way, with the number of the item; then there are no more."""
    lines: list[str] = []
    told = threading.Condition()

    def say(line: str) -> None:
        with told:
            lines.append(line)
            told.notify_all()

    def wait_for(line: str) -> None:
        with told:
            assert told.wait_for(lambda: line in lines, 60)

    with progress_told(say, every=0.001):
        doing("reading 300,000 rows")
        wait_for("reading 300,000 rows")
        for column in counted(range(5000), "columns"):
            if column == 1200:
                wait_for("columns 1,200 of 5,000")
    count = len(lines)
    doing("later")
    assert len(lines) == count
    assert "later" not in lines


def test_quick_work_and_work_of_nobody_are_not_told() -> None:
    """Nothing is said of work that ends at once, and steps need nobody who is told."""
    lines: list[str] = []
    with progress_told(lines.append, every=600):
        doing("reading")
    assert list(counted("abc", "letters")) == ["a", "b", "c"]
    assert lines == []


def test_an_error_ends_the_progress_told() -> None:
    """The thread does not outlive the work."""
    with pytest.raises(ZeroDivisionError), progress_told(print, every=600):
        raise ZeroDivisionError
    assert "progress" not in {thread.name for thread in threading.enumerate()}
