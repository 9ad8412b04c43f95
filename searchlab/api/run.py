"""Running a study from a Python program."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TextIO, cast

from searchlab.api.result import StudyResult
from searchlab.core.arguments import path_text
from searchlab.core.interrupt import Interrupt
from searchlab.core.state import StudyState
from searchlab.engine import plugins, run
from searchlab.engine.checks import study_problems
from searchlab.engine.looks import Looks, telling
from searchlab.errors import InputError
from searchlab.report.console import PlainTracker
from searchlab.report.html.report import report_page
from searchlab.study.file import StudyFile, load_study, study_of_values
from searchlab.study.spec import StudySpec
from searchlab.tracking.base import Tracker
from searchlab.tracking.mlflow.tracker import backlog

_log = logging.getLogger("searchlab")

_FORMS = "the path of a study file, a mapping with a study's keys, or a StudySpec"
_TRACKER = ("replay", "record", "close")


def run_study(
    study: str | os.PathLike[str] | Mapping[str, Any] | StudySpec,
    *,
    directory: str | os.PathLike[str] = ".",
    tracking_uri: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    trackers: Sequence[Tracker] = (),
    strict: bool = False,
) -> StudyResult:
    """Run a study to its end, continue it where it was left, or find it finished.

    What it does is told to the logger `searchlab`: a line for each trial at level INFO, what the
    user should know at level WARNING. Nothing is printed.

    Args:
        study: a study file; or a study as the keys of such a file, where params of the space may
            be `Int`, `Float` and `Choice`.
        directory: the working directory, where `.searchlab/` and `mlflow.db` are. Relative paths
            in a study that is no file start here, others at the file's directory.
        tracking_uri: the MLflow store or server; without it the variable MLFLOW_TRACKING_URI
            counts, and without that the file `mlflow.db` in `directory`.
        overrides: values by dotted key, which win over the study's own, such as
            `{"search.trials": 100}`.
        trackers: further trackers, beside those that the study names.
        strict: whether data about which something is odd are refused before trial 0, as by
            `searchlab run --strict`; else that is told at level WARNING.

    Returns:
        The study as it is at the end; FAILED if no trial is COMPLETE.

    Raises:
        KeyboardInterrupt: at Ctrl-C, once the trainings have reached the end of an epoch; a second
            Ctrl-C does not wait for that. The next call continues the study.
        StudyFileError: with all problems of the study.
        StudyLockedError: if another process runs the study.
        StudyChangedError: if a study of this name was begun with something else.
        DataError: if the data cannot be used, or are odd and `strict` is set.
        SearchlabError: for everything else that the user can mend.
    """
    cwd = Path(path_text(directory, "directory", "the path of a directory"))
    _check_others(tracking_uri, overrides, trackers, strict)
    file = _file(study, cwd, overrides)
    interrupt = Interrupt()
    place = (cwd, tracking_uri)
    make = plugins.trackers(file.spec.trackers, *place, lambda: interrupt.requested, report_page)
    followed: list[Tracker] = []

    def following(of: Path) -> list[Tracker]:
        followed.extend([*make(of), *trackers, PlainTracker(cast(TextIO, _Lines()))])
        return followed

    with _interrupted_by_ctrl_c(interrupt):
        record = run.run_study(
            file, cwd, following, interrupt, _log.info, Looks(telling(_log.warning), strict)
        )
    for line in backlog(followed, file.spec.name, tracking_uri):
        _log.warning(line)
    if interrupt.requested and record.state is StudyState.INTERRUPTED:
        raise KeyboardInterrupt
    return StudyResult.of(record, cwd)


def _file(
    study: str | os.PathLike[str] | Mapping[str, Any] | StudySpec,
    cwd: Path,
    overrides: Mapping[str, Any] | None,
) -> StudyFile:
    if isinstance(study, StudySpec):
        values = study.as_dict()
        if "registered_model" not in study.model_fields_set:
            del values["registered_model"]  # by default, that is the study's name
        study = values
    if isinstance(study, Mapping):
        return study_of_values(study, cwd.resolve(), overrides, [study_problems])
    path = path_text(study, "study", _FORMS)
    if "\n" in path:
        raise InputError(f"study is a text of several lines: give {_FORMS}")
    return load_study(Path(path), overrides, [study_problems])


def _check_others(
    tracking_uri: object, overrides: object, trackers: object, strict: object
) -> None:
    """Refuse arguments of another type, before there is anything to tidy up.

    Raises:
        InputError: naming the argument and what it should be.
    """
    if tracking_uri is not None:
        path_text(tracking_uri, "tracking_uri", "the address of a store or server as a text")
    if not isinstance(overrides, Mapping | None):
        raise InputError(
            f"overrides is of type {type(overrides).__name__}: give values by dotted key, such as "
            '{"search.trials": 100}'
        )
    if not isinstance(strict, bool):
        raise InputError(f"strict is of type {type(strict).__name__}: give True or False")
    if isinstance(trackers, str) or not isinstance(trackers, Sequence):
        raise InputError(
            f"trackers is of type {type(trackers).__name__}: give a list of trackers; names of "
            "trackers belong into the study"
        )
    for each in trackers:
        if isinstance(each, type) or not all(hasattr(each, name) for name in _TRACKER):
            raise InputError(
                f"trackers has {each!r}, which is no tracker: give objects with the methods "
                f"{', '.join(_TRACKER)}; names of trackers belong into the study"
            )


class _Lines(io.TextIOBase):
    """A stream whose lines go to the logger."""

    def write(self, text: str) -> int:
        """Log a line."""
        _log.info(text.rstrip("\n"))
        return len(text)


@contextlib.contextmanager
def _interrupted_by_ctrl_c(interrupt: Interrupt) -> Iterator[None]:
    """Have the first Ctrl-C leave the study in good order, where this program is asked at all."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        if interrupt.requested:
            raise KeyboardInterrupt
        _log.warning("stopping at the end of the epoch; once more to leave now")
        interrupt.request()

    before = signal.getsignal(signal.SIGINT)
    ours = before is signal.default_int_handler
    if not ours or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
