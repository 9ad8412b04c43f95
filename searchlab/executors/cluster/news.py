"""The news of a node: what its processes say, their ends, and faults of the node itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from searchlab.core.trial import Failure
from searchlab.errors import StorageError
from searchlab.executors.cluster.ledger import Holding
from searchlab.executors.cluster.transfer import Files
from searchlab.fused.messages import Declined, Ended
from searchlab.training.job import Result

WORKERS_JOB = 0
"""The key of the job of a worker, which has one at a time; hosts' jobs are keyed by submission."""


@dataclass(frozen=True)
class Said:
    """A message from a process, with the files that it has made."""

    id: int
    message: Any
    files: Files


@dataclass(frozen=True)
class Gone:
    """The end of a process."""

    id: int
    failure: Failure


@dataclass(frozen=True)
class Fault:
    """A fault of the node itself, which is no fault of any job."""

    reason: str


@dataclass(frozen=True)
class Heard:
    """A node's news.

    Attributes:
        news: the news in the order of each process.
        memory: the resident memory of workers in bytes.
        held: the processes and jobs that the node has, if these are all the news until then.
    """

    news: list[Said | Gone | Fault]
    memory: dict[int, int]
    held: frozenset[Holding] | None


def ended(message: Any) -> tuple[int | None, Result | None]:
    """Return the key of the job that a message ends, and its result; None for none."""
    match message:
        case Ended(key, result):
            return key, result
        case Declined(key):
            return key, None
        case _ if message is None or isinstance(message, Result):
            return WORKERS_JOB, message
    return None, None


def fault_text(error: BaseException) -> str:
    """Return an error in one line; without the remedy, if it is one of searchlab's own."""
    line = " ".join(str(error).split())
    if isinstance(error, StorageError):
        return line.partition(";")[0]
    return f"{type(error).__name__}: {line}"
