"""The process that runs a submitted study, on the cluster's head."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from searchlab.core.atomic import whole_file
from searchlab.core.codec import decode, encode
from searchlab.executors.cluster.connect import ADDRESS, ends_with_parent
from searchlab.journal.home import StudyHome
from searchlab.journal.layout import SubmissionLayout, submission_layout
from searchlab.remote.bundle import Bundle

_TIMES = 5
"""How often a driver that was killed is started again: it may be killed for what it does."""

_KEPT = ("RAY_AUTH", "RAY_USAGE_STATS", "RAY_worker_niceness", "RAY_TMPDIR")
"""Which of Ray's variables go on to a driver; others are of the actor that starts it."""


@dataclass(frozen=True)
class _Order:
    """How `searchlab run` is called, kept so that it can be called again.

    Attributes:
        study: the study file.
        settings: what wins over the file, by dotted key.
        tracking_uri: the MLflow server, or None for the environment's.
        active: whether there is anything left to do.
    """

    study: str
    settings: Mapping[str, Any]
    tracking_uri: str | None
    active: bool = True


class Driver:
    """A submitted study, whether it runs or has ended.

    A driver that is killed is started again and resumes the study; one that ends by itself, or
    is told to, is not. It ends with the process that made this.

    Attributes:
        name: of the study.
        code: the exit code, once it has ended.
    """

    def __init__(self, name: str, cwd: Path, address: str) -> None:
        """Takes up a study that `receive` has written.

        Args:
            name: of the study.
            cwd: the working directory, where `.searchlab/` is.
            address: of the cluster.
        """
        self.name, self._cwd, self._address = name, cwd, address
        self._paths = submission_layout(name, cwd)
        self._order = decode(_Order, json.loads(self._paths.order.read_text("utf-8")))
        self._size = self._journal_size()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self.code: int | None = None
        # A child is told when the thread that made it ends, so this one waits for it.
        self._thread = threading.Thread(target=self._keep, name=f"searchlab-{name}", daemon=True)
        if self._order.active:
            self._thread.start()

    @property
    def running(self) -> bool:
        """Whether there is a process, or will be in a moment."""
        return self._thread.is_alive()

    @property
    def begun(self) -> bool:
        """Whether it has got beyond what can be wrong before the first trial."""
        return self._journal_size() > self._size

    @property
    def words(self) -> str:
        """The last line that it wrote to standard error, without the program's name."""
        with suppress(OSError):
            lines = (self._paths.errors).read_text("utf-8", "replace").split("\n")
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            return last.removeprefix("searchlab: ")
        return ""

    def stop(self) -> None:
        """Has it leave the study at the end of the epoch; does not wait for that."""
        self._stopped = True
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def _keep(self) -> None:
        for _ in range(1 + _TIMES):
            with (
                (self._paths.output).open("ab") as output,
                (self._paths.errors).open("wb") as errors,
            ):
                self._process = subprocess.Popen(  # noqa: S603 - our own program
                    self._command(),
                    cwd=self._cwd,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                    # Nothing is lost: the next one resumes the study.
                    preexec_fn=ends_with_parent(signal.SIGKILL),  # noqa: PLW1509
                )
                if self._stopped:
                    self._process.send_signal(signal.SIGTERM)
                self.code = self._process.wait()
            if self.code >= 0 or self._stopped:
                break
        _write(self._paths, replace(self._order, active=False))

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "searchlab", "run", self._order.study]
        for key, value in self._order.settings.items():
            command += ["--set", f"{key}={json.dumps(value)}"]
        return command

    def _environment(self) -> dict[str, str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("RAY_") or name.startswith(_KEPT)
        }
        environment[ADDRESS] = self._address
        if self._order.tracking_uri is not None:
            environment["MLFLOW_TRACKING_URI"] = self._order.tracking_uri
        return environment

    def _journal_size(self) -> int:
        with suppress(OSError):
            return StudyHome(self.name, self._cwd).paths.journal.stat().st_size
        return 0


def receive(bundle: Bundle, cwd: Path) -> None:
    """Writes what a study needs, in the place of what an earlier submission sent.

    Raises:
        StorageError: if it cannot be written.
    """
    paths = submission_layout(bundle.name, cwd)
    shutil.rmtree(paths.source, ignore_errors=True)
    study = bundle.unpack(paths.source)
    _write(paths, _Order(str(study), dict(bundle.settings), bundle.tracking_uri))


def _write(paths: SubmissionLayout, order: _Order) -> None:
    with whole_file(paths.order) as scratch:
        scratch.write_text(json.dumps(encode(order)), encoding="utf-8")
