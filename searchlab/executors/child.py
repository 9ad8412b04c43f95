"""A process for trainings that is forked from the fork server, and how it ended."""

from __future__ import annotations

import multiprocessing.context
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

from searchlab.core.trial import Failure, FailureKind
from searchlab.errors import SearchlabError
from searchlab.executors.worker import Serve, enter
from searchlab.private.python import reading_end, without_module_list

_GRACE = 1.0  # seconds that a worker has to end whose pipe is closed
_DUMP = 0.3  # seconds to write down where a training is
_WORDS = 4000  # characters of what a worker printed that are kept


@dataclass(frozen=True)
class ChildSettings:
    """Where a worker belongs.

    Attributes:
        index: its number, from 0.
        logs: the directory for what trainings print.
        lifeline: breaks when the process that supervises it ends.
        threads: how many it may use, or None for TensorFlow's own choice.
        devices: the GPUs that it sees, as `CUDA_VISIBLE_DEVICES` has them; all if None.
    """

    index: int
    logs: Path
    lifeline: int
    threads: int | None
    devices: str | None


class Child:
    """A process that is forked from the fork server, and all that is left of it when it is gone.

    Attributes:
        connection: the pipe to it.
    """

    def __init__(
        self,
        context: multiprocessing.context.ForkServerContext,
        settings: ChildSettings,
        kind: str,
        serve: Serve,
    ) -> None:
        """Starts a process.

        Raises:
            SearchlabError: if there can be none.
        """
        self._kind = kind
        self._log = settings.logs / f"{kind}-{settings.index}.log"
        settings.logs.mkdir(parents=True, exist_ok=True)
        self.connection, theirs = context.Pipe()
        line = reading_end(os.dup(settings.lifeline))
        self._process = context.Process(
            target=enter,
            args=(serve, theirs, line, self._log, settings.threads, settings.devices),
            name=f"searchlab-{kind}-{settings.index}",
            daemon=True,
        )
        try:
            self._process.start()
        except (OSError, EOFError) as error:
            raise SearchlabError(
                f"a {kind} process could not be started ({type(error).__name__}): see whether "
                "`python -c 'import keras'` works, then run the study again"
            ) from None
        finally:
            theirs.close()
            line.close()

    def stop(self) -> None:
        """Ends the process at once; who listens to it hears that, and sees to the rest."""
        self._process.kill()

    def kill(self) -> None:
        """Ends the process at once, wherever it is."""
        self.connection.close()
        self._process.kill()
        self._process.join()

    def death(self) -> Failure:
        """Why a process is gone that nobody has ended."""
        self._process.join(_GRACE)
        self.kill()
        if self._process.exitcode == -signal.SIGKILL:
            name, kind = "WorkerKilled", FailureKind.WORKER_KILLED
        else:
            name, kind = "WorkerDied", FailureKind.WORKER_DIED
        return Failure(name, self._end(), self._last_words(), kind)

    def dump(self) -> str:
        """Ends the process; where its training was, and the last that it printed."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, signal.SIGUSR1)  # see worker.enter
            self._process.join(_DUMP)
        self._process.kill()
        self._process.join()
        return self._last_words()

    def memory(self) -> int:
        """Resident memory in bytes; 0 if the process is gone, which is noticed elsewhere."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def _end(self) -> str:
        """How the process ended, in words."""
        code = self._process.exitcode or 0
        if code < 0:
            return f"the {self._kind} process was killed by {signal.Signals(-code).name}"
        return f"the {self._kind} process ended with exit code {code}"

    def _last_words(self) -> str:
        """The end of what the process printed."""
        try:
            text = self._log.read_text(errors="replace")
        except OSError:
            return ""
        return without_module_list(text)[-_WORDS:]
