"""Pictures of a study: interactive pages that work offline, each with plotly.js inside (4.8 MB).

Optuna draws most of them, for the trials of any backend. A picture that the trials cannot make,
such as the importance of a single param, is left out. Imports Optuna and plotly (1 to 2 seconds):
import this module where it is needed.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, create_trial
from optuna.visualization import (
    plot_optimization_history,
    plot_parallel_coordinate,
    plot_param_importances,
)
from plotly import graph_objects

from searchlab.record import StudyRecord, TrialRecord
from searchlab.space import Domain, Float, Int, Scalar
from searchlab.trial import TrialState

_CURVES = 10  # more lines than this cannot be told apart
_PAIR = 2  # with a single trial or param there is nothing to compare
_ENOUGH = 4  # trials below which importances say nothing


def write_charts(record: StudyRecord, folder: Path) -> list[Path]:
    """Draws what can be drawn of a study.

    Args:
        record: the study.
        folder: an existing directory for the pages.

    Returns:
        The pages that were written, possibly none.
    """
    drawers: dict[str, Callable[[StudyRecord], Any]] = {
        "optimization_history": optimization_history,
        "param_importances": param_importances,
        "parallel_coordinate": parallel_coordinate,
        "learning_curves": learning_curves,
    }
    pages = []
    with warnings.catch_warnings():  # Optuna calls some of its pictures experimental
        warnings.simplefilter("ignore")
        for name, draw in drawers.items():
            figure = draw(record)
            if figure is not None:
                pages.append(folder / f"{name}.html")
                _write(figure, pages[-1])
    return pages


def optimization_history(record: StudyRecord) -> Any:
    """The objective of each trial and the best so far, or None below two COMPLETE trials."""
    if len(_complete(record)) < _PAIR:
        return None
    figure = plot_optimization_history(optuna_study(record), target_name=_metric(record))
    return _titled(figure, record, "Optimization history")


def param_importances(record: StudyRecord) -> Any:
    """How much each param decides the objective.

    None below two params that varied in four trials: there is nothing to compare.
    """
    trials = _complete(record)
    shared = [
        name
        for name, _ in record.spec.search_space
        if all(name in trial.trial.suggestion.params for trial in trials)
        and len({repr(trial.trial.suggestion.params[name]) for trial in trials}) > 1
    ]
    if len(trials) < _ENOUGH or len(shared) < _PAIR or len(_values(trials)) < _PAIR:
        return None
    figure = plot_param_importances(
        optuna_study(record), params=shared, target_name=_metric(record)
    )
    return _titled(figure, record, "Importance of the params")


def parallel_coordinate(record: StudyRecord) -> Any:
    """All params of each trial as one line, or None below two trials or two params."""
    used = {name for trial in _complete(record) for name in trial.trial.suggestion.params}
    if len(_complete(record)) < _PAIR or len(used) < _PAIR:
        return None
    figure = plot_parallel_coordinate(optuna_study(record), target_name=_metric(record))
    return _titled(figure, record, "Params and objective of each trial")


def learning_curves(record: StudyRecord) -> Any:
    """The objective over the epochs of the best trials, the mean over their folds, or None."""
    metric = _metric(record)
    sign = -1 if record.spec.objective.maximized else 1
    trials = sorted(_complete(record), key=lambda trial: sign * _value(trial))[:_CURVES]
    curves = [(trial, curve) for trial in trials if (curve := _curve(trial, metric))]
    if not curves:
        return None
    figure = graph_objects.Figure()
    for rank, (trial, curve) in enumerate(curves):
        figure.add_scatter(
            x=[epoch for epoch, _ in curve],
            y=[value for _, value in curve],
            name=f"trial {trial.trial.number} ({_value(trial):.4g})",
            mode="lines+markers" if len(curve) == 1 else "lines",
            line={"width": 1.5 if rank else 3.5},
            text=_hover(trial),
            hovertemplate="epoch %{x}: %{y:.5g}<br>%{text}",
        )
    figure.update_layout(xaxis_title="epoch", yaxis_title=metric, hovermode="closest")
    return _titled(figure, record, f"Learning curves of the best {len(curves)} trials")


def optuna_study(record: StudyRecord) -> optuna.Study:
    """The trials of any backend as an Optuna study in memory, under their own numbers."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    maximize = record.spec.objective.maximized
    study = optuna.create_study(direction="maximize" if maximize else "minimize")
    for trial in record.trials.values():
        study.add_trial(_optuna_trial(trial, record))
    return study


def _optuna_trial(trial: TrialRecord, record: StudyRecord) -> FrozenTrial:
    """Trials without a comparable objective only keep the numbers in step."""
    if trial.state is not TrialState.COMPLETE:
        return create_trial(state=optuna.trial.TrialState.FAIL)
    params = trial.trial.suggestion.params
    domains = record.spec.search_space.domains
    return create_trial(
        params={name: _within(value, domains[name]) for name, value in params.items()},
        distributions={name: _distribution(domains[name]) for name in params},
        value=_value(trial),
    )


def _distribution(domain: Domain) -> BaseDistribution:
    """The range as Optuna knows it; without its step, which no picture shows."""
    if isinstance(domain, Int):
        return IntDistribution(domain.low, domain.high, log=domain.log)
    if isinstance(domain, Float):
        return FloatDistribution(domain.low, domain.high, log=domain.log)
    return CategoricalDistribution(domain.values)


def _within(value: Scalar, domain: Domain) -> Scalar:
    """A float that a library rounded over the edge of its range is put back onto the edge."""
    if isinstance(domain, Float) and isinstance(value, float):
        return min(max(value, domain.low), domain.high)
    return value


def _complete(record: StudyRecord) -> list[TrialRecord]:
    return [trial for trial in record.trials.values() if trial.state is TrialState.COMPLETE]


def _value(trial: TrialRecord) -> float:
    """The objective of a COMPLETE trial."""
    outcome = trial.outcome
    return math.nan if outcome is None or outcome.value is None else outcome.value


def _values(trials: list[TrialRecord]) -> set[float]:
    return {_value(trial) for trial in trials}


def _metric(record: StudyRecord) -> str:
    return record.spec.objective.metric


def _curve(trial: TrialRecord, metric: str) -> list[tuple[int, float]]:
    """Epoch and mean over the folds that got so far."""
    values: dict[int, list[float]] = defaultdict(list)
    for report in trial.reports:
        value = report.metrics.get(metric, math.nan)
        if math.isfinite(value):
            values[report.epoch].append(value)
    return [(epoch, sum(of) / len(of)) for epoch, of in sorted(values.items())]


def _hover(trial: TrialRecord) -> str:
    params = trial.trial.suggestion.params.items()
    return "<br>".join(
        f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}"
        for name, value in params
    )


def _titled(figure: Any, record: StudyRecord, title: str) -> Any:
    figure.update_layout(
        title={"text": f"{title}<br><sup>{record.spec.name}</sup>"},
        template="plotly_white",
        autosize=True,
        font={"size": 14},
    )
    return figure


def _write(figure: Any, path: Path) -> None:
    figure.write_html(
        path,
        include_plotlyjs=True,
        default_width="100%",
        default_height="96vh",
        config={"responsive": True, "displaylogo": False},
    )
