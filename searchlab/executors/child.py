"""A training process forked from the fork server, and the reason for its end."""

from __future__ import annotations

import multiprocessing.context
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

from searchlab.core.logs import open_log, tail
from searchlab.core.trial import Failure, FailureKind
from searchlab.errors import SearchlabError
from searchlab.executors.worker import Serve, enter
from searchlab.private.python import hidden_main_module, reading_end, without_module_list

_GRACE = 1.0  # seconds for a worker to end once its pipe is closed
_DUMP = 0.3  # seconds to write down where a training is
_WORDS = 4000  # characters of a worker's output that are kept
_TAIL = 100_000  # bytes that are read for them: after a crash, a list of modules comes last


@dataclass(frozen=True)
class ChildSettings:
    """The settings of a training process.

    Attributes:
        index: its number, from 0.
        logs: the directory for the output of trainings.
        temporary: the directory for its temporary files.
        lifeline: a pipe that breaks when the supervising process ends.
        threads: its number of threads, or None for TensorFlow's own choice.
        devices: the GPUs visible to it, in the form of `CUDA_VISIBLE_DEVICES`; all if None.
    """

    index: int
    logs: Path
    temporary: Path
    lifeline: int
    threads: int | None
    devices: str | None


class Child:
    """A process forked from the fork server, with its connection and its log.

    Attributes:
        connection: the pipe to the process.
    """

    def __init__(
        self,
        context: multiprocessing.context.ForkServerContext,
        settings: ChildSettings,
        kind: str,
        serve: Serve,
    ) -> None:
        """Start a process.

        Raises:
            SearchlabError: if it cannot be started.
        """
        self._kind = kind
        self._log = settings.logs / f"{kind}-{settings.index}.log"
        try:
            settings.logs.mkdir(parents=True, exist_ok=True)
            os.close(open_log(self._log, anew=True))
        except OSError as error:
            raise SearchlabError(
                f"{self._log}: cannot be written ({error.strerror}); make room or give write "
                "access, then run this again"
            ) from None
        self.connection, theirs = context.Pipe()
        line = reading_end(os.dup(settings.lifeline))
        self._process = context.Process(
            target=enter,
            args=(
                serve,
                theirs,
                line,
                self._log,
                settings.temporary,
                settings.threads,
                settings.devices,
            ),
            name=f"searchlab-{kind}-{settings.index}",
            daemon=True,
        )
        try:
            with hidden_main_module():
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
        """Kill the process; whoever listens to it notices that and does the rest."""
        self._process.kill()

    def kill(self) -> None:
        """Kill the process, whatever it is doing, and close its connection."""
        self.connection.close()
        self._process.kill()
        self._process.join()

    def death(self) -> Failure:
        """Return the reason why a process ended that nobody killed."""
        self._process.join(_GRACE)
        self.kill()
        if self._process.exitcode == -signal.SIGKILL:
            name, kind = "WorkerKilled", FailureKind.WORKER_KILLED
        else:
            name, kind = "WorkerDied", FailureKind.WORKER_DIED
        return Failure(name, self._end(), self._last_words(), kind)

    def dump(self) -> str:
        """Kill the process; return its training's stack and the end of its output."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, signal.SIGUSR1)  # see worker._print_to
            self._process.join(_DUMP)
        self._process.kill()
        self._process.join()
        return self._last_words()

    def memory(self) -> int:
        """Return the resident memory in bytes; 0 if it is gone, which is noticed elsewhere."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def _end(self) -> str:
        """Describe how the process ended."""
        code = self._process.exitcode or 0
        if code < 0:
            return f"the {self._kind} process was killed by {signal.Signals(-code).name}"
        return f"the {self._kind} process ended with exit code {code}"

    def _last_words(self) -> str:
        """Return the end of the process's output."""
        return without_module_list(tail(self._log, _TAIL))[-_WORDS:]
