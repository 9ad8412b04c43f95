"""Progress of slow work: a thread tells from time to time what is being done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

EVERY = 20.0
"""Seconds between two lines."""

_T = TypeVar("_T")


class _Step:
    """The step that is under way, in words."""

    def __init__(self) -> None:
        self.text = ""


_step: ContextVar[_Step | None] = ContextVar("step", default=None)


def doing(text: str) -> None:
    """Name the step that begins, such as "reading 300,000 rows"."""
    step = _step.get()
    if step is not None:
        step.text = text


def counted(items: Sequence[_T], text: str) -> Iterator[_T]:
    """Yield items, and name the step with their number, as "columns 1,200 of 5,000"."""
    step = _step.get()
    for number, item in enumerate(items):
        if step is not None:
            step.text = f"{text} {number:,} of {len(items):,}"
        yield item


@contextmanager
def progress_told(say: Callable[[str], None], every: float = EVERY) -> Iterator[None]:
    """Tell the step that is under way now and then for as long as the block takes.

    Args:
        say: receives a line; called by another thread.
        every: seconds between two lines.
    """
    step, ended = _Step(), threading.Event()

    def tell() -> None:
        while not ended.wait(every):
            if step.text:
                say(step.text)

    token = _step.set(step)
    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        _step.reset(token)
        ended.set()
        thread.join()
