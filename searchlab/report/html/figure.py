"""A picture on a page: plotly.js' own traces and layout, as plain values.

Pages are drawn by plotly.js in the browser, so nothing here needs plotly's Python package. Texts
of the user go through `plain`, as plotly.js takes some HTML in the texts that it draws.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from searchlab.core.domains import Params
from searchlab.core.wording import number_text, one_line, scalar_text

ACCENT, WINNER, FAINT = "#3b82f6", "#f59e0b", "#94a3b8"
"""Colours that can be seen on white and on black: of trials, of the winner, of the rest."""

COLORS = ["#3b82f6", "#10b981", "#a855f7", "#ef4444", "#06b6d4", "#84cc16", "#ec4899", "#64748b",
          "#8b5e34", "#6366f1"]  # fmt: skip
"""Colours of lines that are to be told apart, other than the winner's."""

_LONGEST = 28  # characters of a text in a picture
_WORST = 0.9  # the part of the values that is always in sight
_ROOM = 0.06  # of an axis, beyond the outermost value


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes:
        name: unique on its page; letters, digits and dashes.
        title: its heading.
        note: how to read it, in a sentence or two.
        traces: plotly.js' `data`.
        layout: plotly.js' `layout`, without colours of text and background: the page has them.
        height: in CSS pixels.
        width: the least width in CSS pixels; a narrower screen scrolls sideways.
    """

    name: str
    title: str
    note: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any] = field(default_factory=dict)
    height: int = 340
    width: int = 0


def plain(text: str) -> str:
    """Return a user's text for plotly.js: one line, bounded, with HTML escaped."""
    line = one_line(text)
    line = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
    return html.escape(line, quote=False)


def hover(params: Params) -> str:
    """Return params as a tooltip shows them, a line each."""
    return "<br>".join(f"{name}: {plain(scalar_text(value))}" for name, value in params.items())


def best_so_far(values: Sequence[float], maximize: bool) -> Iterator[float]:
    """Yield the best of the values up to each."""
    best = -math.inf if maximize else math.inf
    for value in values:
        best = max(best, value) if maximize else min(best, value)
        yield best


def shown_range(
    values: Sequence[float], maximize: bool, far: float = 3.0
) -> tuple[float, float, str]:
    """Choose the part of an axis on which values can be told apart.

    A training that nearly diverged would squash the others into a line.

    Args:
        values: at least one, all finite.
        maximize: whether higher is better.
        far: the largest shown distance from the best, in distances that nine tenths keep.

    Returns:
        The low end, the high end, and a sentence on the values that lie outside, or "".
    """
    by_rank = sorted(values, reverse=maximize)
    best, usual = by_rank[0], by_rank[int(_WORST * (len(by_rank) - 1))]
    limit = best + far * (usual - best)
    inside = [value for value in by_rank if (value >= limit if maximize else value <= limit)]
    worst, outside = inside[-1], len(by_rank) - len(inside)
    room = _ROOM * abs(worst - best) or abs(best) * _ROOM or _ROOM
    note = ""
    if outside:
        lie = "trial is" if outside == 1 else "trials are"
        note = f"{outside} {lie} outside the picture, the worst at {number_text(by_rank[-1])}."
    return min(best, worst) - room, max(best, worst) + room, note
