"""Prediction from a file of raw rows to a file of predictions."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from searchlab.core.atomic import whole_file
from searchlab.core.escape import in_spreadsheet
from searchlab.errors import DataError, InputError
from searchlab.inference.model import Model
from searchlab.inference.raw import read_input


def _write_arrays(table: pd.DataFrame, path: Path) -> None:
    """Write an NPZ file by hand, because `np.savez` accepts no array named `file`."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in table:
            values = table[name].to_numpy()
            array = values.astype(str) if values.dtype == object else values
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _cells(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which no text is a formula to a spreadsheet."""
    texts = table.select_dtypes(exclude=["number", "bool", "datetime"]).columns
    safe = table.copy()
    for name in texts:
        safe[name] = table[name].astype(object).map(in_spreadsheet)
    return safe.rename(columns=in_spreadsheet)


_WRITERS: Mapping[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": lambda table, path: _cells(table).to_csv(path, index=False),
    ".csv.gz": lambda table, path: _cells(table).to_csv(path, index=False, compression="gzip"),
    ".tsv": lambda table, path: _cells(table).to_csv(path, index=False, sep="\t"),
    ".tsv.gz": lambda table, path: _cells(table).to_csv(
        path, index=False, sep="\t", compression="gzip"
    ),
    ".parquet": lambda table, path: table.to_parquet(path, index=False),
    ".npz": _write_arrays,
}


def predict_file(model: Model, path: Path) -> pd.DataFrame:
    """Predict the rows of a file: see `Model.table`.

    Raises:
        DataError: if the file cannot be read or its rows do not match the data set's schema.
    """
    given = read_input(path, model.manifest.rows)
    if given.empty is not None:
        raise DataError(
            f"{path}: {given.empty} is empty, and each row gets a prediction: fill it in, or "
            "leave it out"
        )
    try:
        table = model.table(given.rows)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    if given.id is not None and given.id.name not in table:  # rows that are arrays bring no id
        table.insert(0, str(given.id.name), given.id.to_numpy())
    return table


def check_output(path: Path, source: Path) -> None:
    """Reject an unusable output file before anything is predicted.

    Raises:
        InputError: if its extension is unknown or it is the input file itself.
    """
    _ending(path)
    if path.exists() and source.exists() and path.samefile(source):
        raise InputError(f"{path} is the input file: give --output another name")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write predictions as CSV, TSV, Parquet or NPZ, depending on the file's extension.

    The write is atomic and replaces an existing file.

    Raises:
        InputError: if the extension is unknown.
        OSError: if the file cannot be written.
    """
    ending = _ending(path)
    with whole_file(path) as scratch:
        _WRITERS[ending](table, scratch)


def print_table(table: pd.DataFrame, output: TextIO) -> None:
    """Write predictions as CSV to a stream."""
    _cells(table).to_csv(output, index=False)


def _ending(path: Path) -> str:
    for ending in _WRITERS:
        if path.name.lower().endswith(ending):
            return ending
    raise InputError(f"{path}: unknown kind of file: give one of {', '.join(_WRITERS)}")
