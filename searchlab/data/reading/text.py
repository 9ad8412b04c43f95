"""Text files with a table: read once, by pyarrow, with every row checked."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from searchlab.core.arrays import Array
from searchlab.core.progress import doing
from searchlab.data.catalog import is_clutter
from searchlab.data.reading import detection, headers
from searchlab.data.reading.columns import Columns
from searchlab.data.reading.dialect import NAMES, Dialect
from searchlab.data.reading.known import Known
from searchlab.data.reading.numbers import MISSING
from searchlab.data.reading.raw import check_names
from searchlab.errors import DataError

_BLOCK = 1 << 24  # bytes; no row is longer
_TRIES = 4  # readings with guessed types, before all columns are read as text
_NEWLINE = b"\n"
_NONE = np.empty(0, np.int64)
_COLUMN = re.compile(r"In CSV column #(\d+)")


def read_text(
    read: Callable[[], bytes], source: str, known: Known, expected: str
) -> tuple[pd.DataFrame, Dialect, int | None]:
    """Read a table from a text file's content.

    Args:
        read: returns the content, which is kept no longer than needed.
        source: the file's name in messages.
        known: what is known about its columns.
        expected: the separator of files with this ending.

    Returns:
        A frame whose index has the row numbers of the file, the file's dialect, and the number of
        the first empty row that stands before others, or None.

    Raises:
        DataError: if a row has too few or too many cells, or it is not certain how it is written.
    """
    keys = known.keys
    text, encoding = detection.decoded(read(), keys.encoding, source, known.dialect.encoding)
    text, said = detection.said_separator(text)
    separator = keys.separator or said
    comment = detection.comment_of(text) if keys.comment is None else keys.comment
    text = detection.without_comments(text, comment, separator)
    if separator is None:
        usual = None if known.numbers is None else known.dialect.separator
        separator = detection.separator_of(text, expected, known.names, source, usual)
    if separator == " ":
        text = detection.single_spaced(text)
    rows = detection.first_rows(text, separator)
    if not rows:
        raise DataError(f"{source}: row 1 is empty: it must name the columns")
    if headers.is_below(text, rows[0], known.names):
        raise DataError(
            f"{source}: the names of the columns are in a row below the first one: delete the "
            "lines above it, or say what they begin with, as data.comment"
        )
    header = keys.header
    if header is None:  # a file like one without names has none either, unless it has them
        named = known.dialect.header or bool(set(known.names) & set(rows[0]))
        header = named and headers.header_of(rows, known.names, source)
    columns = Columns(known)
    one_header = partial(headers.one_header, rows if header else [], keys.missing, source)
    with one_header():
        names = _names(rows[0], source) if header else detection.column_names(len(rows[0]))
    types = columns.types(names, rows[header:])
    above = detection.above(text, separator) + header
    layout = _Layout(separator, above, _nulls(known), source, comments=bool(comment))
    doing(f"reading {text.count(_NEWLINE):,} rows of {source}")
    if len(rows) > header:
        table, numbers, empty = _table(text, layout, names, types)
    else:
        table, numbers = pa.table({name: pa.array([], pa.string()) for name in names}), _NONE
        empty = _NONE
    del text
    columns.index = pd.Index(numbers)
    with one_header():
        try:
            frame = columns.convert(table)
        except DataError as error:
            raise DataError(f"{source}: {error}") from None
    del table
    pa.default_memory_pool().release_unused()
    found = Dialect(
        *(separator, encoding, header, comment),
        notations=columns.notations,
        missing=columns.missing,
        powers=columns.powers,
    )
    before = empty[empty < numbers[-1]] if len(numbers) else _NONE
    return frame, found, int(before[0]) if len(before) else None


def _names(cells: list[str], source: str) -> list[str]:
    names = [cell or f"Unnamed: {place}" for place, cell in enumerate(cells)]
    check_names(names, source)
    return names


def _nulls(known: Known) -> tuple[str, ...]:
    given = (mark for mark in known.keys.missing if isinstance(mark, str))
    return (*sorted(MISSING), *given)


@dataclass(frozen=True)
class _Layout:
    """The facts that a text file is parsed by.

    Attributes:
        separator: the mark between cells.
        above: the number of rows above the data.
        missing: the cells without a number in columns of numbers.
        source: the file's name in messages.
        comments: whether lines were comments, which are blank by now.
    """

    separator: str
    above: int
    missing: tuple[str, ...]
    source: str
    comments: bool


def _table(
    text: bytes, layout: _Layout, names: list[str], types: Mapping[str, pa.DataType]
) -> tuple[pa.Table, Array, Array]:
    """Return the rows and their numbers, and those of empty rows, which are left out.

    A column whose cells are not of the type that was guessed is text.
    """
    if _open_quote(text):
        raise DataError(f"{layout.source}: ends within quotation marks: it may be cut off there")
    guessed = {name: types.get(name, pa.string()) for name in names}
    if b"0x" in text or b"0X" in text:  # Arrow reads 0x1a as 26
        whole = [name for name, kind in guessed.items() if kind == pa.int64()]
        guessed |= dict.fromkeys(whole, pa.string())
    for _ in range(_TRIES):
        try:
            return _parsed(text, layout, guessed)
        except pa.ArrowInvalid as error:
            found = _COLUMN.search(str(error))
            if found is None or guessed[names[int(found[1])]] == pa.string():
                raise
            guessed[names[int(found[1])]] = pa.string()
    return _parsed(text, layout, dict.fromkeys(names, pa.string()))


def _parsed(
    text: bytes, layout: _Layout, types: Mapping[str, pa.DataType]
) -> tuple[pa.Table, Array, Array]:
    wrong: list[pyarrow.csv.InvalidRow] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        wrong.append(row)
        return "skip"

    table = pyarrow.csv.read_csv(
        pa.py_buffer(text),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False,
            column_names=list(types),
            skip_rows_after_names=layout.above,
            block_size=_BLOCK,
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=layout.separator,
            newlines_in_values=b'"' in text,
            ignore_empty_lines=False,
            invalid_row_handler=note,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types, null_values=list(layout.missing), strings_can_be_null=False
        ),
    )
    short = [row for row in wrong if row.text.strip()]
    if short:
        raise DataError(_unequal(short[0], len(types), layout.separator, layout.source))
    first, blank = layout.above + 1, [row.number for row in wrong]
    numbers = np.arange(first, first + table.num_rows + len(wrong))
    numbers = numbers[~np.isin(numbers, blank)]
    keep = np.ones(len(numbers), bool)
    keep[_empty(table)] = False
    empty = np.sort([*numbers[~keep], *(() if layout.comments else blank)]).astype(np.int64)
    return table if keep.all() else table.filter(pa.array(keep)), numbers[keep], empty


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
        blank = pc.is_null(column)
        if pa.types.is_string(column.type):
            blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(column)), 0)
        found = blank.to_numpy().astype(bool)
        rows = np.flatnonzero(found) if rows is None else rows[found]
        if len(rows) == 0:
            break
    return _NONE if rows is None else rows


def unpacked(path: Path, source: str) -> bytes:
    """Return the content of a file, out of its archive if it is in one.

    Raises:
        DataError: if a ZIP archive has more than one file.
    """
    name = path.name.lower()
    if name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            names = [name for name in names if not is_clutter(PurePosixPath(name))]
            if len(names) != 1:
                raise DataError(f"{source}: has {len(names)} files in it: give one with one file")
            return archive.read(names[0])
    for ending, opener in ((".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)):
        if name.endswith(ending):
            with opener(path, "rb") as file:
                return bytes(file.read())
    return path.read_bytes()
