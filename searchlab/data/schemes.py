"""The schemes by which rows are divided: by chance, by group, by time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    train_test_split,
)

from searchlab.core.arrays import Array
from searchlab.errors import DataError

Folds = tuple[tuple[Array, Array], ...]
"""Pairs of rows to fit and rows to score, counted within the divided rows."""

_FOLDS, _OUTER = "evaluation.folds", "data.test_folds"


class Scheme(Protocol):
    """A splitter of rows as scikit-learn's, which explains first why it cannot split."""

    def divide(self, rows: Array, fraction: float, key: str) -> tuple[Array, Array]:
        """Return the remaining rows, and those that the study's `key` splits off."""

    def folds(self, rows: Array, count: int, repeats: int) -> Folds:
        """Return the folds for `cv=count`, so many times."""

    def outer(self, rows: Array, count: int) -> Folds:
        """Return `count` folds, of each of which the scored rows are a test."""

    def apart(self, rows: Array, later: Array, name: str) -> Array:
        """Return those of some rows that may be fitted if `later` (the `name` rows) is scored."""


@dataclass(frozen=True)
class ByChance:
    """A division by the seed alone, in the same shares of each stratum.

    Attributes:
        y: the target (rows,).
        strata: the number of each row's stratum (rows,), or None.
        names: the strata as text.
        kind: the word for a stratum in messages.
        seed: the seed of all splits.
    """

    y: Array
    strata: Array | None
    names: tuple[str, ...]
    kind: str
    seed: int

    def divide(self, rows: Array, fraction: float, key: str) -> tuple[Array, Array]:
        """Divide as `train_test_split` does."""
        self._check(rows, 2, key)
        taken = math.ceil(fraction * len(rows))
        least = max(1, len(self.names))
        if min(taken, len(rows) - taken) < least:
            raise DataError(
                f"too few rows: {key} of {fraction:g} would take {taken} of {len(rows)}, and "
                f"either side needs {least} or more: add rows, or change {key}"
            )
        stay, leave = train_test_split(
            rows,
            test_size=fraction,
            random_state=self.seed,
            stratify=None if self.strata is None else self.strata[rows],
        )
        return stay, leave

    def folds(self, rows: Array, count: int, repeats: int) -> Folds:
        """Divide as `KFold` or `StratifiedKFold`, or as `Repeated...` with the seed."""
        self._check(rows, count, _FOLDS)
        again = {"n_splits": count, "n_repeats": repeats, "random_state": self.seed}
        if self.strata is None:
            folds: Any = KFold(count) if repeats == 1 else RepeatedKFold(**again)
            return tuple(folds.split(rows))
        folds = StratifiedKFold(count) if repeats == 1 else RepeatedStratifiedKFold(**again)
        return tuple(folds.split(np.zeros(len(rows)), self.strata[rows]))

    def outer(self, rows: Array, count: int) -> Folds:
        """Divide as `KFold` or `StratifiedKFold`, shuffled with the seed."""
        self._check(rows, count, _OUTER)
        shuffled = {"n_splits": count, "shuffle": True, "random_state": self.seed}
        if self.strata is None:
            return tuple(KFold(**shuffled).split(rows))
        return tuple(StratifiedKFold(**shuffled).split(np.zeros(len(rows)), self.strata[rows]))

    def apart(self, rows: Array, later: Array, name: str) -> Array:  # noqa: ARG002
        """Return all rows: nothing joins one to another."""
        return rows

    def _check(self, rows: Array, least: int, key: str) -> None:
        """Raise DataError for fewer than `least` rows, or rows of a stratum."""
        if len(rows) < least:
            raise DataError(
                f"too few rows: {key} needs {least}, and has {len(rows)} of {len(self.y)}: add rows"
            )
        if self.strata is not None:
            _check_strata(self.strata, rows, self.names, self.kind, (least, key))


def _check_strata(
    strata: Array, rows: Array, names: tuple[str, ...], kind: str, needed: tuple[int, str]
) -> None:
    """Raise DataError for a stratum of which some rows have fewer than a key needs."""
    least, key = needed
    if not names:
        return
    counts = np.bincount(strata[rows], minlength=len(names))
    few = np.flatnonzero(counts < least)
    if len(few):
        total = int((strata == few[0]).sum())
        raise DataError(
            f"{kind} {names[few[0]]!r} has only {total} rows: {key} needs {least} and has "
            f"{counts[few[0]]} of them: add rows, or merge or leave out the {kind}"
        )


@dataclass(frozen=True)
class ByGroup:
    """A division by the seed in which all rows of a group stay together.

    Attributes:
        groups: the number of each row's group (rows,).
        names: the groups as text.
        y: the target (rows,), class numbers if there are classes.
        classes: the classes as text; empty for a regression.
        seed: the seed of all splits.
    """

    groups: Array
    names: tuple[str, ...]
    y: Array
    classes: tuple[str, ...]
    seed: int

    def divide(self, rows: Array, fraction: float, key: str) -> tuple[Array, Array]:
        """Divide as `GroupShuffleSplit` does: the fraction is one of groups."""
        self._check(rows, 2, key)
        count = len(np.unique(self.groups[rows]))
        if math.ceil(fraction * count) >= count:
            raise DataError(
                f"too few groups: {key} of {fraction:g} would take all {count}: add groups, or "
                f"change {key}"
            )
        splitter = GroupShuffleSplit(1, test_size=fraction, random_state=self.seed)
        stay, leave = next(splitter.split(rows, groups=self.groups[rows]))
        return rows[stay], rows[leave]

    def folds(self, rows: Array, count: int, repeats: int) -> Folds:
        """Divide as `GroupKFold`, or as `StratifiedGroupKFold` if there are classes.

        If they are repeated, they are shuffled, each time by the next state of one
        `RandomState(seed)`, as in `RepeatedKFold`.
        """
        return self._folds(rows, count, repeats, _FOLDS)

    def outer(self, rows: Array, count: int) -> Folds:
        """Divide as for folds that are not repeated."""
        return self._folds(rows, count, 1, _OUTER)

    def _folds(self, rows: Array, count: int, repeats: int, key: str) -> Folds:
        self._check(rows, count, key)
        _check_strata(self.y, rows, self.classes, "class", (count, key))
        kind: Any = StratifiedGroupKFold if self.classes else GroupKFold
        state = np.random.RandomState(self.seed)
        shuffled = {"shuffle": True, "random_state": state} if repeats > 1 else {}
        y, groups = self.y[rows], self.groups[rows]
        return tuple(
            pair
            for _ in range(repeats)
            for pair in kind(count, **shuffled).split(np.zeros(len(rows)), y, groups)
        )

    def apart(self, rows: Array, later: Array, name: str) -> Array:
        """Return all rows, or refuse them if a group is on both sides."""
        both = np.intersect1d(self.groups[rows], self.groups[later])
        if len(both):
            raise DataError(
                f"data.split.groups: {self.names[both[0]]!r} is among the {name} rows and among "
                f"others ({len(both)} groups in total): move all its rows to one side"
            )
        return rows

    def _check(self, rows: Array, least: int, key: str) -> None:
        count = len(np.unique(self.groups[rows]))
        if count < least:
            raise DataError(
                f"too few groups: {key} needs {least}, and has {count} of {len(self.names)}: add "
                f"groups, or change {key}"
            )


@dataclass(frozen=True)
class ByTime:
    """A division in which all that is scored is later than all that is fitted.

    Attributes:
        order: the number of each row's time (rows,); later times have higher numbers.
        names: the times as text, by number; empty if the order is that of the file.
        gap: the number of times left out before later rows.
    """

    order: Array
    names: tuple[str, ...]
    gap: int

    def divide(self, rows: Array, fraction: float, key: str) -> tuple[Array, Array]:
        """Divide the times as `train_test_split(shuffle=False)` does, and leave out the gap."""
        times = np.unique(self.order[rows])
        taken = math.ceil(fraction * len(times))
        left = len(times) - taken - self.gap
        if left < 1:
            gap = f" and split.gap {self.gap} more" if self.gap else ""
            raise DataError(
                f"too few times: {key} of {fraction:g} would take {taken} of {len(times)}{gap}, "
                f"and at least one must be left: add rows, or change {key}"
            )
        rows = rows[np.argsort(self.order[rows], kind="stable")]
        order = self.order[rows]
        return rows[order <= times[left - 1]], rows[order >= times[-taken]]

    def folds(self, rows: Array, count: int, repeats: int) -> Folds:  # noqa: ARG002
        """Divide the times, which have one order only, as `TimeSeriesSplit` does."""
        return self._folds(rows, count, _FOLDS)

    def outer(self, rows: Array, count: int) -> Folds:
        """Divide as for folds: of each, the rows after the test are left out."""
        return self._folds(rows, count, _OUTER)

    def _folds(self, rows: Array, count: int, key: str) -> Folds:
        times = np.unique(self.order[rows])
        if len(times) // (count + 1) * count + self.gap >= len(times) or len(times) <= count:
            gap = f" with split.gap {self.gap}" if self.gap else ""
            raise DataError(
                f"too few times: {key} of {count}{gap} leave nothing to fit of {len(times)}: "
                f"add rows, or ask for fewer folds"
            )
        pairs = TimeSeriesSplit(count, gap=self.gap).split(times)
        return tuple((self._at(rows, times[fit]), self._at(rows, times[at])) for fit, at in pairs)

    def apart(self, rows: Array, later: Array, name: str) -> Array:
        """Return the rows before the gap, or refuse those that are not before the later ones."""
        if not (len(rows) and len(later)):
            return rows
        first, last = self.order[later].min(), self.order[rows].max()
        if last >= first:
            raise DataError(
                f"the {name} rows begin at {self._named(first)}, and there are other rows at "
                f"{self._named(last)}: with by: time they must be the latest"
            )
        kept: Array = rows[self.order[rows] < first - self.gap]
        if not len(kept):
            raise DataError(
                f"split.gap of {self.gap} leaves no rows before the {name} rows: make it smaller"
            )
        return kept

    def _at(self, rows: Array, times: Array) -> Array:
        return np.flatnonzero(np.isin(self.order[rows], times))

    def _named(self, time: int) -> str:
        return self.names[time] if self.names else f"row {time}"
