"""The points at which a driver is killed deliberately: between two steps that belong together.

Each point names a function and whether the process kills itself before or after it.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any


@dataclass(frozen=True)
class Point:
    """A point in the program.

    Attributes:
        target: "module:attribute", a function or a method.
        after: whether the process dies after the function, not before.
        caller: count only calls from this module; "" counts all.
        event: count only calls with an event of this kind; "" counts all.
        nth: the call at which the first life dies.
    """

    target: str
    after: bool = False
    caller: str = ""
    event: str = ""
    nth: int = 3


_APPEND = "searchlab.journal.journal:Journal.append"
_FSYNC = "os:fsync"
_RENAME = "pathlib:Path.rename"
_CLIENT = "mlflow:MlflowClient"
_ATOMIC = "searchlab.core.atomic"
_STATE = "searchlab.tracking.mlflow.state"

POINTS = {
    "lock: asked for": Point("filelock:FileLock.acquire", nth=1),
    "lock: taken, nothing written": Point("filelock:FileLock.acquire", after=True, nth=1),
    "data: written, not moved": Point(_RENAME, caller=_ATOMIC, nth=1),
    "data: moved": Point(_RENAME, after=True, caller=_ATOMIC, nth=1),
    "journal: made, empty": Point("searchlab.journal.journal:Journal.__init__", after=True, nth=1),
    "journal: before a line": Point(_APPEND, nth=20),
    "journal: half a line": Point("searchlab.journal.journal:half", nth=21),
    "journal: half of the first line": Point("searchlab.journal.journal:half", nth=1),
    "journal: line written, not on the disk": Point(
        _FSYNC, caller="searchlab.journal.journal", nth=6
    ),
    "journal: line on the disk": Point(
        _FSYNC, after=True, caller="searchlab.journal.journal", nth=6
    ),
    "journal: ahead of the trackers": Point("searchlab.tracking.base:Trackers.record", nth=22),
    "told: journal ahead of the backend": Point("searchlab.backends.optuna:OptunaBackend.tell"),
    "told: backend knows, models are not tidied": Point("searchlab.engine.loop:Search._tidy"),
    "asked: journal ahead of the executor": Point("searchlab.engine.loop:Search._submit"),
    "asked: backend ahead of the journal": Point(
        "searchlab.backends.optuna:OptunaBackend.ask", after=True
    ),
    "reported: journal ahead of the backend": Point(
        "searchlab.backends.optuna:OptunaBackend.report", nth=14
    ),
    **{
        f"after {event}": Point(_APPEND, after=True, event=event, nth=nth)
        for event, nth in [
            *[("Started", 1), ("Resumed", 1), ("Asked", 4), ("Reported", 25), ("Told", 4)],
            *[("Compared", 2), ("Confirmed", 4), ("Stopped", 1)],
        ]
    },
    "before Stopped": Point(_APPEND, event="Stopped", nth=1),
    "finish: before the study's model": Point("searchlab.engine.finalize:Finish.run", nth=1),
    "finish: after the study's model": Point(
        "searchlab.engine.finalize:Finish.run", after=True, nth=1
    ),
    "outbox: before the study's run": Point(f"{_CLIENT}.create_run", nth=1),
    "outbox: study's run made, not noted": Point(f"{_CLIENT}.create_run", after=True, nth=1),
    "outbox: before a trial's run": Point(f"{_CLIENT}.create_run"),
    "outbox: trial's run made, not noted": Point(f"{_CLIENT}.create_run", after=True),
    "outbox: points sent, not noted": Point(f"{_CLIENT}.log_batch", after=True),
    "outbox: before a trial's end": Point(f"{_CLIENT}.set_terminated", nth=2),
    "outbox: trial's end sent, not noted": Point(f"{_CLIENT}.set_terminated", after=True, nth=2),
    "outbox: before the void attempt is deleted": Point(f"{_CLIENT}.delete_run", nth=1),
    "outbox: void attempt deleted": Point(f"{_CLIENT}.delete_run", after=True, nth=1),
    "outbox: before the note": Point("searchlab.tracking.mlflow.state:State.save", nth=2),
    "outbox: note written, not on the disk": Point(_FSYNC, caller=_STATE, nth=1),
    "outbox: note on the disk": Point(_FSYNC, after=True, caller=_STATE, nth=1),
    "outbox: tables sent, study's run open": Point(f"{_CLIENT}.log_text", after=True, nth=3),
    "outbox: report sent, study's run open": Point(f"{_CLIENT}.log_text", after=True, nth=4),
}


def arm(point: Point, nth: int) -> None:
    """Make this process kill itself at its `nth` passage of a point."""
    if point.target == "searchlab.journal.journal:half":
        _arm_half(nth)
        return
    holder, name = _resolve(point.target)
    function = getattr(holder, name)
    passages = count(1)

    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        due = _counts(point, args) and next(passages) == nth
        if due and not point.after:
            os.kill(os.getpid(), signal.SIGKILL)
        value = function(*args, **kwargs)
        if due:
            os.kill(os.getpid(), signal.SIGKILL)
        return value

    setattr(holder, name, watched)


def _resolve(target: str) -> tuple[Any, str]:
    module, _, path = target.partition(":")
    *holders, name = path.split(".")
    return functools.reduce(getattr, holders, importlib.import_module(module)), name


def _counts(point: Point, args: tuple[Any, ...]) -> bool:
    caller = sys._getframe(2).f_globals["__name__"]
    event = type(args[-1]).__name__ if args else ""
    return point.caller in ("", caller) and point.event in ("", event)


def _arm_half(nth: int) -> None:
    """Make this process die after writing half of a journal line."""
    from searchlab.journal import journal

    encode: Callable[[journal.Entry, int], bytes] = journal._encode
    passages: Iterator[int] = count(1)
    files = []
    made = journal.Journal.__init__

    def init(self: journal.Journal, path: Any) -> None:
        made(self, path)
        files.append(self._file)

    def halved(entry: journal.Entry, before: int) -> bytes:
        line = encode(entry, before)
        if next(passages) == nth:
            files[-1].write(line[: len(line) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return line

    journal.Journal.__init__ = init
    journal._encode = halved
