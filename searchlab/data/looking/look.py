"""All that is odd about a data set and its use in a study."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from searchlab.core.progress import counted
from searchlab.data.findings import Finding
from searchlab.data.looking import leaks, rows, targets, values, written
from searchlab.data.looking.view import View

Looking = Callable[[View], Iterable[Finding]]

LOOKINGS: tuple[Looking, ...] = (
    rows.order,
    leaks.leaks,
    rows.duplicates,
    rows.groups,
    values.ids,
    values.dates,
    values.mixed,
    values.marks,
    written.dates,
    written.units,
    written.sums,
    values.constants,
    values.cut_categories,
    targets.rare_classes,
    targets.imbalance,
    targets.decades,
    targets.scale,
    targets.wide,
)
"""The functions that look at a data set, the gravest findings first."""

_GRAVER = {"id-as-feature": {"leak", "time-order", "group-on-both-sides"}, "leak": {"time-order"}}


def look(view: View) -> tuple[Finding, ...]:
    """Return what is odd about a data set, the gravest first, each column's oddity once."""
    found: list[Finding] = []
    for looking in counted(LOOKINGS, "looking for what is odd about the data: step"):
        for finding in looking(view):
            graver = _GRAVER.get(finding.code, set())
            if not any(each.code in graver and each.columns == finding.columns for each in found):
                found.append(finding)
    return tuple(found)
