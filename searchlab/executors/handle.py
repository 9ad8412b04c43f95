"""A process for trainings as the loop's side sees it: its job, its limits, its end."""

from __future__ import annotations

import multiprocessing.context
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from searchlab.errors import SearchlabError
from searchlab.executors.base import KILLED
from searchlab.executors.worker import work
from searchlab.training.job import Job
from searchlab.trial import Failure, Outcome, TrialState

_GRACE = 1.0  # seconds that a worker has to end whose pipe is closed
_DUMP = 0.3  # seconds to write down where a training is
LIFETIME = 50  # jobs; TensorFlow keeps 1 to 2 MB of each training, whatever is cleared
_WORDS = 4000  # characters of what a worker printed that are kept


@dataclass(frozen=True)
class Place:
    """Where a worker belongs.

    Attributes:
        index: its number, from 0.
        workers: how many workers share the machine.
        logs: the directory for what trainings print.
        lifeline: breaks when the process of the loop ends.
    """

    index: int
    workers: int
    logs: Path
    lifeline: int


Target = Callable[[Connection, Connection, Path, int], None]
"""What a process runs, given its end of the pipe, the lifeline, its log, and the workers."""


class Child:
    """A process that is forked from the fork server, and all that is left of it when it is gone.

    Attributes:
        connection: the pipe to it.
    """

    def __init__(
        self,
        context: multiprocessing.context.ForkServerContext,
        place: Place,
        kind: str,
        target: Target,
    ) -> None:
        """Starts a process.

        Raises:
            SearchlabError: if there can be none.
        """
        self._kind = kind
        self._log = place.logs / f"{kind}-{place.index}.log"
        place.logs.mkdir(parents=True, exist_ok=True)
        self.connection, theirs = context.Pipe()
        # A Connection is what multiprocessing can pass to a process of a fork server.
        line = Connection(os.dup(place.lifeline), writable=False)
        self._process = context.Process(
            target=target,
            args=(theirs, line, self._log, place.workers),
            name=f"searchlab-{kind}-{place.index}",
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

    def kill(self) -> None:
        """Ends the process at once, wherever it is."""
        self.connection.close()
        self._process.kill()
        self._process.join()

    def death(self) -> Failure:
        """Why a process is gone that nobody has ended."""
        self._process.join(_GRACE)
        self.kill()
        kind = KILLED if self._process.exitcode == -signal.SIGKILL else "WorkerDied"
        return Failure(kind, self._end(), self._last_words())

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
        # After the place of a crash, faulthandler names all of the process' C modules.
        return text.partition("\nExtension modules: ")[0][-_WORDS:]


class Worker(Child):
    """One process with the job that it is at.

    Attributes:
        job: the job, or None while idle.
        index: its place's number.
    """

    def __init__(self, context: multiprocessing.context.ForkServerContext, place: Place) -> None:
        """Starts a process.

        Raises:
            SearchlabError: if there can be none.
        """
        super().__init__(context, place, "worker", work)
        self.job: Job | None = None
        self.index = place.index
        self._jobs = 0
        self._ready = False
        self._begun = time.monotonic()

    def start(self, job: Job) -> bool:
        """Sends a job; False if the worker is not there any more."""
        try:
            self.connection.send(job)
        except OSError:
            return False
        self.job, self._begun = job, time.monotonic()
        self._jobs += 1
        return True

    @property
    def worn(self) -> bool:
        """Whether the process has run so many jobs that a new one is due."""
        return self._jobs >= LIFETIME

    def answer(self, decision: object) -> None:
        """Answers a report; a worker that is gone is noticed at the next receive."""
        try:
            self.connection.send(decision)
        except OSError:
            return

    def began(self) -> None:
        """Notes that the worker has started up; a job's time does not count before."""
        self._ready, self._begun = True, time.monotonic()

    def breach(self) -> Failure | None:
        """The limit that the job has gone beyond, if any."""
        if self.job is None or not self._ready:
            return None
        limits = self.job.spec.training.limits
        if limits.seconds is not None and self._seconds() > limits.seconds:
            return Failure(
                "TimeLimit",
                f"took more than the {limits.seconds:g} s of training.limits.seconds and was "
                "killed: raise the limit, or see the traceback for where it was",
            )
        if limits.memory is not None and (used := self._memory()) > limits.memory:
            return Failure(
                "MemoryLimit",
                f"its worker process used {_size(used)}, more than the {_size(limits.memory)} of "
                "training.limits.memory, and was killed: raise the limit, or make the model or "
                "its batches smaller",
            )
        return None

    def died(self) -> Outcome:
        """The outcome of the job of a worker that is gone."""
        return self._failed(self.death())

    def killed(self, failure: Failure) -> Outcome:
        """Kills the process for a reason; the outcome says where its training was."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, signal.SIGUSR1)  # see worker.work
            self._process.join(_DUMP)
        self.kill()
        return self._failed(Failure(failure.type, failure.message, self._last_words()))

    def _failed(self, failure: Failure) -> Outcome:
        assert self.job is not None  # noqa: S101 - only busy workers have outcomes
        number = self.job.trial.number
        return Outcome(number, TrialState.FAIL, seconds=self._seconds(), error=failure)

    def _seconds(self) -> float:
        return time.monotonic() - self._begun

    def _memory(self) -> int:
        """Resident memory in bytes; 0 if the process is gone, which is noticed elsewhere."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0


def _size(size: float) -> str:
    return f"{size / 1e9:.2f} GB"
