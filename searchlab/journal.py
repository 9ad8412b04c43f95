"""The append-only record of a study, and reading it back.

One line of JSON an event, each with a checksum. The loop writes an event before it acts on it,
and forces it to the disk where losing it would lose a trial: at every ask and every outcome.
The journal is the truth; what MLflow shows is made from it.

A process killed in the middle of a write leaves a last line without its end. Nothing had been
acknowledged by then, so reading ignores such a line and the next writer cuts it off. A broken
line anywhere else is damage, and is refused.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, get_args

from searchlab.errors import JournalError
from searchlab.study.ending import Ending
from searchlab.trial import Failure, Known, Outcome, Report, Suggestion, Trial, TrialState


@dataclass(frozen=True)
class Started:
    """A study was created.

    Attributes:
        study: the study as plain values (`StudySpec.as_dict`).
        text: the study file as written.
        file: the study file's absolute path.
        data: what the data set is (`training.prepare.DataSummary` as plain values).
        factory: the SHA-256 of the model factory's source file, or "" for a built-in one.
        versions: versions of the libraries by package.
        known: what the studies in `search.warm_start` had found, best first.
        initial: the digest of the model that gives the initial weights, with its code, or "".
    """

    study: Mapping[str, Any]
    text: str
    file: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    factory: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    known: tuple[Known, ...] = ()
    initial: str = ""


@dataclass(frozen=True)
class Resumed:
    """A process took up the study, with this budget; trials without an outcome start anew.

    What they have reported so far is void, but the backend has heard of it: see `replay`.
    """

    trials: int | None
    seconds: float | None
    executor: str
    workers: int
    ending: Ending = field(default_factory=Ending)


@dataclass(frozen=True)
class Asked:
    """The backend suggested a trial."""

    trial: Trial


@dataclass(frozen=True)
class Waited:
    """The backend had nothing to suggest for this number until another trial ends."""

    number: int


@dataclass(frozen=True)
class Reported:
    """A training finished an epoch."""

    report: Report


@dataclass(frozen=True)
class Retried:
    """A training failed and is begun anew, as those that a dead process was at.

    Attributes:
        number: the trial's number.
        error: why it failed.
    """

    number: int
    error: Failure


@dataclass(frozen=True)
class Told:
    """A trial ended."""

    outcome: Outcome


@dataclass(frozen=True)
class Confirmed:
    """A trial was trained again with another seed, after the search.

    Attributes:
        seed: the seed.
        outcome: what came of it, under the trial's number; COMPLETE or FAIL.
        best_epochs: the epoch at which each fold's training was best, in early stopping's eyes.
    """

    seed: int
    outcome: Outcome
    best_epochs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Compared:
    """A simple model was fitted to the rows of the study's model, and measured on the test rows.

    Attributes:
        baseline: its name, such as "linear".
        metrics: the study's metrics on the test rows, those that such a model has; empty if it
            failed.
        seconds: how long it took.
        error: why it failed, or None.
    """

    baseline: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: Failure | None = None


@dataclass(frozen=True)
class Stopped:
    """A process left the study.

    Attributes:
        state: "finished", "failed" (no trial completed, or `failed` is set) or "interrupted".
        seconds: how long this process worked on the study.
        best: the number of the trial with the best objective, or None.
        test: metrics of the study's model on the test rows; empty if there is none.
        model_path: the study's model, relative to the study's directory, or None.
        failed: the trial whose failure ended the study, as `on_failure: stop` wants; or None.
        memory: the most bytes that this process and its workers held together, or None.
        winner: the number of the trial that the study's model is made of, or None.
        epochs: how many epochs the study's model was refitted for, or None if it was not.
        refit_error: why the winner could not be refitted, so that its own model was taken; or None.
    """

    state: str
    seconds: float
    best: int | None = None
    test: Mapping[str, float] = field(default_factory=dict)
    model_path: str | None = None
    failed: int | None = None
    memory: int | None = None
    winner: int | None = None
    epochs: int | None = None
    refit_error: Failure | None = None


Event = (
    Started | Resumed | Asked | Waited | Reported | Retried | Told | Confirmed | Compared | Stopped
)
_EVENTS = {kind.__name__: kind for kind in get_args(Event)}


@dataclass(frozen=True)
class Entry:
    """An event with the time it was written, in seconds since the epoch."""

    event: Event
    time: float


class Journal:
    """Writes the events of one study. Only the search loop does."""

    def __init__(self, path: Path) -> None:
        """Opens a journal for appending, and cuts off what a killed process left half written.

        Raises:
            JournalError: if the file cannot be opened or is damaged.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            good = sum(len(line) for line in _whole_lines(path))
            self._file: BinaryIO = path.open("ab", buffering=0)
            self._file.truncate(good)
        except OSError as error:
            raise _unwritable(path, error) from None

    def append(self, event: Event) -> Entry:
        """Writes one event; everything but reports is on the disk when this returns.

        Raises:
            JournalError: if the event could not be written; the journal is as before.
        """
        entry = Entry(event, time.time())
        line = _encode(entry)
        start = self._file.seek(0, os.SEEK_END)
        try:
            written = 0
            while written < len(line):  # of a disk that is almost full, the first write gets some
                written += self._file.write(line[written:])
            if not isinstance(event, Reported):
                os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):  # then the next process cuts it off
                self._file.truncate(start)
            raise _unwritable(self._path, error) from None
        return entry

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def read_journal(path: Path) -> Iterator[Entry]:
    """The entries of a journal, oldest first; none if there is no such file.

    Raises:
        JournalError: if a line other than the last is damaged, or the file cannot be read.
    """
    try:
        for number, line in enumerate(_whole_lines(path), start=1):
            yield _decode(path, number, line)
    except OSError as error:
        raise JournalError(f"{path}: cannot be read ({error.strerror})") from None


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The lines that were written to their end."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def _encode(entry: Entry) -> bytes:
    body = json.dumps(
        {"event": type(entry.event).__name__, "time": entry.time, **asdict(entry.event)},
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return f'{body[:-1]},"crc":"{zlib.crc32(body.encode()):08x}"}}\n'.encode()


def _decode(path: Path, number: int, line: bytes) -> Entry:
    try:
        text = line.decode()
        body, crc = text[: -len(',"crc":"00000000"}\n')] + "}", text[-11:-3]
        if f"{zlib.crc32(body.encode()):08x}" != crc:
            raise ValueError("checksum")
    except ValueError:
        raise JournalError(
            f"{path}:{number}: is damaged; restore the file from a backup, or start the study "
            "anew under another --name"
        ) from None
    try:
        values = json.loads(body)
        kind = _EVENTS[values.pop("event")]
        return Entry(_event(kind, values), values["time"])
    except (ValueError, KeyError, TypeError):
        raise JournalError(
            f"{path}:{number}: was written by another version of searchlab; use that version, or "
            "start the study anew under another --name"
        ) from None


def _event(kind: type[Event], values: dict[str, Any]) -> Event:
    if kind is Started:
        values["known"] = tuple(Known(**each) for each in values.get("known", ()))
    if kind is Asked:
        trial = values["trial"]
        return Asked(Trial(**{**trial, "suggestion": Suggestion(**trial["suggestion"])}))
    if kind is Reported:
        return Reported(Report(**values["report"]))
    if kind is Retried:
        return Retried(values["number"], Failure(**values["error"]))
    if kind is Told:
        return Told(_outcome(values["outcome"]))
    if kind is Confirmed:
        epochs = tuple(values["best_epochs"])
        return Confirmed(values["seed"], _outcome(values["outcome"]), epochs)
    if kind in (Compared, Stopped):
        name = "error" if kind is Compared else "refit_error"
        error = values[name]
        values = {**values, name: None if error is None else Failure(**error)}
    if kind is Resumed:
        values = {**values, "ending": Ending(**values["ending"])}
    return kind(**{name: value for name, value in values.items() if name != "time"})


def _outcome(values: dict[str, Any]) -> Outcome:
    error = values["error"]
    return Outcome(
        **{
            **values,
            "state": TrialState(values["state"]),
            "scores": tuple(values["scores"]),
            "error": None if error is None else Failure(**error),
        }
    )


def _unwritable(path: Path, error: OSError) -> JournalError:
    return JournalError(
        f"{path}: cannot be written ({error.strerror}); make room or give write access, then run "
        "the study again: it continues where it was"
    )
