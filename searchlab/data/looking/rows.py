"""Findings about rows that belong together and lie on both sides of a split."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from searchlab.core.arrays import Array
from searchlab.data.columns.dates import is_clock, read, recognise
from searchlab.data.findings import Finding
from searchlab.data.looking.values import called_id, dated, rising, yearly
from searchlab.data.looking.view import View, share_text
from searchlab.errors import DataError

_HASHED = 200_000_000  # cells, at most
_LOOKED = 50  # columns that tell whether rows can be alike by chance
_BEYOND_CHANCE = 3.0  # bits that rows have, in bits that tell all rows apart
_REPEATED = 0.01  # of the test rows, at least
_SINGLE = 0.999  # of the training rows are different, so that equal ones in the test are no chance
_VARIED, _TWO = 0.25, 2  # of the rows are different, at least; columns
_FEW = 3  # rows, at least

_GROUPS = 20  # different values, at least; fewer are categories
_BOTH = 0.5  # of the test rows have a value that is among the training rows, too
_ALIKE = {False: 0.9, True: 0.5}  # agreement within a group, by whether its column is called so
_SMOOTH = 0.5  # correlation of the targets of neighbouring values: a quantity, no name of a group
_CALLED_GROUP = re.compile(
    r"patient|subject|person|people|user|customer|client|member|account|household|family|"
    r"participant|student|device|sensor|machine|session|group|store|player",
    re.IGNORECASE,
)

_FOLLOWING = {True: 0.35, False: 0.5}  # correlation of targets, by whether numbers are dates
_CHANCE = 2.5  # standard errors of a correlation, which chance hardly reaches
_KNOWN = 0.2  # correlation of rows' targets with the mean target just before them
_ALONG = 0.95  # of the rows go up, or down, from one to the next
_MOMENTS = 10  # different times, at least


# ---- the same rows


def duplicates(view: View) -> Iterator[Finding]:
    """Find rows of the test that are training rows, too."""
    if view.table.X.size > _HASHED:
        return
    hashes = _hashes(view)
    train = hashes[view.parts["train"]]
    if not (_telling(view) or _single(train) or _repeated(view, hashes)):
        return
    for part, key in (("test", "data.test"), ("validation", "data.validation")):
        rows, known = view.parts[part], view.parts["train"]
        if part == "test":
            known = np.concatenate([known, view.parts["validation"]])
        same = np.isin(hashes[rows], hashes[known])
        if same.sum() >= max(_FEW, _REPEATED * len(rows)):
            where = np.flatnonzero(same)
            yield Finding(
                "duplicates",
                (),
                f"{len(where):,} of the {len(rows):,} {part} rows ({share_text(same.mean())}) are "
                f"training rows, too, with equal values in all columns, so that {key} measures "
                f"memory: remove the repeated rows, or keep them together with data.split.groups",
            )
            return


def _hashes(view: View) -> Array:
    X = view.table.X
    if isinstance(X, pd.DataFrame):
        hashes: Array = pd.util.hash_pandas_object(X.assign(**{"": view.y}), index=False).to_numpy()
        return hashes
    flat = np.ascontiguousarray(X.reshape(len(X), -1))
    return np.array(
        [hash((row.tobytes(), y)) for row, y in zip(flat, view.y.tolist(), strict=True)]
    )


def _single(hashes: Array) -> bool:
    """Return whether hardly any training row has another one like it, so that chance makes none."""
    return len(np.unique(hashes)) >= _SINGLE * len(hashes)


def _repeated(view: View, hashes: Array) -> bool:
    """Return whether values of two columns come again only in rows that come again whole.

    By chance, one value of a number that varies comes again without the other.
    """
    different = len(np.unique(hashes))
    if different < _VARIED * len(hashes) or not isinstance(view.table.X, pd.DataFrame):
        return False
    columns = [view.table.X[name] for name in list(view.table.X)[:_LOOKED]] + [pd.Series(view.y)]
    return sum(each.nunique(dropna=False) == different for each in columns) >= _TWO


def _telling(view: View) -> bool:
    """Return whether the columns are rich enough that equal rows are no chance."""
    X = view.table.X
    if not isinstance(X, pd.DataFrame):
        return True
    bits, needed = 0.0, _BEYOND_CHANCE * np.log2(len(X))
    for name in list(X)[:_LOOKED]:
        shares = X[name].iloc[view.sample].value_counts(normalize=True, dropna=False).to_numpy()
        bits += float(-(shares * np.log2(shares)).sum())
    return bits >= float(needed)


# ---- the same groups


def groups(view: View) -> Iterator[Finding]:
    """Find a column whose values stand for groups of rows with a target in common."""
    if view.split is not None and view.split.groups is not None:
        return
    found = [each for each in chain(view.whole, view.words, view.aside) if _grouped(view, *each)]
    for name, column in found[:1]:
        count, rows = column.nunique(), view.parts["test"]
        both = column.iloc[rows].isin(column.iloc[view.parts["train"]]).mean()
        yield Finding(
            "group-on-both-sides",
            (name,),
            f"column {name!r} has {count:,} values in {len(column):,} rows, and rows of a value "
            f"have the same target: {share_text(both)} of the test rows have one of the training "
            f"rows, so that scores are too good for new ones: use data.split: "
            f"{{groups: {name}}}",
        )


def _grouped(view: View, name: str, column: pd.Series[Any]) -> bool:
    if len(view.parts["test"]) == 0 or _ordered_number(name, column):
        return False
    sampled = column.iloc[view.sample].dropna()
    if not _GROUPS <= sampled.nunique() <= len(sampled) / 2:
        return False
    rows = np.flatnonzero(column.iloc[view.sample].notna().to_numpy())
    codes, target = pd.factorize(sampled, sort=_numeric(column))[0], view.target[rows]
    parts = view.part[view.sample][rows]
    parts = view.part[view.sample][rows]
    known = np.isin(codes[parts == "test"], codes[parts != "test"])
    if not len(known) or known.mean() < _BOTH:
        return False
    if (
        _agreement(codes, target, view)
        < _ALIKE[bool(_CALLED_GROUP.search(name) or called_id(name))]
    ):
        return False
    return not (_numeric(column) and _smooth(codes, target, view))


def _numeric(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column))


def _ordered_number(name: str, column: pd.Series[Any]) -> bool:
    """Return whether a column is a date, a year or a quantity with fractions."""
    if not _numeric(column):
        return False
    values = column.dropna().to_numpy()
    return bool((values != np.round(values)).any() or dated(name, column) or yearly(name, column))


def _agreement(codes: Array, target: Array, view: View) -> float:
    """Return how much of the target is common to the rows of a group: 0 by chance, 1 for all."""
    sizes = np.bincount(codes)
    if view.classes:
        table = np.bincount(codes * len(view.classes) + target, minlength=len(sizes))
        pairs = (sizes * (sizes - 1)).sum()
        alike = (table * (table - 1)).sum() / max(1, pairs)
        chance = float(((np.bincount(target) / len(target)) ** 2).sum())
        return float((alike - chance) / max(1 - chance, 1e-12))
    means = np.bincount(codes, target) / sizes
    within = ((target - means[codes]) ** 2).sum() / max(1, len(codes) - len(sizes))
    return float(1 - within / max(target.var(), 1e-12))


def _smooth(codes: Array, target: Array, view: View) -> bool:
    """Return whether groups that follow each other have targets that do, too."""
    sizes = np.bincount(codes)
    return any(
        correlation(np.bincount(codes, each) / sizes) >= _SMOOTH for each in _sides(target, view)
    )


# ---- the order of time


def order(view: View) -> Iterator[Finding]:
    """Find rows whose target goes on from time to time, of which a random split takes any.

    Dates alone are no reason: if the target at one time says nothing about the next, rows that
    chance has chosen are as good a test as later ones.
    """
    if view.table.division.assigned is not None or (view.split and view.split.by is not None):
        return
    for name, column in chain(view.dates, view.whole, view.aside):
        when = _times(name, column)
        if when is None:
            continue
        dates = not _numeric(column) or bool(dated(name, column))
        times = pd.factorize(when.iloc[view.sample], sort=True)[0]
        if not dates and _along(view.target[np.argsort(times)], view):
            continue  # the file is sorted by its target
        least = max(_FOLLOWING[dates], _CHANCE / np.sqrt(times.max() + 1))
        follows = max(_following(times, each) for each in _sides(view.target, view))
        if times.max() + 1 >= _MOMENTS and follows >= least:
            yield Finding(
                "time-order",
                (name,),
                f"the target goes on from one value of column {name!r} to the next (correlation "
                f"{follows:.2f}), and each part has rows of all times, so that the model is tested "
                f"between rows that it knows: to be measured on later rows, use data.split: "
                f"{{by: time, column: {name}}}",
            )
            return


def _following(times: Array, target: Array) -> float:
    """Return the correlation of the mean targets of times that follow each other.

    It is 0 if the mean just before them hardly tells anything about single rows.
    """
    means = np.bincount(times, target) / np.bincount(times)
    later = times > 0
    before, single = means[times[later] - 1], target[later]
    if not (before.std() and single.std()) or np.corrcoef(before, single)[0, 1] < _KNOWN:
        return 0.0
    return correlation(means)


def _times(name: str, column: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return when each row was, if a column tells.

    Those are dates, years, or numbers that rise from row to row.
    """
    if column.isna().any():
        return None
    if pd.api.types.is_datetime64_any_dtype(column):
        return column
    if _numeric(column):
        numbered = rising(column) and column.is_unique
        return column if dated(name, column) or yearly(name, column) or numbered else None
    try:
        form = recognise(column, name)
        return None if form is None or is_clock(form) else read(column, form)
    except DataError:  # nearly dates, or of two forms
        return None


def _along(target: Array, view: View) -> bool:
    """Return whether targets in this order are sorted themselves."""
    if view.classes:
        return int((target[1:] != target[:-1]).sum()) <= 2 * len(view.classes)
    steps = np.diff(target)
    return bool(max((steps >= 0).mean(), (steps <= 0).mean()) >= _ALONG)


def _sides(target: Array, view: View) -> Iterator[Array]:
    """Yield the target as numbers: whether it is a class, for each of the largest classes."""
    if not view.classes:
        yield target.astype(np.float64)
        return
    for number in np.argsort(-np.bincount(target))[:5]:
        yield (target == number).astype(np.float64)


def correlation(values: Array) -> float:
    """Return the correlation of each value with the next one; 0 if they are constant."""
    first, second = values[:-1], values[1:]
    if len(first) < 2 or first.std() == 0 or second.std() == 0:  # noqa: PLR2004
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
