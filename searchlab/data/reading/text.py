"""Text files with a table: read once, by pyarrow, with every row checked."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from searchlab.core.arrays import Array
from searchlab.data.reading import detection
from searchlab.data.reading.columns import Columns, Known
from searchlab.data.reading.dialect import NAMES, Dialect
from searchlab.data.reading.raw import check_names
from searchlab.errors import DataError

_BLOCK = 1 << 26  # bytes; no row is longer


def read_text(
    data: bytes, source: str, known: Known, expected: str
) -> tuple[pd.DataFrame, Dialect]:
    """Read a table from a text file's content.

    Args:
        data: the content.
        source: the file's name in messages.
        known: what is known about its columns.
        expected: the separator of files with this ending.

    Returns:
        A frame whose index has the row numbers of the file, and the file's dialect.

    Raises:
        DataError: if a row has too few or too many cells, or it is not certain how it is written.
    """
    keys = known.keys
    text, encoding = detection.decoded(data, keys.encoding, source)
    del data
    comment = detection.comment_of(text) if keys.comment is None else keys.comment
    if comment:
        text = detection.without_comments(text, comment)
    separator = keys.separator or detection.separator_of(text, expected, known.names, source)
    rows = detection.first_rows(text, separator)
    if not rows:
        raise DataError(f"{source}: row 1 is empty: it must name the columns")
    header = keys.header
    if header is None:
        header = detection.header_of(rows, known.names, source)
    names = _names(rows[0], source) if header else detection.column_names(len(rows[0]))
    table, numbers = _table(text, separator, names, source, header=header)
    del text
    columns = Columns(known, pd.Index(numbers))
    try:
        frame = columns.convert(table)
    except DataError as error:
        raise DataError(f"{source}: {error}") from None
    found = Dialect(separator, encoding, header, comment, columns.notations, columns.missing)
    return frame, found


def _names(cells: list[str], source: str) -> list[str]:
    names = [cell or f"Unnamed: {place}" for place, cell in enumerate(cells)]
    check_names(names, source)
    return names


def _table(
    text: bytes, separator: str, names: list[str], source: str, *, header: bool
) -> tuple[pa.Table, Array]:
    """Return the rows as text, and their numbers; empty rows are left out."""
    wrong: list[pyarrow.csv.InvalidRow] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        wrong.append(row)
        return "skip"

    if _open_quote(text):
        raise DataError(f"{source}: ends within quotation marks: it may be cut off there")
    table = pyarrow.csv.read_csv(
        io.BytesIO(text),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, column_names=names, block_size=_BLOCK
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=separator,
            newlines_in_values=b'"' in text,
            ignore_empty_lines=False,
            invalid_row_handler=note,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    short = [row for row in wrong if row.text.strip()]
    if short:
        raise DataError(_unequal(short[0], len(names), separator, source))
    numbers = np.delete(
        np.arange(1, table.num_rows + len(wrong) + 1), [r.number - 1 for r in wrong]
    )
    keep = np.ones(len(numbers), bool)
    keep[_empty(table)] = False
    if header:
        keep[np.flatnonzero(keep)[:1]] = False
    return table.filter(pa.array(keep)), numbers[keep]


def _unequal(row: pyarrow.csv.InvalidRow, count: int, separator: str, source: str) -> str:
    by = NAMES.get(separator, repr(separator))
    return (
        f"{source}: row {row.number} has {row.actual_columns} cells where the header has {count}: "
        f"correct it (the file may be cut off there, or not be separated by {by}: data.separator)"
    )


def _open_quote(text: bytes) -> bool:
    last = text[text.rfind(b"\n") + 1 :]
    return bool(last.strip()) and text.count(b'"') % 2 == 1 and last.count(b'"') % 2 == 1


def _empty(table: pa.Table) -> Array:
    """Return the positions of rows without any cell, such as spreadsheets leave at the end."""
    rows: Array | None = None
    for name in table.column_names:
        column = table[name] if rows is None else table[name].take(pa.array(rows))
        blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(column)), 0).to_numpy()
        rows = np.flatnonzero(blank) if rows is None else rows[blank.astype(bool)]
        if len(rows) == 0:
            break
    return np.empty(0, np.int64) if rows is None else rows


def unpacked(path: Path, source: str) -> bytes:
    """Return the content of a file, out of its archive if it is in one.

    Raises:
        DataError: if a ZIP archive has more than one file.
    """
    name = path.name.lower()
    if name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            names = [each for each in archive.namelist() if not each.endswith("/")]
            names = [each for each in names if not each.startswith("__MACOSX")]
            if len(names) != 1:
                raise DataError(f"{source}: has {len(names)} files in it: give one with one file")
            return archive.read(names[0])
    for ending, opener in ((".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)):
        if name.endswith(ending):
            with opener(path, "rb") as file:
                return bytes(file.read())
    return path.read_bytes()
