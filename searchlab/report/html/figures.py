"""The pictures of one study; each is None if there are too few trials for it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable

from searchlab.core.wording import number_text
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.journal.standings import complete, ranked, standings
from searchlab.report.html.figure import (
    ACCENT,
    COLORS,
    FAINT,
    WINNER,
    Figure,
    best_so_far,
    hover,
    plain,
    shown_range,
)
from searchlab.report.html.importance import importances, sample
from searchlab.report.html.parallel import parallel_coordinates
from searchlab.report.results import chosen

_CURVES = 10  # more lines than this cannot be told apart
_PAIR = 2  # with a single trial there is nothing to compare
_FEW = 30  # fewer trials are only a hint
_DOTS = 2000  # more than this hide one another, and make the page slow


def confirmation(record: StudyRecord) -> Figure | None:
    """Draw the scores of the confirmed candidates, seed by seed; None without any."""
    ranking = [standing for standing in standings(record) if standing.scores]
    if not ranking:
        return None
    names = [f"trial {standing.number} " for standing in ranking]
    dots = [
        (name, score)
        for name, standing in zip(names, ranking, strict=True)
        for score in standing.scores
    ]
    means = [standing.mean for standing in ranking]
    searched = [standing.search for standing in ranking]
    marks = [
        ("search", searched, names, {"symbol": "circle-open", "size": 11, "color": FAINT}),
        ("each seed", [score for _, score in dots], [name for name, _ in dots],
         {"symbol": "circle", "size": 9, "color": ACCENT, "opacity": 0.75}),
        ("mean", means, names,
         {"symbol": "line-ns-open", "size": 18, "color": WINNER, "line": {"width": 3}}),
    ]  # fmt: skip
    return Figure(
        "confirmation",
        "Search and confirmation",
        "Each candidate's score in the search, and with each seed that the search had not seen. "
        "Dots far apart mean that luck decides as much as the params.",
        [
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": x,
                "y": y,
                "marker": marker,
                "hovertemplate": "%{y}: %{x:.5g}",
            }
            for name, x, y, marker in marks
        ],
        {
            "xaxis": {"title": {"text": plain(record.spec.objective.metric)}},
            "yaxis": {"autorange": "reversed", "type": "category"},
        },
        height=150 + 36 * len(ranking),
    )


def optimization_history(record: StudyRecord) -> Figure | None:
    """Draw the objective of each trial and the best so far; None below two COMPLETE trials."""
    trials = complete(record)
    if len(trials) < _PAIR:
        return None
    maximize = record.spec.objective.maximized
    numbers = [trial.trial.number for trial, _ in trials]
    values = [value for _, value in trials]
    low, high, note = shown_range(values, maximize)
    best = list(best_so_far(values, maximize))
    shown = _shown(values, best)
    if len(shown) < len(trials):
        note = f"Of the {len(trials):,} trials, {len(shown):,} are shown. {note}"
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "trial",
            "x": [numbers[place] for place in shown],
            "y": [values[place] for place in shown],
            "text": [hover(trials[place][0].trial.suggestion.params) for place in shown],
            "hovertemplate": "trial %{x}: %{y:.5g}<br>%{text}",
            "marker": {"color": ACCENT, "size": 7, "opacity": 0.7},
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "best so far",
            "x": [numbers[place] for place in shown],
            "y": [best[place] for place in shown],
            "line": {"color": WINNER, "width": 2.5, "shape": "hv"},
            "hovertemplate": "best up to trial %{x}: %{y:.5g}",
        },
    ]
    axes = {
        "xaxis": {"title": {"text": "trial"}},
        "yaxis": {"title": {"text": plain(record.spec.objective.metric)}, "range": [low, high]},
    }
    return Figure(
        "history",
        "Optimisation history",
        f"The objective of each COMPLETE trial, and the best so far. {note}".strip(),
        traces,
        axes,
    )


def param_importances(record: StudyRecord) -> Figure | None:
    """Draw the importance of each param; None if there is nothing to compare."""
    shares = importances(record)
    if not shares:
        return None
    names, trials = list(shares), len(sample(record))
    hint = " With so few trials this is a hint." if trials < _FEW else ""
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": [shares[name] for name in names],
        "y": [f"{name} " for name in names],
        "text": [f" {shares[name]:.0%}" for name in names],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": ACCENT},
        "hovertemplate": "%{y}: %{x:.3f}",
    }
    layout = {
        "yaxis": {"autorange": "reversed", "showgrid": False},
        "xaxis": {"range": [0, 1.12 * max(shares.values())], "visible": False},
        "showlegend": False,
    }
    return Figure(
        "importances",
        "Importance of the params",
        "How much each param has to do with being among the best tenth of the trials, as "
        f"PED-ANOVA sees it, from {trials} trials.{hint}",
        [trace],
        layout,
        height=70 + 34 * len(names),
    )


def learning_curves(record: StudyRecord) -> Figure | None:
    """Draw the best trials' objective over the epochs, the mean over folds; None without any."""
    metric, best = record.spec.objective.metric, chosen(record)
    pairs = [(trial, value, _curve(trial, metric)) for trial, value in ranked(record)[:_CURVES]]
    curves = [pair for pair in pairs if pair[2]]
    if not curves:
        return None
    everything = [value for _, _, curve in curves for _, value in curve]
    low, high, _ = shown_range(everything, record.spec.objective.maximized, far=1.0)
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers" if len(curve) == 1 else "lines",
            "name": f"trial {trial.trial.number}: {number_text(value)}",
            "x": [epoch for epoch, _ in curve],
            "y": [mean for _, mean in curve],
            "line": {"width": 3.5, "color": WINNER} if trial is best else {"width": 1.5},
            "text": hover(trial.trial.suggestion.params),
            "hovertemplate": "epoch %{x}: %{y:.5g}<br>%{text}",
        }
        for trial, value, curve in curves
    ]
    count = f"best {len(curves)} trials" if len(curves) > 1 else "best trial"
    mean = ", the mean over the folds" if record.spec.evaluation.folds else ""
    return Figure(
        "curves",
        "Learning curves",
        f"The {count}, on the rows that early stopping looks at{mean}. The number is each one's "
        "objective, which other rows decide.",
        traces,
        {
            "xaxis": {"title": {"text": "epoch"}},
            "yaxis": {"title": {"text": plain(metric)}, "range": [low, high]},
            "colorway": COLORS,
        },
        height=460,
    )


DRAWERS: tuple[Callable[[StudyRecord], Figure | None], ...] = (
    confirmation,
    optimization_history,
    param_importances,
    learning_curves,
    parallel_coordinates,
)
"""All pictures of a study."""


def _shown(values: list[float], best: list[float]) -> list[int]:
    """Return the places of the trials to draw: of very many, some, and all that were the best."""
    step = max(1.0, len(values) / _DOTS)
    evenly = {int(step * place) for place in range(min(_DOTS, len(values)))}
    better = {place for place in range(1, len(values)) if best[place] != best[place - 1]}
    return sorted(evenly | better | {len(values) - 1})


def _curve(trial: TrialRecord, metric: str) -> list[tuple[int, float]]:
    """Return each epoch with the mean over the folds that reached it."""
    values: dict[int, list[float]] = defaultdict(list)
    for report in trial.reports:
        value = report.metrics.get(metric, math.nan)
        if math.isfinite(value):
            values[report.epoch].append(value)
    return [(epoch, math.fsum(of) / len(of)) for epoch, of in sorted(values.items())]
