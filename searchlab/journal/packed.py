"""The reports of ended trials in little memory: a long study has millions, rarely read."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import overload

from searchlab.core.trial import Report

_FLOATS = {float}
_NAMES: dict[tuple[str, ...], tuple[str, ...]] = {}  # those of a study's trials, mostly once


def packed(reports: Sequence[Report]) -> Sequence[Report]:
    """Return the same reports, packed if they all have the same metrics, as plain floats."""
    if not reports:
        return ()
    names = tuple(reports[0].metrics)
    values = array("d")
    for each in reports:
        metrics = each.metrics
        if tuple(metrics) != names or not _FLOATS.issuperset(map(type, metrics.values())):
            return tuple(reports)
        values.extend((each.fold, each.epoch, *metrics.values()))
    return Packed(reports[0].number, _NAMES.setdefault(names, names), values)


class Packed(Sequence[Report]):
    """Reports of one trial, made anew whenever they are read."""

    __slots__ = ("_names", "_number", "_values")

    def __init__(self, number: int, names: tuple[str, ...], values: array[float]) -> None:
        """Take the numbers of all reports.

        Args:
            number: the trial's number.
            names: the metrics of each report.
            values: fold, epoch and metrics of each report, one after the other.
        """
        self._number, self._names, self._values = number, names, values

    def __len__(self) -> int:
        return len(self._values) // (2 + len(self._names))

    @overload
    def __getitem__(self, place: int) -> Report: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Report]: ...
    def __getitem__(self, place: int | slice) -> Report | Sequence[Report]:
        found = range(len(self))[place]
        return self._report(found) if isinstance(found, int) else [self._report(n) for n in found]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as a list

    def _report(self, place: int) -> Report:
        width = 2 + len(self._names)
        fold, epoch, *metrics = self._values[place * width : (place + 1) * width]
        named = dict(zip(self._names, metrics, strict=True))
        return Report(self._number, int(fold), int(epoch), named)
