"""The process that runs a submitted study on the cluster's head."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from searchlab.core.atomic import whole_directory, whole_file
from searchlab.core.children import ends_with_parent
from searchlab.core.codec import decode, encode
from searchlab.core.logs import last_line, open_log, wait_capping
from searchlab.errors import JournalError, SearchlabError
from searchlab.executors.cluster.connect import ADDRESS
from searchlab.journal.home import StudyHome
from searchlab.journal.layout import SubmissionLayout, submission_layout
from searchlab.private.ray import for_another_driver
from searchlab.remote.bundle import Bundle

_TIMES = 5
"""Maximum restarts of a killed driver: the study itself may be the cause."""


_AGAIN = "make room or give access on the cluster's head, then submit the study again"


@dataclass(frozen=True)
class _Order:
    """The arguments of `searchlab run`, stored so that it can be called again.

    Attributes:
        study: the study file.
        settings: overrides of the study file, by dotted key.
        tracking_uri: the MLflow server, or None to use the environment's.
        active: whether the study still has to run.
    """

    study: str
    settings: Mapping[str, Any]
    tracking_uri: str | None
    active: bool = True


_NO_ORDER = _Order("", {}, None, active=False)


class Driver:
    """The driver of a submitted study, running or ended.

    A killed driver is restarted and resumes the study; one that exits by itself or was told to
    stop is not restarted. It dies with the process that created this object.

    Attributes:
        name: name of the study.
        code: the exit code once it has ended, else None.
    """

    def __init__(self, name: str, cwd: Path, address: str) -> None:
        """Start the driver of a study that `receive` has written, if the study still has to run.

        Args:
            name: name of the study.
            cwd: the working directory, which contains `.searchlab/`.
            address: address of the cluster.
        """
        self.name, self._cwd, self._address = name, cwd, address
        self._paths = submission_layout(name, cwd)
        self._trouble = ""  # why the study cannot be run, if that is not the study's fault
        try:
            self._order = _read(self._paths.order)
        except SearchlabError as error:
            self._order, self._trouble = _NO_ORDER, str(error)
        self._size = self._journal_size()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self.code: int | None = None
        # The parent-death signal fires when the creating thread ends, so this thread waits.
        self._thread = threading.Thread(target=self._keep, name=f"searchlab-{name}", daemon=True)
        if self._order.active:
            self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the process runs or is about to start."""
        return self._thread.is_alive()

    @property
    def begun(self) -> bool:
        """Whether the study got past all errors that can occur before the first trial."""
        return self._journal_size() > self._size

    @property
    def words(self) -> str:
        """The last line of the driver's standard error, without the program's name."""
        return self._trouble or last_line(self._paths.errors).removeprefix("searchlab: ")

    def stop(self) -> None:
        """Tell the driver to leave the study at the end of the epoch, without waiting for it."""
        self._stopped = True
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def _keep(self) -> None:
        try:
            self._run()
        except OSError as error:
            self._trouble = f"{error.filename or self._paths.directory}: {error.strerror}: {_AGAIN}"

    def _run(self) -> None:
        for _ in range(1 + _TIMES):
            with (
                os.fdopen(open_log(self._paths.output), "ab") as output,
                os.fdopen(open_log(self._paths.errors, anew=True), "ab") as errors,
            ):
                self._process = subprocess.Popen(  # noqa: S603 - our own program
                    self._command(),
                    cwd=self._cwd,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                    # SIGKILL loses nothing: the next driver resumes the study.
                    preexec_fn=ends_with_parent(signal.SIGKILL),  # noqa: PLW1509
                )
                if self._stopped:
                    self._process.send_signal(signal.SIGTERM)
                self.code = wait_capping(self._process, output.fileno(), errors.fileno())
            if self.code >= 0 or self._stopped:
                break
        _write(self._paths, replace(self._order, active=False))

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "searchlab", "run", self._order.study]
        for key, value in self._order.settings.items():
            command += ["--set", f"{key}={json.dumps(value)}"]
        return command

    def _environment(self) -> dict[str, str]:
        environment = for_another_driver(os.environ)
        environment[ADDRESS] = self._address
        if self._order.tracking_uri is not None:
            environment["MLFLOW_TRACKING_URI"] = self._order.tracking_uri
        return environment

    def _journal_size(self) -> int:
        with suppress(OSError):
            return StudyHome(self.name, self._cwd).paths.journal.stat().st_size
        return 0


def receive(bundle: Bundle, cwd: Path) -> None:
    """Write a study's files, replacing those of an earlier submission.

    Raises:
        StorageError: if a file cannot be written.
        OSError: likewise.
    """
    paths = submission_layout(bundle.name, cwd)
    with whole_directory(paths.source) as new:
        bundle.unpack(new)
    study = paths.source / bundle.study
    _write(paths, _Order(str(study), dict(bundle.settings), bundle.tracking_uri))


def _read(path: Path) -> _Order:
    try:
        return decode(_Order, json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is damaged"
        raise JournalError(f"{path}: cannot be read ({why}): {_AGAIN}") from None


def _write(paths: SubmissionLayout, order: _Order) -> None:
    with whole_file(paths.order) as scratch:
        scratch.write_text(json.dumps(encode(order)), encoding="utf-8")
