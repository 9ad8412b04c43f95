"""The comparison of studies: the table, the JSON, and the page with their curves."""

from __future__ import annotations

import io
import json
from itertools import pairwise

import pytest
from click.testing import CliRunner
from plotly import graph_objects
from report.html.page_entries import Reader, finished, many, record, resumed
from rich.console import Console

from searchlab.cli import cli
from searchlab.errors import InputError
from searchlab.journal.home import StudyHome
from searchlab.journal.journal import Journal
from searchlab.journal.record import StudyRecord
from searchlab.report.comparison import compare, compare_table, remarks
from searchlab.report.html.compare import AXES, best_over, compare_page, curve
from searchlab.testing import entries as make


def renamed(name: str, *trials, **spec) -> StudyRecord:
    """Return a study with another name."""
    study = record(*trials, **spec)
    object.__setattr__(study.spec, "name", name)
    return study


def rendered(study_table, width: int = 160) -> str:
    """Return the output in a terminal of this width."""
    console = Console(file=io.StringIO(), width=width)
    console.print(study_table)
    return console.file.getvalue()


def test_a_row_has_what_the_record_has():
    """It has each study's backend, data, trials, scores, epochs and time, and marks the best."""
    one, other = finished(), renamed("other", make.trial(0, value=0.3))
    comparison = compare([one, other])
    line = comparison.studies[0]
    assert (line.name, line.backend, line.data) == ("housing", "random", "california")
    assert (line.trials, line.best, line.value) == (10, 0.125, 0.4062)
    assert (line.confirmed, line.spread) == pytest.approx((0.25, 0.04))
    assert (line.epochs, line.seconds) == (one.epochs, 60.0)
    assert comparison.studies[1].confirmed is None
    text = rendered(compare_table(comparison))
    assert "* housing" in text
    assert "0.25 ± 0.04" in text


def test_the_best_is_told_by_the_confirmed_score_if_all_have_one():
    """If one study's best was not confirmed, all are compared by their search scores."""
    one = finished()
    assert (compare([one, many()]).best, compare([one, many()]).by) == ("housing", "best")
    lucky = renamed("lucky", make.trial(0, value=0.01))
    comparison = compare([one, lucky])
    assert (comparison.best, comparison.by) == ("lucky", "best")
    assert compare([one, finished()]).by == "confirmed"
    assert compare([one, renamed("empty")]).by == "confirmed"
    assert compare([renamed("a"), renamed("b")]).best is None


def test_what_cannot_be_compared_is_said_and_nobody_wins():
    """A different metric or direction gives a line each, and no study is marked."""
    comparison = compare([finished(), renamed("up", make.trial(0), maximize=True)])
    assert comparison.best is None
    text = "\n".join(remarks(comparison))
    assert "different metrics: val_loss in housing; val_accuracy in up" in text
    assert "different directions: minimize in housing; maximize in up" in text


def test_other_data_or_splits_are_said():
    """The same name with another digest is other data; another hold-out is another split."""
    other = finished()
    object.__setattr__(other.started, "data", {**make.DATA, "digest": "f" * 64})
    assert any("different data" in line for line in remarks(compare([finished(), other])))
    folds = renamed("folds", make.trial(0, folds=2), folds=2)
    comparison = compare([finished(), folds])
    assert any("different splits" in line for line in comparison.warnings)
    assert comparison.best is not None


def test_a_narrow_terminal_loses_nothing():
    """If space is short, backend and data move below the name."""
    text = rendered(compare_table(compare([finished(), many()])), 72)
    assert "random on california" in text
    assert max(map(len, text.splitlines())) <= 72


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("maximize", [False, True])
def test_curves_only_get_better_and_go_on(axis, maximize):
    """The best so far is monotone, and so is its cost."""
    points = list(curve(axis, many(maximize=maximize)))
    assert len(points) == 10  # PRUNED and FAIL trials took time, too
    sign = 1 if maximize else -1
    for (x, y), (later, better) in pairwise(points):
        assert later >= x
        assert sign * better >= sign * y
    assert points[-1][1] == (1.0 if maximize else 0.125)


def test_axes_count_trials_epochs_and_seconds():
    """The end of its second trial counts two trials, six model-epochs and some seconds."""
    study = record(make.trial(0, value=0.5), make.trial(1, value=0.25))
    assert list(curve("trials", study)) == [(1, 0.5), (2, 0.25)]
    assert list(curve("model-epochs", study)) == [(3, 0.5), (6, 0.25)]
    seconds = [x for x, _ in curve("seconds", study)]
    assert seconds == pytest.approx([5 * 1.25, 10 * 1.25])


def test_seconds_leave_out_the_time_between_processes():
    """An hour without a process does not count as the study's time."""
    first, second = (x for x, _ in curve("seconds", resumed()))
    assert first == pytest.approx(5 * 1.25 - 1.25 + 1.25)
    assert second == pytest.approx(10.0 + 5 * 1.25)
    assert second < resumed().seconds < 3600


def test_a_trial_that_is_not_over_is_no_point():
    """Running trials have no value, and there is no best before the first COMPLETE trial."""
    study = record(make.trial(0, "FAIL", None), make.trial(1, value=0.5), [make.asked(2)])
    assert list(curve("trials", study)) == [(2, 0.5)]


def test_plotly_knows_all_that_the_curves_say():
    """Plotly's own Python types accept the figures; without a COMPLETE trial there is none."""
    for axis in AXES:
        figure = best_over(axis, [finished(), many()])
        graph_objects.Figure(figure.traces, figure.layout)
        assert best_over(axis, [record(), record()]) is None


def test_the_page_has_the_table_and_three_pictures_of_all_studies():
    """The page is one self-contained file with every study in every figure."""
    page = Reader(compare_page([finished(), renamed("other", make.trial(0, value=0.3))]))
    assert set(page.figures) == {"over-trials", "over-model-epochs", "over-seconds"}
    for figure in page.figures.values():
        assert [trace["name"] for trace in figure["data"]] == ["housing", "other"]
    rows = page.tables[0]
    assert rows[1][0].startswith("* housing")
    assert rows[1][2:5] == ["0.125", "0.25 ± 0.04", "0.4062"]
    for tag, attributes in page.tags:
        assert not {"src", "href"} & attributes.keys(), tag


def test_one_study_alone_is_refused():
    """A comparison needs at least two studies."""
    with pytest.raises(InputError, match="name two or more"):
        compare([finished()])


def test_the_command_prints_json_or_a_table(tmp_path, monkeypatch):
    """`compare` takes names; a study that does not exist gives the usual line."""
    monkeypatch.chdir(tmp_path)
    for name in ("housing", "again"):
        with Journal(StudyHome(name, tmp_path).paths.journal) as journal:
            for entry in make.small_study():
                journal.append(entry.event)
    run = CliRunner().invoke
    result = run(cli, ["compare", "housing", "again", "--json", "--output", "both.html"])
    values = json.loads(result.stdout)
    assert values["page"] == "both.html"
    assert [study["best"] for study in values["studies"]] == [0.25, 0.25]
    assert (tmp_path / "both.html").exists()
    assert "0.25" in run(cli, ["compare", "housing", "again"]).stdout
    for names, says in (
        (["housing", "nope"], "there is no study 'nope'"),
        (["housing", "housing"], "name two or more"),
    ):
        result = run(cli, ["compare", *names])
        assert result.exit_code == 2
        assert says in result.stderr
