"""`searchlab compare --output`: a page with the best value so far of several studies.

It is drawn over three measures of effort: trials that have ended, model-epochs trained by them, and
seconds that processes have spent on the study.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate

from searchlab.core.trial import TrialState
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.report.comparison import COLUMNS, compare, remarks, texts
from searchlab.report.html.figure import COLORS, Figure, plain, shown_range
from searchlab.report.html.page import drawn, render

AXES: dict[str, Callable[[list[TrialRecord]], Iterable[float]]] = {
    "trials": lambda ended: range(1, len(ended) + 1),
    "model-epochs": lambda ended: accumulate(trial.epochs for trial in ended),
    "seconds": lambda ended: [trial.elapsed or 0.0 for trial in ended],
}
"""Each measure of effort until a trial ended, for all trials in this order."""


def compare_page(records: Sequence[StudyRecord]) -> str:
    """Return the page of at least two studies, in any state, as HTML that needs no network."""
    comparison = compare(records)
    return render(
        "compare.html.j2",
        names=[record.spec.name for record in records],
        best=comparison.best,
        heads=COLUMNS,
        rows=[(row, texts(row), _color(place)) for place, row in enumerate(comparison.studies)],
        remarks=remarks(comparison),
        figures=drawn([partial(best_over, axis) for axis in AXES], records),
    )


def best_over(axis: str, records: Sequence[StudyRecord]) -> Figure | None:
    """Draw the best so far of all studies over one of `AXES`; None if no trial is COMPLETE."""
    curves = [(place, record, list(curve(axis, record))) for place, record in enumerate(records)]
    curves = [each for each in curves if each[2]]
    if not curves:
        return None
    maximize = records[0].spec.objective.maximized
    low, high, _ = shown_range([y for _, _, points in curves for _, y in points], maximize)
    metrics = dict.fromkeys(plain(record.spec.objective.metric) for record in records)
    return Figure(
        f"over-{axis}",
        f"Best so far over {axis}",
        {
            "trials": "Who finds more with as many tries, whatever a try costs.",
            "model-epochs": "Who finds more with as much training: a model-epoch is one pass of "
            "one model over its rows.",
            "seconds": "Who finds more in as much time, without pauses between processes.",
        }[axis],
        [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": plain(record.spec.name),
                "x": [x for x, _ in points],
                "y": [y for _, y in points],
                "line": {"shape": "hv", "width": 2.5, "color": _color(place)},
                "marker": {"size": 4},
                "hovertemplate": f"%{{y:.5g}} after %{{x:.4~g}} {axis}",
            }
            for place, record, points in curves
        ],
        {
            "xaxis": {"title": {"text": axis}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": ", ".join(metrics)}, "range": [low, high]},
            "showlegend": True,
        },
    )


def curve(axis: str, record: StudyRecord) -> Iterator[tuple[float, float]]:
    """Yield effort and best value so far at each trial's end, from the first COMPLETE one on."""
    ended = [trial for trial in record.trials.values() if trial.outcome is not None]
    ended.sort(key=lambda trial: (trial.elapsed or 0.0, trial.trial.number))
    best: float | None = None
    for x, trial in zip(AXES[axis](ended), ended, strict=True):
        value = None if trial.outcome is None else trial.outcome.value
        if trial.state is TrialState.COMPLETE and value is not None:
            better = best is None or record.spec.objective.better(value, best)
            best = value if better else best
        if best is not None:
            yield x, best


def _color(place: int) -> str:
    return COLORS[place % len(COLORS)]
