"""Dates and times of day: the forms in which they are written, recognised and read.

A form is kept with the data set, so that later rows are read as the training rows were, and a day
is never taken for a month. It is a format of `datetime.strptime`, or one of the names below.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.errors import DataError

ISO, STAMPS = "ISO 8601", "timestamps"
SECONDS, MILLISECONDS = "epoch seconds", "epoch milliseconds"
MICROSECONDS, NANOSECONDS = "epoch microseconds", "epoch nanoseconds"
"""Forms without a format: text as 2015-01-03T10:00:00Z, numbers since 1970 in UTC, and a type."""

_MISTAKES = 10  # at most one value in so many that is not of the form is taken for a mistake
_SAMPLE = 200  # values that are looked at to find forms, before all are
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?: ?[AaPp]\.?[Mm]\.?)?"
_ISO = re.compile(rf"[12]\d{{3}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]({_CLOCK}|\d{{2}}))?")
_ZONE = r"\s?(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
_OFFSET = re.compile(
    rf"(?P<clock>\d{{1,2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?(?:\s?[AaPp][Mm])?){_ZONE}"
)
_NAMED = re.compile(
    r"(^|[_\W])(time|timestamp|ts|date|datetime|day|when|epoch|unixtime|created|updated)([_\W]|$)"
    r"|_(at|on)$|(time|date)$",
    re.IGNORECASE,
)
_CERTAIN = 10  # distinct values; so many do not look like dates by chance
_EPOCHS = {SECONDS: 1, MILLISECONDS: 10**3, MICROSECONDS: 10**6, NANOSECONDS: 10**9}
_EARLIEST, _LATEST = 631_152_000, 4_102_444_800  # 1990 and 2100, in seconds since 1970


class AmbiguousError(DataError):
    """Dates in which day and month cannot be told apart."""


class MixedError(DataError):
    """Dates among other text, or of several forms."""


def recognise(values: pd.Series[Any], name: str) -> str | None:
    """Return the form of a column's values, or None if they are no dates.

    Args:
        values: the values that are there (n,), at least one.
        name: the column's name, which decides where numbers could be anything.

    Raises:
        AmbiguousError: if they are dates whose day and month cannot be told apart.
        MixedError: if most are dates of one form, or all are of several; names the row of one
            that is not of this form.
        DataError: if nearly all are dates of one form; likewise.
    """
    if is_stamps(values):
        times = values.dtype == object and isinstance(values.iloc[0], datetime.time)
        return "%H:%M:%S" if times else STAMPS
    if pd.api.types.is_bool_dtype(values) or values.dtype.kind in "cm":
        return None
    if pd.api.types.is_numeric_dtype(values):
        return _of_numbers(values, name)
    text = isinstance(values.dtype, pd.StringDtype)
    if not text and not all(isinstance(value, str) for value in values):
        return None
    return _of_text(values, name)


def is_stamps(values: pd.Series[Any]) -> bool:
    """Return whether values have a type of dates or times of day."""
    if values.dtype == object:
        kinds = (datetime.date, datetime.time, np.datetime64)
        return len(values) > 0 and all(isinstance(value, kinds) for value in values)
    arrow = str(values.dtype)
    return values.dtype.kind == "M" or arrow.startswith(("date32", "date64", "time32", "time64"))


def read(column: pd.Series[Any], form: str) -> pd.Series[Any]:
    """Read dates of one form; the clock stays as written, whatever its time zone.

    Args:
        column: the column (n,), missing values included.
        form: see `recognise`.

    Returns:
        Times, datetime64[us] without a time zone, NaT where missing; times of day are on
        1970-01-01.

    Raises:
        DataError: if a value is not of this form; names its row.
    """
    times, wrong = _attempt(column, form)
    if wrong.any():
        position = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"row {column.index[position]}: column {column.name!r} is "
            f"{str(column.iloc[position])!r}, which is no date of the form {form} (such as "
            f"{write(datetime.datetime(2015, 1, 31, 13, 30), form)}): correct it, or leave the "
            "cell empty"
        )
    return times


def instants(column: pd.Series[Any], form: str) -> pd.Series[Any]:
    """Read dates of one form as points in time, in which time zones count.

    Args:
        column: the column (n,), missing values included.
        form: see `recognise`.

    Returns:
        Times, datetime64[us] in UTC where a zone is given, NaT where missing.

    Raises:
        DataError: if a value is not of this form; names its row.
    """
    if column.dtype.kind == "M" and getattr(column.dtype, "tz", None) is not None:
        utc: pd.Series[Any] = column.dt.tz_convert("UTC").dt.tz_localize(None)
        return utc.astype("datetime64[us]")
    ahead = [_ahead(value) for value in column]
    return read(column, form) - pd.Series(ahead, index=column.index)


def _ahead(value: Any) -> datetime.timedelta:
    """Return how far the clock of a written date is ahead of UTC."""
    found = _OFFSET.search(value.strip()) if isinstance(value, str) else None
    zone = "" if found is None else found["zone"]
    if zone[:1] not in {"+", "-"}:
        return datetime.timedelta(0)
    digits = zone[1:].replace(":", "")
    ahead = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return ahead if zone[0] == "+" else -ahead


def write(time: datetime.datetime, form: str) -> Any:
    """Return a time in a form, as a number where it is one."""
    if form in _EPOCHS:
        return int(time.replace(tzinfo=datetime.UTC).timestamp() * _EPOCHS[form])
    if form in {ISO, STAMPS}:
        return time.isoformat()
    return time.strftime(form)


def is_clock(form: str) -> bool:
    """Return whether a form has a time of day and no date."""
    return "%" in form and not re.search("%[dmbBjyY]", form)


def has_day(form: str) -> bool:
    """Return whether a form has the day, not only the month."""
    return "%" not in form or bool(re.search("%[dj]", form))


# ---- reading


def _attempt(column: pd.Series[Any], form: str) -> tuple[pd.Series[Any], Array]:
    """Return the times that can be read, and which values cannot."""
    missing = column.isna().to_numpy()
    if is_stamps(column.dropna()):
        times = _of_stamps(column)
    elif form in _EPOCHS:
        numbers = pd.to_numeric(column, errors="coerce").astype("float64")
        times = _since_1970(numbers, _EPOCHS[form])
    else:
        text = _text(column)
        if form in {ISO, STAMPS}:
            text = text.where(text.map(_is_iso))
            times = pd.to_datetime(text, format="ISO8601", errors="coerce")
        else:
            times = pd.to_datetime(text, format=form, errors="coerce")
            if is_clock(form):  # pandas puts them on 1900-01-01
                times = times - pd.Timestamp("1900-01-01") + pd.Timestamp("1970-01-01")
    times = times.astype("datetime64[us]")
    return times, times.isna().to_numpy() & ~missing


def _is_iso(text: str | None) -> bool:
    return text is not None and _ISO.fullmatch(text) is not None


def _since_1970(numbers: pd.Series[Any], parts: int) -> pd.Series[Any]:
    seconds = (numbers / parts).where(np.abs(numbers / parts) < 1e11)  # noqa: PLR2004 - year 5138
    return pd.to_datetime(seconds, unit="s", errors="coerce")


def _of_stamps(column: pd.Series[Any]) -> pd.Series[Any]:
    if column.dtype.kind == "M":
        return column if getattr(column.dtype, "tz", None) is None else column.dt.tz_localize(None)
    text = [None if pd.isna(each) else _plain(each) for each in column]
    return pd.to_datetime(pd.Series(text, index=column.index, name=column.name), format="ISO8601")


def _plain(value: Any) -> str:
    if isinstance(value, datetime.time):
        return f"1970-01-01T{value.replace(tzinfo=None).isoformat()}"
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat()
    return str(value)


def _text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return values as text without time zones, None where missing."""
    cells = [None if pd.isna(value) else _cell(value) for value in column]
    return pd.Series(cells, index=column.index, name=column.name, dtype=object)


def _cell(value: Any) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return _OFFSET.sub(lambda found: found["clock"], str(value).strip())


# ---- recognising


def _of_numbers(values: pd.Series[Any], name: str) -> str | None:
    numbers = values.to_numpy(np.float64)
    if not (np.isfinite(numbers).all() and (numbers == np.round(numbers)).all()):
        return None
    return _compact(values, numbers) or _epoch(numbers, name)


def _compact(values: pd.Series[Any], numbers: Array) -> str | None:
    """Recognise 20150103 and 201501, where so many values cannot be so by chance."""
    low, high = float(numbers.min()), float(numbers.max())
    if len(np.unique(numbers)) < _CERTAIN:
        return None
    if low >= 19000101 and high <= 21001231 and low // 100 < high // 100:  # noqa: PLR2004
        form = "%Y%m%d"
    elif low >= 190001 and high <= 210012 and low // 100 < high // 100:  # noqa: PLR2004
        form = "%Y%m"
    else:
        return None
    return None if _attempt(values, form)[1].any() else form


def _epoch(numbers: Array, name: str) -> str | None:
    for form, parts in _EPOCHS.items():
        if not ((numbers >= _EARLIEST * parts) & (numbers <= _LATEST * parts)).all():
            continue
        hours = not (numbers % (3600 * parts)).any() and len(np.unique(numbers)) >= _CERTAIN
        if hours or _NAMED.search(name):
            return form
    return None


def _of_text(values: pd.Series[Any], name: str) -> str | None:
    places = np.linspace(0, len(values) - 1, min(_SAMPLE, len(values))).astype(int)
    forms = list(dict.fromkeys(_forms(_text(values.iloc[places]))))
    if not forms:
        return None
    text = _text(values).rename(name)
    masks = {form: _attempt(text, form)[1] for form in forms}
    wrong = {form: int(mask.sum()) for form, mask in masks.items()}
    least = min(wrong.values())
    best = [form for form in forms if wrong[form] == least]
    if least:
        _check_some(text, best[0], least)
        _check_several(text, masks)
        return None
    days = [form for form in best if "%d" in form]
    if len(days) > 1 and "." not in days[0]:
        raise AmbiguousError(
            f"column {name!r} holds dates such as {text.iloc[0]!r}, in which day and month cannot "
            f"be told apart: add kinds: {{{name}: {days[0]!r}}} to data if the day is first, or "
            f"{days[1]!r} if the month is"
        )
    return best[0]


def _check_some(text: pd.Series[Any], form: str, wrong: int) -> None:
    """Refuse values of which most are dates, and some are not."""
    if _MISTAKES * wrong <= len(text):
        read(text, form)  # names the first row that is wrong
    if 2 * wrong < len(text):
        position = int(np.flatnonzero(_attempt(text, form)[1])[0])
        raise MixedError(
            f"row {text.index[position]}: column {text.name!r} holds dates of the form {form} in "
            f"{len(text) - wrong} rows, but here {text.iloc[position]!r}: correct it"
        )


def _check_several(text: pd.Series[Any], masks: dict[str, Array]) -> None:
    """Refuse values that are all dates, but of several forms."""
    if np.logical_and.reduce(list(masks.values())).any():
        return
    first = next(iter(masks))
    position = int(np.flatnonzero(masks[first])[0])
    raise MixedError(
        f"row {text.index[position]}: column {text.name!r} holds dates of several forms: here "
        f"{text.iloc[position]!r}, and elsewhere {first}: write all in one form"
    )


_SEPARATED = re.compile(r"(\d{1,4})([-/.])(\d{1,2})(?:\2(\d{1,4}))?")
_WORDS = re.compile(
    r"(?P<weekday>[A-Za-z]{3,9},? )?(?:(?P<first>\d{1,2})(?P<by>[ -]))?(?P<month>[A-Za-z]{3,9})\.?"
    r"(?:(?P<gap>[ -])(?P<day>\d{1,2})(?=[, ]))?(?P<comma>,? |-)(?P<year>\d{4}|\d{2})"
)


def _forms(sample: pd.Series[Any]) -> Iterator[str]:
    """Yield the forms that values could have, day before month."""
    for text in sample:
        if _ISO.fullmatch(text):
            yield ISO
            continue
        if clock := re.fullmatch(_CLOCK, text):
            yield _clock(clock[0])
            continue
        date, gap, rest = _divided(text)
        if date is None or (rest and not re.fullmatch(_CLOCK, rest)):
            continue
        clock_form = gap + _clock(rest) if rest else ""
        yield from (f"{form}{clock_form}" for form in date)


def _divided(text: str) -> tuple[list[str] | None, str, str]:
    """Return the forms of the date that a text begins with, what follows, and the rest."""
    found = _SEPARATED.match(text) or _WORDS.match(text) or re.match(r"\d{6,14}(?!\d)", text)
    if found is None:
        return None, "", ""
    after = text[found.end() :]
    gap = next((each for each in (", ", " ", "T") if after.startswith(each)), "")
    if found.re is _SEPARATED:
        return _separated(found[1], found[2], found[4]), gap, after[len(gap) :]
    if found.re is _WORDS:
        return _worded(found.groupdict()), gap, after[len(gap) :]
    compact = {6: ["%Y%m"], 8: ["%Y%m%d"], 12: ["%Y%m%d%H%M"], 14: ["%Y%m%d%H%M%S"]}
    return compact.get(len(found[0])), gap, after[len(gap) :]


def _separated(first: str, by: str, third: str | None) -> list[str] | None:
    long = 4
    if third is None:
        if len(first) == long:
            return [f"%Y{by}%m"] if first[:2] in {"19", "20"} else None
        return None
    if len(first) == long:
        return [f"%Y{by}%m{by}%d"]
    if len(first) > 2 or len(third) not in {2, long}:  # noqa: PLR2004
        return None
    year = "%Y" if len(third) == long else "%y"
    return [f"%d{by}%m{by}{year}", f"%m{by}%d{by}{year}"]


def _worded(found: dict[str, str | None]) -> list[str] | None:
    month = "%b" if len(str(found["month"])) == 3 else "%B"  # noqa: PLR2004 - May is both
    year = "%Y" if len(str(found["year"])) == 4 else "%y"  # noqa: PLR2004
    weekday = ""
    if found["weekday"]:
        name = str(found["weekday"])
        weekday = ("%a" if len(name.rstrip(", ")) == 3 else "%A") + name[len(name.rstrip(", ")) :]  # noqa: PLR2004
    if found["first"] is not None:
        return [f"{weekday}%d{found['by']}{month}{found['comma']}{year}"]
    if found["day"] is not None:
        return [f"{weekday}{month}{found['gap']}%d{found['comma']}{year}"]
    return [f"{month}{found['comma']}{year}"]


def _clock(text: str) -> str:
    """Return the form of a time of day."""
    noon = re.search(r"( ?)[AaPp]\.?[Mm]", text)
    form = "%I" if noon else "%H"
    form += ":%M" + (":%S" if text.count(":") == 2 else "") + (".%f" if "." in text else "")  # noqa: PLR2004
    return form + (f"{noon[1]}%p" if noon else "")
