"""The append-only record of a study, and reading it back.

One line of JSON an event, each with a checksum; the first has the version of the format, too. The
loop writes an event before it acts on it, and forces it to the disk where losing it would lose a
trial: at every ask and every outcome. The journal is the truth; what MLflow shows is made from it.

A process killed in the middle of a write leaves a last line without its end. Nothing had been
acknowledged by then, so reading ignores such a line and the next writer cuts it off. A broken
line anywhere else is damage, and is refused.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, get_args

from searchlab.core.codec import decode, encode
from searchlab.core.steady import now
from searchlab.errors import JournalError
from searchlab.journal.events import Entry, Event, Reported, Started

FORMAT = 1
"""The version of the format; it stands in the first line, and another one is refused."""

_EVENTS = {kind.__name__: kind for kind in get_args(Event)}


class Journal:
    """Writes the events of one study. Only the search loop does."""

    def __init__(self, path: Path) -> None:
        """Open a journal for appending, and cut off a line that a killed process left incomplete.

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
        """Write one event; everything except reports is on the disk when this returns.

        Raises:
            JournalError: if the event could not be written; the journal is as before.
        """
        entry = Entry(event, now())
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
        """Close the file."""
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
    """Yield the entries of a journal, oldest first; none if there is no such file.

    Raises:
        JournalError: if a line other than the last is damaged, or the file cannot be read.
    """
    try:
        for number, line in enumerate(_whole_lines(path), start=1):
            yield _decode(path, number, line)
    except OSError as error:
        raise JournalError(f"{path}: cannot be read ({error.strerror})") from None


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Return the complete lines."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def _encode(entry: Entry) -> bytes:
    values = {"event": type(entry.event).__name__, "time": entry.time, **encode(entry.event)}
    if isinstance(entry.event, Started):
        values = {"format": FORMAT, **values}
    body = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
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
        return _entry(json.loads(body))
    except (ValueError, KeyError) as error:
        raise JournalError(
            f"{path}:{number}: was written by another version of searchlab ({error}); use that "
            "version, or start the study anew under another --name"
        ) from None


def _entry(values: dict[str, Any]) -> Entry:
    name, moment = values.pop("event"), values.pop("time")
    if name not in _EVENTS:
        raise ValueError(f"no event is called {name!r}")
    if name == Started.__name__ and (found := values.pop("format", None)) != FORMAT:
        raise ValueError(f"the journal has format {found}, and this version reads {FORMAT}")
    return Entry(decode(_EVENTS[name], values), moment)


def _unwritable(path: Path, error: OSError) -> JournalError:
    return JournalError(
        f"{path}: cannot be written ({error.strerror}); make room or give write access, then run "
        "the study again: it continues where it was"
    )
