"""Tables with types of their own: Excel, Parquet, Feather and databases."""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet

from searchlab.core.progress import doing
from searchlab.data.reading.columns import Columns
from searchlab.data.reading.detection import ROWS, column_names
from searchlab.data.reading.dialect import Dialect
from searchlab.data.reading.headers import one_header
from searchlab.data.reading.known import Known
from searchlab.data.reading.raw import check_names, named
from searchlab.errors import DataError, MissingPackageError

_NULLABLE = {
    getattr(pa, name.lower())(): pd.api.types.pandas_dtype(name)
    for name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
}


def read_columns(path: Path) -> pd.DataFrame:
    """Read a Parquet or Feather file, or a directory of Parquet files; rows count from 1.

    A named index becomes a column, decimals become numbers, and the parts of a directory's names
    such as year=2024 are columns.
    """
    if path.name.lower().endswith((".feather", ".arrow")):
        table = pyarrow.feather.read_table(path)
    else:
        table = pyarrow.parquet.read_table(path)
    for place, each in enumerate(table.schema):
        if pa.types.is_decimal(each.type):
            numbers = _of_decimals(table.column(place).to_pylist())
            table = table.set_column(place, each.name, pa.array(numbers, from_pandas=True))
    frame = table.to_pandas()
    for place, each in enumerate(table.schema):
        whole = pa.types.is_integer(each.type) and each.name in frame  # not in its index
        if whole and table.column(place).null_count:
            # As floats, whole numbers above 2**53 would lose digits.
            frame[each.name] = table.column(place).to_pandas(types_mapper=_NULLABLE.get)
    named = [name for name in frame.index.names if name is not None]
    frame = frame.reset_index(level=named) if named else frame
    return _counted(frame, 1)


def read_sheet(path: Path, source: str, known: Known) -> tuple[pd.DataFrame, Dialect | None]:
    """Read a sheet of an Excel file; rows have Excel's numbers.

    Raises:
        DataError: if there is no such sheet.
    """
    keys = known.keys
    with pd.ExcelFile(path, engine="openpyxl") as file:
        sheets = list(map(str, file.sheet_names))
        sheet = sheets[0] if keys.sheet is None else keys.sheet
        if sheet not in sheets:
            raise DataError(
                f"{source}: no sheet {sheet!r}; the sheets are {', '.join(sheets)}: correct "
                "data.sheet"
            )
        header = None if keys.header is False else 0
        # Else pandas makes a number of the text 02134.
        frame = file.parse(
            sheet, header=header, dtype=object, keep_default_na=False, na_values=[""]
        ).infer_objects()
        top = file.parse(sheet, header=None, nrows=ROWS, dtype=str, keep_default_na=False)
    rows = [[str(cell).strip() for cell in row] for row in top.to_numpy()]
    if header is None:
        frame.columns = pd.Index(column_names(frame.shape[1]))
    frame = _counted(frame, 1 if header is None else 2)
    with one_header([] if header is None else rows, keys.missing, source):
        if header is not None:  # pandas has renamed the second of two columns with one name
            check_names([cell for cell in rows[0] if cell], source)
        return worded(frame.dropna(how="all"), source, known, cells=True)


def read_query(query: str, variable: str) -> pd.DataFrame:
    """Read the rows of a query to a database; rows count from 1.

    Args:
        query: in the database's SQL.
        variable: the environment variable with the database's address, which is never shown.

    Raises:
        DataError: if there is no such variable, or the database does not answer.
    """
    import sqlalchemy as sa

    address = os.environ.get(variable)
    if not address:
        raise DataError(f"the environment variable {variable} is not set: set it to the address of "
                        "the database, such as sqlite:///houses.db")  # fmt: skip
    try:
        url = sa.engine.make_url(address)
        if url.drivername in {"postgres", "postgresql"}:  # SQLAlchemy 2.1 means psycopg 3 by it
            url = url.set(drivername="postgresql+psycopg2")
        engine = sa.create_engine(url)
    except ImportError as error:
        raise MissingPackageError(
            f"the database of {variable} needs {error.name}: pip install 'searchlab[postgresql]', "
            "or the driver of another database"
        ) from None
    except sa.exc.ArgumentError:
        raise DataError(
            f"{variable} is no address of a database: write it as "
            "postgresql://user:password@host/name"
        ) from None
    doing(f"asking the database of {variable}")
    try:
        with engine.connect() as connection:
            frame = _fetched(connection.execution_options(no_parameters=True), query)
    except sa.exc.ResourceClosedError:
        raise DataError(
            f"the database of {variable} returned no table for data.sql: write one query that does"
        ) from None
    except sa.exc.SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or type(error).__name__).partition("\n")[0]
        raise DataError(
            f"the database of {variable} refuses data.sql ({why}): correct it"
        ) from None
    finally:
        engine.dispose()
    return _counted(frame, 1)


def _fetched(connection: Any, query: str) -> pd.DataFrame:
    """Return the rows of a query as the database has it: % and : in it stand for themselves."""
    result = connection.exec_driver_sql(query)
    names = list(result.keys())
    columns = list(zip(*result.fetchall(), strict=True)) or [()] * len(names)
    frame = pd.concat([pd.Series(_typed(each)) for each in columns], axis=1)
    frame.columns = pd.Index(names)
    return frame


def _typed(values: tuple[Any, ...]) -> Any:
    """Return a database's values in a type that keeps them: decimals as numbers, UUIDs as text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int} and None in values:
        return pd.array(values, "Int64")
    if Decimal in kinds and kinds <= {Decimal, int, float}:
        return _of_decimals(values)
    if kinds == {UUID}:
        return [None if value is None else str(value) for value in values]
    return pd.Series(values, dtype=object).infer_objects()


def _of_decimals(values: Sequence[Decimal | float | None]) -> Any:
    """Return decimals as numbers; whole ones that would become equal as Int64, or as text."""
    floats = np.array([np.nan if value is None else float(value) for value in values])
    different = {value for value in values if value is not None}
    found = floats[~np.isnan(floats)]
    if len(np.unique(found)) == len(different) or not (found == np.round(found)).all():
        return floats
    whole = [None if value is None else int(value) for value in values]
    if np.abs(found).max() < np.iinfo(np.int64).max:
        return pd.array(whole, "Int64")
    return [None if value is None else str(value) for value in whole]


def worded(
    frame: pd.DataFrame, source: str, known: Known, *, cells: bool = False
) -> tuple[pd.DataFrame, Dialect | None]:
    """Convert columns of text that are numbers with words or marks among them.

    Args:
        frame: the table.
        source: its name in messages.
        known: what is known about its columns.
        cells: whether the cells have types of their own, so that a column may have several.

    Raises:
        DataError: if columns of numbers hold other words, or can be read in two ways.
    """
    frame = named(frame)
    check_names(list(frame.columns), source)
    columns = Columns(known, frame.index)
    try:
        frame = columns.mend(frame, cells=cells)
    except DataError as error:
        raise DataError(f"{source}: {error}") from None
    if not columns.notations and not columns.missing:
        return frame, None
    return frame, Dialect(notations=columns.notations, missing=columns.missing)


def _counted(frame: pd.DataFrame, first: int) -> pd.DataFrame:
    counted: Any = frame.reset_index(drop=True)
    counted.index += first
    return pd.DataFrame(counted)
