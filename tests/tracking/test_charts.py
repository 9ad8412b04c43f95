"""The pictures of a study, drawn for real and looked into."""

from __future__ import annotations

import re

import pytest
import study_entries as make

from searchlab.record import StudyRecord
from searchlab.tracking import charts

ALL = ["optimization_history", "param_importances", "parallel_coordinate", "learning_curves"]


def record(*trials, folds=None, maximize=False):
    """A study of the given trials."""
    events = [make.started(make.spec(folds, maximize=maximize)), make.RESUMED]
    return StudyRecord(make.timed(*events, *(event for trial in trials for event in trial)))


def many(**spec):
    """Eight COMPLETE trials, conditional params among them, one PRUNED and one FAIL."""
    trials = [make.trial(n, value=1.0 / (n + 1)) for n in range(8)]
    return record(*trials, make.trial(8, "PRUNED", None), make.trial(9, "FAIL", None), **spec)


def test_each_picture_is_one_page_that_works_offline(tmp_path):
    """Four pages, each with plotly.js inside and nothing to be fetched."""
    pages = charts.write_charts(many(), tmp_path)
    assert [page.stem for page in pages] == ALL
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "Plotly.newPlot" in text
        assert len(text) > 4_000_000
        assert not re.search(r"<(script|link)[^>]+(src|href)=", text)


@pytest.mark.parametrize(
    ("trials", "drawn"),
    [
        ([], []),
        ([make.trial(0, "FAIL", None)], []),
        ([make.trial(0)], ["learning_curves"]),
        ([make.trial(0, "PRUNED", 0.3), make.trial(1)], ["learning_curves"]),
        ([make.trial(n) for n in range(5)], [ALL[0], ALL[2], ALL[3]]),
    ],
)
def test_pictures_that_the_trials_cannot_make_are_left_out(trials, drawn, tmp_path):
    """No trial, one trial, or the same objective everywhere: fewer pictures, and no error."""
    assert [page.stem for page in charts.write_charts(record(*trials), tmp_path)] == drawn


def test_the_history_shows_the_trials_under_their_own_numbers():
    """Trials without an objective leave a gap, so that numbers agree with those in MLflow."""
    study = record(make.trial(0, "FAIL", None), make.trial(1, value=0.5), make.trial(2, value=0.2))
    points = charts.optimization_history(study).data[0]
    assert list(points.x) == [1, 2]
    assert list(points.y) == [0.5, 0.2]


def test_the_best_so_far_follows_the_direction():
    """For an objective that is maximised the line of the best goes up."""
    study = record(*(make.trial(n, value=value) for n, value in enumerate((0.2, 0.9, 0.5))))
    assert list(charts.optimization_history(study).data[1].y) == [0.2, 0.2, 0.2]
    study = record(
        *(make.trial(n, value=value) for n, value in enumerate((0.2, 0.9, 0.5))), maximize=True
    )
    assert list(charts.optimization_history(study).data[1].y) == [0.2, 0.9, 0.9]


def axis(figure, name):
    """The position of a param's axis in the parallel coordinates."""
    return figure.layout.xaxis.tickvals[figure.layout.xaxis.ticktext.index(name)]


def test_a_log_param_has_a_log_axis_in_the_parallel_coordinates():
    """A rate of 0.002 lies a third up an axis from 0.001 to 0.008."""
    figure = charts.parallel_coordinate(many())
    line = figure.data[1]
    assert line.y[list(line.x).index(axis(figure, "rate"))] == pytest.approx(1 / 3)


def test_choices_of_any_type_and_conditional_params_are_drawn():
    """None and booleans are choices like any other; a trial without a param is marked so."""
    figure = charts.parallel_coordinate(many())
    texts = {note.text for note in figure.layout.annotations if note.x == axis(figure, "norm")}
    assert texts >= {"None", "True", "batch"}
    assert axis(figure, "momentum") is not None


def test_learning_curves_are_the_mean_over_the_folds_best_first():
    """One curve a trial, the best ones, the best of all first."""
    trials = [make.trial(n, value=1.0 - n / 20, folds=2) for n in range(12)]
    figure = charts.learning_curves(record(*trials, folds=2))
    assert len(figure.data) == 10
    assert figure.data[0].name == "trial 11 (0.45)"
    assert figure.data[0].y[0] == pytest.approx((2 / 12 + 2 / 13) / 2)


def test_a_float_just_over_its_edge_is_drawn():
    """Libraries that sample on a log scale may round over the end of the range."""
    events = make.trial(0), make.trial(1, value=0.3)
    study = record(*events)
    params = dict(study.trials[1].trial.suggestion.params) | {"rate": 0.1 * (1 + 1e-12)}
    object.__setattr__(study.trials[1].trial.suggestion, "params", params)
    assert charts.parallel_coordinate(study) is not None
