"""Parallel coordinates: one line per trial across one axis per param, the objective first.

The lines are plain ones, as plotly.js' own `parcoords` needs WebGL and the right to make code from
text. Trials of similar rank share a trace, so that a thousand are drawn at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any

from searchlab.core.domains import Choice, Domain, Scalar
from searchlab.core.wording import number_text, scalar_text
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.journal.standings import ranked
from searchlab.report.html.figure import FAINT, WINNER, Figure, hover, plain, shown_range
from searchlab.report.results import chosen

_PAIR = 2  # with a single trial or param there is nothing to compare
_SHADES = ("#94a3b8", "#7da2cf", "#5f94e0", "#3b82f6", "#1d5fe0")  # from the worst to the best
_UNUSED = -0.16  # the height of a line on the axis of a param that its trial lacks
_MOST = 100  # lines; more cannot be told apart
_AXIS = 108  # CSS pixels between axes, at least


def parallel_coordinates(record: StudyRecord) -> Figure | None:
    """Draw all params of each COMPLETE trial as one line; None below two trials or two params."""
    trials = ranked(record)
    used = {name for trial, _ in trials for name in trial.trial.suggestion.params}
    domains = {name: domain for name, domain in record.spec.search_space if name in used}
    if len(trials) < _PAIR or len(domains) < _PAIR:
        return None
    ends, note = _ends([value for _, value in trials], record.spec.objective.maximized)
    best, count = chosen(record), len(trials)
    if count > _MOST:
        step = (count - 1) / (_MOST - 1)
        picked = {round(step * line) for line in range(_MOST)}
        trials = [pair for rank, pair in enumerate(trials) if rank in picked or pair[0] is best]
        note = f"Of the {count:,} trials, these are {_MOST} from the best to the worst. {note}"
    lines = [_line(trial, value, ends, domains) for trial, value in trials]
    groups = _by_rank(list(zip(trials, lines, strict=True)))
    traces = [_trace(group, shade, 1.2) for group, shade in zip(groups, _SHADES, strict=True)]
    top = [pair for pair in zip(trials, lines, strict=True) if pair[0][0] is best]
    traces = [trace for trace in traces if trace["x"]] + [_trace(top, WINNER, 3.5)]
    return Figure(
        "parallel",
        "Params and objective of each trial",
        "A line a trial, the better the bluer, the winner's in orange; the best objective is on "
        f"top. {note}".strip(),
        traces,
        _layout(record, domains, ends, any(_UNUSED in line for line in lines)),
        height=420,
        width=_AXIS * (len(domains) + 1),
    )


def place(value: Scalar, domain: Domain) -> float:
    """Return the position of a value on its axis, from 0 to 1; a log range has a log axis."""
    if isinstance(domain, Choice):
        return domain.index(value) / max(1, len(domain.values) - 1)
    assert isinstance(value, int | float)  # noqa: S101 - what a range holds
    low, high, number = float(domain.low), float(domain.high), float(value)
    if domain.log:
        low, high, number = math.log(low), math.log(high), math.log(number)
    return 0.5 if high == low else min(1.0, max(0.0, (number - low) / (high - low)))


def _ends(values: Sequence[float], maximize: bool) -> tuple[tuple[float, float], str]:
    """Return the best and worst objective of the axis, and a note on the values outside."""
    low, high, note = shown_range(values, maximize)
    low, high = max(low, min(values)), min(high, max(values))
    return ((high, low) if maximize else (low, high)), note


def _line(
    trial: TrialRecord, value: float, ends: tuple[float, float], domains: dict[str, Domain]
) -> list[float]:
    """Return the height of a trial on each axis; `ends` are the best and worst objective."""
    best, worst = ends
    along = 0.5 if best == worst else (value - worst) / (best - worst)
    objective = min(1.0, max(0.0, along))
    params = trial.trial.suggestion.params
    return [
        objective,
        *(
            place(params[name], domain) if name in params else _UNUSED
            for name, domain in domains.items()
        ),
    ]


_Lines = Sequence[tuple[tuple[TrialRecord, float], list[float]]]


def _by_rank(lines: _Lines) -> list[_Lines]:
    """Split the lines into one group per shade, the worst first, so that the best end on top."""
    count = len(_SHADES)
    edges = [round(len(lines) * step / count) for step in range(count + 1)]
    groups = [lines[start:stop] for start, stop in pairwise(edges)]
    return groups[::-1]


def _trace(lines: _Lines, color: str, width: float) -> dict[str, Any]:
    """Return the lines of some trials as one trace, with a gap after each."""
    texts = [
        f"trial {trial.trial.number}: {number_text(value)}<br>"
        f"{hover(trial.trial.suggestion.params)}"
        for (trial, value), _ in lines
    ]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(chain.from_iterable([*range(len(line)), None] for _, line in lines)),
        "y": list(chain.from_iterable([*line, None] for _, line in lines)),
        "text": list(
            chain.from_iterable(
                [text] * (len(line) + 1) for text, (_, line) in zip(texts, lines, strict=True)
            )
        ),
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": color, "width": width},
        "connectgaps": False,
        "showlegend": False,
    }


def _layout(
    record: StudyRecord, domains: dict[str, Domain], ends: tuple[float, float], unused: bool
) -> dict[str, Any]:
    names = [record.spec.objective.metric, *domains]
    best, worst = ends
    labels = [(0, 1.0, number_text(best)), (0, 0.0, number_text(worst))]
    for axis, domain in enumerate(domains.values(), start=1):
        labels += [(axis, height, text) for height, text in _labels(domain)]
        if unused and domain.when is not None:
            labels.append((axis, _UNUSED, "unused"))
    return {
        "xaxis": {
            "tickvals": list(range(len(names))),
            "ticktext": [f"<b>{plain(name)}</b>" for name in names],
            "side": "top",
            "range": [-0.5, len(names) - 0.4],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "yaxis": {
            "range": [(_UNUSED if unused else 0) - 0.06, 1.06],
            "visible": False,
            "fixedrange": True,
        },
        "shapes": [
            {
                "type": "line",
                **{"x0": axis, "x1": axis, "y0": 0, "y1": 1},
                "line": {"color": FAINT, "width": 1},
            }
            for axis in range(len(names))
        ],
        "annotations": [
            {
                **{"x": axis, "y": height, "text": text, "showarrow": False},
                **{"xanchor": "left", "xshift": 5, "yshift": 9 * (2 * min(1, max(0, height)) - 1)},
                "font": {"size": 11},
            }
            for axis, height, text in labels
        ],
        "hovermode": "closest",
    }


def _labels(domain: Domain) -> list[tuple[float, str]]:
    """Return the labels of an axis with their heights."""
    if isinstance(domain, Choice):
        return [(place(value, domain), plain(scalar_text(value))) for value in domain.values]
    return [(0.0, scalar_text(domain.low)), (1.0, scalar_text(domain.high))]
