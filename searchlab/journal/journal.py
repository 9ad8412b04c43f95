"""The append-only record of a study, and reading it back.

One line of JSON an event; the first has the version of the format, too. The checksum of each line
covers all lines before it, so that a line that is missing, doubled or changed is noticed there. The
loop writes an event before it acts on it, and forces it to the disk where losing it would lose a
trial: at every ask and every outcome. The files that an event speaks of are on the disk before it.
The journal is the truth; what MLflow shows is made from it.

A process killed in the middle of a write leaves a last line without its end. Nothing had been
acknowledged by then, so reading ignores such a line and the next writer cuts it off. A broken
line anywhere else is damage, and is refused.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, get_args

from pydantic_core import from_json  # several times as fast as `json.loads`

from searchlab.core.atomic import force, make_directory
from searchlab.core.codec import decoder, encode
from searchlab.core.sealed import with_checksum
from searchlab.core.steady import now
from searchlab.errors import DamagedJournalError, JournalError
from searchlab.journal.events import Entry, Event, Reported, Started

FORMAT = 2
"""The version of the format; it stands in the first line, and another one is refused."""

_END = len(b',"crc":"00000000"}\n')

_LEVELS = 3  # directories with the names of the journal, its study and `.searchlab`

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
"""How the file is opened: a link could have any file of the user's cut off and written to."""

_EVENTS = {kind.__name__: decoder(kind) for kind in get_args(Event)}


class Journal:
    """Writes the events of one study. Only the search loop does.

    Attributes:
        lines: how many there are.
    """

    def __init__(self, path: Path) -> None:
        """Open a journal for appending, and cut off a line that a killed process left incomplete.

        Raises:
            JournalError: if the file cannot be opened or is damaged.
        """
        self._path = path
        try:
            make_directory(path.parent)
            good, self.lines, line = 0, 0, b""
            for line in _whole_lines(path):
                good, self.lines = good + len(line), self.lines + 1
            self._crc = _checksum(line)
            self._file: BinaryIO = os.fdopen(os.open(path, _APPEND, 0o666), "ab", buffering=0)
            self._file.truncate(good)
            for directory in path.parents[:_LEVELS]:  # a process may have died before it did this
                force(directory)
        except OSError as error:
            raise _unwritable(path, error) from None

    def append(self, event: Event) -> Entry:
        """Write one event; everything except reports is on the disk when this returns.

        Raises:
            JournalError: if the event could not be written; the journal is as before.
        """
        entry = Entry(event, now())
        line = _encode(entry, self._crc)
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
        self._crc = _checksum(line)
        self.lines += 1
        return entry

    @property
    def checksum(self) -> int:
        """The checksum of the last line, which covers all lines; 0 without any."""
        return self._crc

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
    before = 0
    try:
        for number, line in enumerate(_whole_lines(path), start=1):
            entry, before = _decode(path, number, line, before)
            yield entry
    except OSError as error:
        raise JournalError(
            f"{path}: cannot be read ({error.strerror}): give access to it, or restore it from a "
            "backup, then run this again"
        ) from None


def read_after(path: Path, size: int, crc: int) -> Iterator[Entry]:
    """Yield the entries after those of the first bytes of a journal.

    Args:
        path: the journal.
        size: how many bytes.
        crc: the checksum of the last line in them, which covers all lines before it.

    Raises:
        LookupError: if no line with this checksum ends there.
        JournalError: if a line other than the last is damaged; its number counts from there.
        OSError: if the file cannot be read.
    """
    if last_checksum(path, size) != crc:
        raise LookupError("the journal has been changed before these bytes")
    for number, line in enumerate(_whole_lines(path, size), start=1):
        entry, crc = _decode(path, number, line, crc)
        yield entry


def checksum(path: Path, lines: int) -> int | None:
    """Return the checksum of the first lines of a journal; None if it has fewer or is no file."""
    with suppress(OSError):
        line = next(islice(_whole_lines(path), lines - 1, None), None) if lines > 0 else None
        return None if line is None else _checksum(line)
    return None


def last_checksum(path: Path, size: int | None = None) -> int | None:
    """Return the checksum of a journal's last line, which covers all; None if that is not whole.

    Args:
        path: the journal.
        size: how many of its bytes to look at, or None for all.

    Raises:
        OSError: if the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END) if size is None else size
        file.seek(max(0, size - _END))
        end = file.read(_END)
    if not (end.startswith(b',"crc":"') and end.endswith(b'"}\n')):
        return None
    return _checksum(end)


def _whole_lines(path: Path, start: int = 0) -> Iterator[bytes]:
    """Yield the complete lines after so many bytes."""
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise
        return
    with file:
        file.seek(start)
        for line in file:
            if line.endswith(b"\n"):
                yield line


def encoded(entries: Iterable[Entry]) -> bytes:
    """Return the content of a journal with these entries."""
    lines: list[bytes] = []
    for entry in entries:
        lines.append(_encode(entry, _checksum(lines[-1]) if lines else 0))
    return b"".join(lines)


def good_lines(path: Path) -> tuple[list[bytes], int]:
    """Return the complete lines up to the first that is damaged, and the number of all.

    Raises:
        JournalError: if the file was written by another version.
        OSError: if it cannot be read.
    """
    lines, good = list(_whole_lines(path)), list[bytes]()
    try:
        for number, line in enumerate(lines, start=1):
            _decode(path, number, line, _checksum(good[-1]) if good else 0)
            good.append(line)
    except DamagedJournalError:
        pass
    return good, len(lines)


def _checksum(line: bytes) -> int:
    """Return the checksum that a line ends with; 0 if it has none."""
    try:
        return int(line[-11:-3], 16)
    except ValueError:
        return 0


def _encode(entry: Entry, before: int) -> bytes:
    values = {"event": type(entry.event).__name__, "time": entry.time, **encode(entry.event)}
    if isinstance(entry.event, Started):
        values = {"format": FORMAT, **values}
    body = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return f"{with_checksum(body, before)}\n".encode()


def _decode(path: Path, number: int, line: bytes, before: int) -> tuple[Entry, int]:
    """Return the entry of a line and the checksum, given that of the line before."""
    body = line[:-_END] + b"}"
    crc = zlib.crc32(body, before)
    if b"%08x" % crc != line[-11:-3]:
        raise DamagedJournalError(
            f"{path}:{number}: is damaged, or lines before it are missing or doubled; restore the "
            f"file from a backup, or drop this line and all after it: searchlab repair "
            f"{path.parent.name}"
        )
    try:
        return _entry(from_json(body)), crc
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
    return Entry(_EVENTS[name](values), moment)


def _unwritable(path: Path, error: OSError) -> JournalError:
    return JournalError(
        f"{path}: cannot be written ({error.strerror}); make room or give write access, then run "
        "the study again: it continues where it was"
    )
