"""Findings about the target, and about the size of the data set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from searchlab.core.wording import number_text
from searchlab.data.findings import Finding
from searchlab.data.looking.view import View, share_text
from searchlab.data.target import needed

_RARE = 10  # rows of a class, in all parts together
_HEAVY = 20  # times as many rows of the largest class as of the smallest
_USUAL = 0.8  # of the rows have the largest class
_DECADES = 1000.0  # from the smallest hundredth of the targets to the largest
_SHOWN = 3


def rare_classes(view: View) -> Iterator[Finding]:
    """Find classes of which too few rows can be in any part."""
    counts = np.bincount(view.y, minlength=len(view.classes)) if view.classes else np.array([])
    rare = [int(number) for number in np.flatnonzero(counts < _RARE)]
    if rare:
        shown = ", ".join(f"{view.classes[n]!r} has {counts[n]}" for n in rare[:_SHOWN])
        more = f", and {len(rare) - _SHOWN} more" if len(rare) > _SHOWN else ""
        yield _of_target(
            view,
            "rare-class",
            f"has classes of fewer than {_RARE} rows (class "
            f"{shown}{more}), of which no score says much: add rows, merge the classes, or leave "
            f"them out",
        )


def imbalance(view: View) -> Iterator[Finding]:
    """Find a class that outnumbers another one so much that accuracy says nothing."""
    if not view.classes:
        return
    counts = np.bincount(view.y, minlength=len(view.classes))
    most, least = int(counts.argmax()), int(counts.argmin())
    usual = counts[most] >= _USUAL * len(view.y)
    if usual and counts[most] >= _HEAVY * counts[least] and counts[least] >= _RARE:
        yield Finding(
            "imbalance",
            (view.table.target,),
            f"class {view.classes[most]!r} has {counts[most]:,} rows and class "
            f"{view.classes[least]!r} {counts[least]:,}: always answering "
            f"{view.classes[most]!r} is right in {share_text(counts[most] / len(view.y))}: use "
            f"another metric than accuracy, or training.class_weight: balanced",
        )


def decades(view: View) -> Iterator[Finding]:
    """Find quantities of very different sizes, of which a loss sees only the largest."""
    if view.classes or view.transform or view.y.min() <= 0:
        return
    low, high = np.quantile(view.y.astype(np.float64), [0.01, 0.99])
    if high >= _DECADES * low:
        yield _of_target(
            view,
            "target-spans-decades",
            f"goes from {number_text(float(low))} to "
            f"{number_text(float(high))}, so that the loss sees little but its largest values: use "
            f"data.target_transform: log1p",
        )


def scale(view: View) -> Iterator[Finding]:
    """Find quantities far from 0 and 1 that reach a model of the user's own as they are."""
    if view.classes or view.spec.target_transform != "auto" or not view.own:
        return
    kind, _ = needed(view.y)
    if kind != "none" and not list(decades(view)):
        yield _of_target(
            view,
            "target-scale",
            f"is far from 0 and 1 (mean {number_text(float(view.y.mean()))}, deviation "
            f"{number_text(float(view.y.std()))}), which networks learn slowly, and a model of "
            f"your own gets it as it is: write target_transform: {kind} in data, or none to keep "
            f"it",
        )


def _of_target(view: View, code: str, said: str) -> Finding:
    target = view.table.target
    return Finding(code, (target,), f"the target {target!r} {said}")


def wide(view: View) -> Iterator[Finding]:
    """Find more inputs than rows to learn from."""
    rows = len(view.parts["train"])
    if view.inputs is not None and view.inputs > rows:
        yield Finding(
            "more-inputs-than-rows",
            (),
            f"{view.inputs:,} inputs from {len(view.table.kinds):,} columns for {rows:,} training "
            f"rows: a model can learn these rows by heart: drop columns, add rows, or search "
            f"dropout and small layers",
        )
