"""The figures of a study, rendered and inspected."""

from __future__ import annotations

import pytest
from plotly import graph_objects
from report.html.page_entries import finished, many, record

from searchlab.report.html import figures
from searchlab.report.html.figure import shown_range
from searchlab.report.html.importance import importances
from searchlab.report.html.page import drawn
from searchlab.report.html.parallel import parallel_coordinates
from searchlab.testing import entries as make

ALL = ["confirmation", "history", "importances", "curves", "parallel"]


def names(study):
    """Return the names of the figures drawn for a study."""
    return [figure.name for figure in drawn(figures.DRAWERS, study)]


def test_plotly_knows_all_that_the_pictures_say():
    """Plotly's own Python types, which know every attribute, accept all traces and layouts."""
    pictures = drawn(figures.DRAWERS, finished())
    assert [picture.name for picture in pictures] == ALL
    for picture in pictures:
        graph_objects.Figure(picture.traces, picture.layout)


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        ([], []),
        ([make.trial(0, "FAIL", None)], []),
        ([make.trial(0)], ["curves"]),
        ([make.trial(0, "PRUNED", 0.3), make.trial(1)], ["curves"]),
        ([make.trial(n) for n in range(5)], ["history", "curves", "parallel"]),
        ([[make.asked(0), make.told(0, value=0.5)]], []),
    ],
)
def test_pictures_that_the_trials_cannot_make_are_left_out(trials, expected):
    """No trial, one trial or a constant objective gives fewer figures and no error."""
    assert names(record(*trials)) == expected


def test_a_picture_that_fails_costs_only_itself(monkeypatch, caplog):
    """The other figures are drawn, and the log has the reason for the missing one."""
    monkeypatch.setattr(figures, "importances", lambda _: 1 / 0)
    assert names(finished()) == [name for name in ALL if name != "importances"]
    assert "ZeroDivisionError" in caplog.text


def test_the_history_shows_the_trials_under_their_own_numbers():
    """Trials without an objective leave a gap, so that numbers agree with those in MLflow."""
    study = record(make.trial(0, "FAIL", None), make.trial(1, value=0.5), make.trial(2, value=0.2))
    points = figures.optimization_history(study).traces[0]
    assert (points["x"], points["y"]) == ([1, 2], [0.5, 0.2])


@pytest.mark.parametrize(("maximize", "best"), [(False, [0.2, 0.2, 0.1]), (True, [0.2, 0.9, 0.9])])
def test_the_best_so_far_follows_the_direction(maximize, best):
    """For a maximized objective the line of the best rises."""
    trials = [make.trial(n, value=value) for n, value in enumerate((0.2, 0.9, 0.1))]
    study = record(*trials, maximize=maximize)
    assert figures.optimization_history(study).traces[1]["y"] == best


def test_a_trial_that_diverged_does_not_squash_the_others():
    """An objective of a million is cut off with a note, and the others fill the axis."""
    values = [0.3 + 0.01 * n for n in range(10)]
    least, most = values[0], values[-1]
    low, high, note = shown_range([*values, 1e6], maximize=False)
    assert low < least < most < high < 1
    assert "1 trial is outside the picture, the worst at 1000000" in note
    low, high, _ = shown_range([-1e6, *values], maximize=True)
    assert -1 < low < least < most < high
    assert shown_range([0.5], maximize=False)[0] < 0.5 < shown_range([0.5], maximize=False)[1]
    assert shown_range([0.0, 0.0], maximize=True)[0] < 0.0


def axis(figure, name):
    """Return the position of a param's axis in the parallel coordinates."""
    ticks = figure.layout["xaxis"]
    return ticks["tickvals"][ticks["ticktext"].index(f"<b>{name}</b>")]


def lines(figure):
    """Return the height of each trial at each axis, by the start of its tooltip."""
    found = {}
    for trace in figure.traces:
        start = 0
        for end in (place for place, x in enumerate(trace["x"]) if x is None):
            found[trace["text"][start].partition(":")[0]] = trace["y"][start:end]
            start = end + 1
    return found


def test_a_log_param_has_a_log_axis_in_the_parallel_coordinates():
    """A rate of 0.001 lies a third up an axis from 0.0001 to 0.1, and 0.01 twice as high."""
    figure = parallel_coordinates(many())
    assert lines(figure)["trial 0"][axis(figure, "rate")] == pytest.approx(1 / 3)


def test_the_best_objective_is_on_top():
    """It is on top whether it is the highest or the lowest."""
    for maximize in (False, True):
        heights = {
            name: line[0]
            for name, line in lines(parallel_coordinates(many(maximize=maximize))).items()
        }
        best = "trial 0" if maximize else "trial 7"
        assert max(heights, key=heights.get) == best


def test_of_very_many_trials_a_hundred_are_drawn_from_the_best_to_the_worst():
    """A thousand lines are unreadable; the best, the worst and the winner are always drawn."""
    study = record(*(make.trial(n, value=1.0 + n) for n in range(250)))
    figure = parallel_coordinates(study)
    assert len(lines(figure)) == 100
    assert {"trial 0", "trial 249"} <= lines(figure).keys()
    assert "Of the 250 trials, these are 100" in figure.note


def test_choices_of_any_type_and_conditional_params_are_drawn():
    """None and booleans are choices like any other, and a missing param is marked."""
    figure = parallel_coordinates(many())
    notes = figure.layout["annotations"]
    assert {each["text"] for each in notes if each["x"] == axis(figure, "norm")} == {
        "None", "batch", "True",
    }  # fmt: skip
    momentum = axis(figure, "momentum")
    unused = {each["y"] for each in notes if each["text"] == "unused" and each["x"] == momentum}
    assert {lines(figure)["trial 0"][momentum]} == unused
    assert lines(figure)["trial 2"][momentum] == pytest.approx(0.5 / 0.9)


def test_learning_curves_are_the_mean_over_the_folds_best_first():
    """Each of the best trials has one curve, the best trial first."""
    trials = [make.trial(n, value=1.0 - n / 20, folds=2) for n in range(12)]
    traces = figures.learning_curves(record(*trials, folds=2)).traces
    assert len(traces) == 10
    assert traces[0]["name"] == "trial 11: 0.45"
    assert traces[0]["y"][0] == pytest.approx((2 / 12 + 2 / 13) / 2)


def test_epochs_that_are_no_number_leave_a_gap():
    """A curve continues after an epoch with NaN, and the page's JSON has no NaN."""
    events = [make.asked(0), make.reported(0, 1), make.reported(0, 2, loss=float("nan"))]
    trace = figures.learning_curves(record([*events, make.reported(0, 3), make.told(0)])).traces[0]
    assert trace["x"] == [1, 3]


def test_a_float_just_over_its_edge_is_drawn():
    """Libraries that sample on a log scale may round beyond the end of the range."""
    study = many()
    params = dict(study.trials[1].trial.suggestion.params) | {"rate": 0.1 * (1 + 1e-12)}
    object.__setattr__(study.trials[1].trial.suggestion, "params", params)
    assert names(study) == ALL[1:]


def test_importances_are_shares_of_the_params_that_varied():
    """They sum to one, are sorted in descending order, and cover conditional params."""
    shares = importances(many())
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert set(shares) == {"units", "rate", "norm"}


def test_the_confirmation_shows_each_candidate_with_each_seed():
    """The winner is on top, with its search score, its scores by seed and their mean."""
    search, seeds, mean = figures.confirmation(finished()).traces
    assert search["y"] == mean["y"] == ["trial 6 ", "trial 7 "]
    assert search["x"] == [1 / 7, 1 / 8]
    assert seeds["x"] == [0.21, 0.29, 0.25, 0.31, 0.35, 0.33]
    assert mean["x"] == pytest.approx([0.25, 0.33])
