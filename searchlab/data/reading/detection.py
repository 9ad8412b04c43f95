"""Find out by looking how a text file writes a table, where that is certain."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Collection

from searchlab.data.reading.dialect import NAMES
from searchlab.errors import DataError

_SAMPLE = 1 << 18  # characters that are looked at
_LONGEST_CELL = 1 << 24
_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_TWO = 2
ROWS = 200
"""The rows of a file that are looked at."""

SIMPLE_NUMBER = re.compile(r"\s*[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?\s*")
"""A number with a decimal mark at most."""


def decoded(data: bytes, given: str | None, source: str, usual: str = "utf-8") -> tuple[bytes, str]:
    """Return a text file's content as UTF-8 without a byte order mark, and its encoding.

    Args:
        data: the content.
        given: the encoding that the study names, or None.
        source: the file's name in messages.
        usual: the encoding of an earlier file, for one that is no UTF-8.

    Raises:
        DataError: if it has another encoding.
    """
    for mark, name in _BOMS.items():
        if data.startswith(mark):
            data, given = data[len(mark) :], given if mark == codecs.BOM_UTF8 else name
            break
    for name in [given] if given else dict.fromkeys(["utf-8", usual, "cp1252"]):
        utf8 = codecs.lookup(name).name == "utf-8"
        try:
            text = _checked(data) if utf8 else data.decode(name).encode()
        except UnicodeDecodeError as error:
            failed = f"byte {error.start} is none of {name}"
            continue
        if b"\0" in text:
            raise DataError(f"{source}: is no text in {name}: give data.encoding, such as utf-16")
        return text, name
    raise DataError(f"{source}: has an unknown encoding ({failed}): give data.encoding")


def _checked(data: bytes) -> bytes:
    """Return a content that is UTF-8, without a copy of it as text.

    Raises:
        UnicodeDecodeError: if it is not.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), _SAMPLE):
        decoder.decode(data[start : start + _SAMPLE])
    decoder.decode(b"", final=True)
    return data


def comment_of(text: bytes) -> str:
    """Return "#" if a file begins with lines of comments, which have it; else ""."""
    lines = [line for line in text[:_SAMPLE].splitlines()[:ROWS] if line.strip()]
    above = next((n for n, line in enumerate(lines) if not line.startswith(b"#")), 0)
    if above == 0:
        return ""
    marks = [b",", b";", b"\t", b"|"]
    alike = any(
        m in lines[above] and lines[above - 1].count(m) == lines[above].count(m) for m in marks
    )
    return "" if above == 1 and alike else "#"  # a header can begin with it


def without_comments(text: bytes, mark: str, separator: str | None = None) -> bytes:
    """Empty the lines that begin with a mark; the others keep their numbers.

    A line within a cell in quotation marks is no comment.

    Args:
        text: the content, in UTF-8.
        mark: what comments begin with; "" if there are none.
        separator: the mark between cells, if the study gives it.
    """
    if not mark:
        return text
    comment = rb"^" + re.escape(mark.encode()) + rb"[^\r\n]*"
    if b'"' not in text:
        return re.sub(rb"(?m)" + comment, b"", text)
    marks = re.escape(separator or ",;\t|").encode()
    quoted = rb"(?:^|(?<=[" + marks + rb']))"[^"]*(?:""[^"]*)*"'
    return re.sub(rb"(?m)(" + quoted + rb")|" + comment, lambda found: found[1] or b"", text)


def said_separator(text: bytes) -> tuple[bytes, str | None]:
    """Return a text with an empty line in place of the first if that is Excel's `sep=;`.

    Returns:
        The text, and the separator that the line says, or None.
    """
    found = re.match(rb'"?sep=(.)"?[ ,;\t]*(?=[\r\n])', text[:100], re.IGNORECASE)
    return (text, None) if found is None else (text[found.end() :], found[1].decode("latin-1"))


def first_rows(text: bytes, separator: str) -> list[list[str]]:
    """Return the first rows of a file that are not empty, without one that may be cut off."""
    sample = text[:_SAMPLE].decode(errors="ignore")
    whole = len(text) <= _SAMPLE
    csv.field_size_limit(_LONGEST_CELL)
    lines = sample.splitlines(keepends=True)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(iter(lines), delimiter=separator):
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
            if len(rows) > ROWS:
                break
    except csv.Error:
        return rows
    return rows if whole or len(rows) <= 1 else rows[:-1]


def above(text: bytes, separator: str) -> int:
    """Return the number of empty rows above the first one that is not."""
    sample = text[:_SAMPLE].decode(errors="ignore").splitlines(keepends=True)
    rows = csv.reader(iter(sample), delimiter=separator)
    return next((n for n, row in enumerate(rows) if any(cell.strip() for cell in row)), 0)


def separator_of(
    text: bytes, expected: str, names: Collection[str], source: str, usual: str | None = None
) -> str:
    """Find the mark between cells.

    Args:
        text: the content, in UTF-8.
        expected: the mark of a file with this ending, which wins where none shows.
        names: columns that the file has.
        source: the file's name in messages.
        usual: the mark of an earlier file, which wins where two are as likely.

    Raises:
        DataError: if two marks are as likely.
    """
    found = {
        mark: first_rows(text, mark) for mark in dict.fromkeys([expected, ",", ";", "\t", "|"])
    }
    likely = [mark for mark, rows in found.items() if rows and len(rows[0]) >= _TWO]
    for better in (_naming(names, found), _even(found), _numbering(found), _spelled(found)):
        if len(likely) > 1:
            likely = [mark for mark in likely if mark in better] or likely
    if not likely:
        return " " if usual == " " or _spaced(text, names) else expected
    if usual in likely:
        return usual
    if len(likely) > 1 and _even({mark: found[mark] for mark in likely}):
        words = " or ".join(NAMES[mark] for mark in likely)
        raise DataError(
            f"{source}: cells may be separated by {words}: say which, as data.separator"
        )
    return expected if expected in likely else likely[0]


def single_spaced(text: bytes) -> bytes:
    """Return a text with one space in place of each run of them, and none around a line.

    Those within quotation marks stay.
    """
    spaces = rb'(?m)("[^"]*")|^[ \t]+|[ \t]+(?=\r?$)|([ \t]+)'
    return re.sub(spaces, lambda found: found[1] or (b" " if found[2] else b""), text)


def _spaced(text: bytes, names: Collection[str]) -> bool:
    """Tell whether spaces separate cells: all rows have as many, and one row names the columns."""
    rows = first_rows(single_spaced(text[:_SAMPLE]), " ")
    if not names or not _even({" ": rows}):
        return False
    return set(names) <= set(rows[0]) or set(names) <= set(column_names(len(rows[0])))


def _naming(names: Collection[str], found: dict[str, list[list[str]]]) -> list[str]:
    """Return the marks between which the most of the known names stand."""
    count = {m: len(set(rows[0]) & set(names)) if rows else 0 for m, rows in found.items()}
    return [mark for mark in found if count[mark] and count[mark] == max(count.values())]


def _even(found: dict[str, list[list[str]]]) -> list[str]:
    """Return the marks that divide each row in as many cells."""
    return [
        mark
        for mark, rows in found.items()
        if rows and len(rows[0]) >= _TWO and {len(row) for row in rows} == {len(rows[0])}
    ]


def _numbering(found: dict[str, list[list[str]]]) -> list[str]:
    """Return the marks between which the most cells are numbers."""
    shares = {
        mark: sum(SIMPLE_NUMBER.fullmatch(cell) is not None for row in rows for cell in row)
        / max(1, sum(map(len, rows)))
        for mark, rows in found.items()
        if rows and len(rows[0]) >= _TWO
    }
    return [mark for mark, share in shares.items() if share == max(shares.values())]


def _spelled(found: dict[str, list[list[str]]]) -> list[str]:
    """Return the marks between which the first row has names, as no name is empty."""
    return [mark for mark, rows in found.items() if rows and all(rows[0])]


def column_names(count: int) -> list[str]:
    """Return the names of columns that have none."""
    return [f"column_{number}" for number in range(1, count + 1)]
