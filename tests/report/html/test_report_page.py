"""A study's page: its facts, its safety, and its states."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from report.html.page_entries import CONFIRMED, NASTY, Reader, finished, many, nasty_study, record

from searchlab.cli import cli
from searchlab.core.state import StudyState
from searchlab.core.trial import Failure
from searchlab.core.wording import number_text
from searchlab.errors import InputError
from searchlab.journal.events import Compared, Stopped
from searchlab.journal.home import StudyHome
from searchlab.journal.journal import Journal
from searchlab.journal.record import StudyRecord
from searchlab.report.html.figures import optimization_history
from searchlab.report.html.page import write_page
from searchlab.report.html.report import report_page
from searchlab.study.ending import Ending
from searchlab.testing import entries as make


def read(study: StudyRecord) -> Reader:
    """Return a reader that has read the page of a study."""
    return Reader(report_page(study))


def test_the_three_scores_stand_side_by_side():
    """The search, confirmed and test scores are those of the record, each with its label."""
    page = read(finished())
    assert "Trial 6 wins: loss 0.4062 on the test rows" in page.text
    assert "With other seeds it is the best of 2, ahead of trial 7" in page.text
    assert f"search score {number_text(1 / 7)} Trial 6 on a hold-out of 20%" in page.text
    assert "own best was trial 7 with 0.125" in page.text
    assert "confirmed score 0.25 ± 0.04" in page.text
    assert "test score 0.4062 The study's model, refitted for 2 epochs" in page.text
    assert "lower is better" in page.text


def test_the_standings_have_the_score_of_each_seed():
    """Each candidate has one row, the best mean first, as in the record."""
    head, *rows = read(finished()).tables[1]
    assert head == ["trial", "confirmed", "seed 8", "seed 9", "seed 10", "search"]
    assert [row[0] for row in rows] == ["6", "7"]
    for number, row in zip((6, 7), rows, strict=True):
        assert row[2:5] == [number_text(value) for value in CONFIRMED[number].values()]
        assert row[5] == number_text(1 / (number + 1))


def test_the_network_stands_among_the_simple_models():
    """Each has its test metric, best first, and a sentence names the winner."""
    page = read(finished())
    assert page.tables[0] == [
        ["model", "loss"],
        ["the tuned network", "0.4062"],
        ["histogram gradient boosting", "0.4375"],
        ["linear regression", "0.75"],
        ["always the same answer", "1.5"],
    ]
    assert "Too close to call" in page.text  # closer than the seeds' spread of 0.04


@pytest.mark.parametrize(
    ("metrics", "verdict"),
    [
        ({"loss": 0.2}, "Worth it: the network has loss 0.2, and histogram gradient boosting"),
        ({"loss": 0.9}, "Not worth it so far: histogram gradient boosting has loss 0.4375"),
        ({"loss": float("nan")}, ""),
    ],
)
def test_the_verdict_says_which_wins(metrics, verdict):
    """The better test score wins; NaN never does."""
    page = read(finished(metrics=metrics))
    assert verdict in page.text
    assert ("orth it" in page.text.replace("Is the network worth it?", "")) == bool(verdict)


def test_the_highest_wins_where_higher_is_better():
    """For an accuracy the highest is first, and the sentence agrees."""
    then = (
        Compared("dummy", {"accuracy": 0.5, "loss": 2.0}, 1.0),
        Compared("logistic", {"accuracy": 0.75, "loss": 1.0}, 1.0),
        make.finished(9.0, 0, test={"accuracy": 0.9, "loss": 3.0}, winner=0),
    )
    page = read(many(maximize=True, then=then))
    assert page.tables[0] == [
        ["model", "accuracy", "loss"],
        ["the tuned network", "0.9", "3"],
        ["logistic regression", "0.75", "1"],
        ["always the same answer", "0.5", "2"],
    ]
    assert "Worth it: the network has accuracy 0.9, and logistic regression" in page.text


def test_a_simple_model_without_the_metric_or_that_failed_comes_last():
    """The Perceptron has no loss; a failed baseline is listed with its reason."""
    failure = Failure("MemoryError", "too large")
    then = (
        Compared("perceptron", {"accuracy": 0.9}, 1.0),
        Compared("logistic", {}, 1.0, failure),
        Compared("dummy", {"loss": 2.0, "accuracy": 0.1}, 1.0),
    )
    rows = read(many(then=then)).tables[0]
    assert rows[1] == ["always the same answer", "2"]
    assert rows[2:] == [
        ["logistic regression MemoryError: too large", "-"],
        ["the Perceptron", "-"],
    ]


def test_the_trials_stand_best_first_with_params_and_reasons():
    """COMPLETE trials are sorted by objective, the others by number; a failure has its reason."""
    page = read(finished())
    head, *rows = page.tables[-1]
    assert head == ["trial", "state", "val_loss", "params", "epochs", "time"]
    assert [row[0] for row in rows] == ["7", "6", "5", "4", "3", "2", "1", "0", "8", "9"]
    assert rows[0][3] == "units 15 rate 0.008 norm True"
    assert "ValueError: units must be above 0" in rows[-1][3]
    assert "1 x ValueError: units must be above 0 (trial 9)" in page.text
    assert "All 10 trials, best first 8 COMPLETE, 1 PRUNED, 1 FAIL" in page.text


def test_params_space_data_versions_and_the_file_are_there():
    """The page has the space, the data, the versions, and the study file as written."""
    study = finished()
    assert study.started is not None
    object.__setattr__(study.started, "versions", {"keras": "3.15.1"})
    page = read(study)
    space = next(table for table in page.tables if table[0] == ["param", "trial 6", "searched"])
    assert space[1:] == [
        ["units", "14", "8 to 64"],
        ["rate", "0.007", "0.0001 to 0.1, log"],
        ["norm", "None", "None, batch, True"],
        ["momentum", "unused", "0 to 0.9; only if norm is batch"],
    ]
    for part in ("california", "0123456789abcdef…", "20,640", "13,209 rows", "keras 3.15.1"):
        assert part in page.text
    assert "name: housing" in page.text


def test_the_page_needs_nothing_but_itself():
    """No element refers to another file, and a policy forbids the browser to load anything."""
    page = read(finished())
    for tag, attributes in page.tags:
        assert not {"src", "href", "srcset", "action"} & attributes.keys(), tag
        assert tag not in ("link", "iframe", "object", "embed", "base")
    policy = next(
        attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes
    )
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    style = re.search(r"<style>(.*?)</style>", report_page(finished()), re.S).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert sum("plotly.js v" in script for script in page.scripts) == 1


def test_nothing_that_comes_from_elsewhere_becomes_part_of_the_page():
    """HTML in params, names, errors, files and metrics is shown as text."""
    page, plain = read(nasty_study()), read(finished())
    assert len(page.scripts) == len(plain.scripts)
    assert not any(tag == "img" for tag, _ in page.tags)
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count(NASTY) > 10
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in plain.tags}


def test_pictures_show_texts_of_the_user_as_they_are():
    """plotly.js renders some HTML in its texts, so text from outside is escaped for it."""
    figures = read(nasty_study()).figures
    assert {"history", "parallel", "curves"} <= figures.keys()
    text = json.dumps(figures)
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;/script&gt;" in text


STATES = {
    "no trial": (record(), "No trial is COMPLETE"),
    "running": (record(make.trial(0), [make.asked(1)]), "is running, or its process died: 1 of 4"),
    "interrupted": (
        record(make.trial(0), [make.asked(1)], then=(make.interrupted(3.0, 0),)),
        "was interrupted: 1 of 4 trials",
    ),
    "failed": (
        record(make.trial(0, "FAIL", None), then=(Stopped(StudyState.FAILED, 3.0),)),
        "All 1 trials failed",
    ),
    "one trial": (record(make.trial(0)), "Best so far: trial 0 with val_loss 0.5"),
    "pruned only": (record(make.trial(0, "PRUNED", 0.5)), "No trial is COMPLETE"),
    "NaN": (record(make.trial(0, "PRUNED", float("nan"))), "0 PRUNED -"),
    "unconfirmed": (
        record(make.trial(0), then=(make.finished(3.0, 0, test={"loss": 1.0}, winner=0),)),
        "Not asked for: confirm is off.",
    ),
    "confirming": (
        many(then=(make.confirmed(7, 8, 0.3),), ending=Ending(2, 3)),
        "Under way: 1 trainings with other seeds are done.",
    ),
    "not yet confirming": (many(ending=Ending(2, 3)), "once the search is over"),
    "confirmation failed": (
        many(
            then=(
                make.confirmed(7, 8, None),
                make.finished(9.0, 7, test={"loss": float("nan")}, winner=7),
            ),
            ending=Ending(1, 1),
        ),
        "No training with another seed succeeded.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_a_study_in_any_state_has_a_page(state):
    """Existing parts are shown; missing ones are left out or give a reason."""
    study, says = STATES[state]
    page = read(study)
    assert says in page.text
    assert study.state in page.text


def test_the_command_writes_the_page_and_names_it(tmp_path, monkeypatch):
    """`report NAME` writes NAME.html here and prints its path; a second run replaces it."""
    monkeypatch.chdir(tmp_path)
    with Journal(StudyHome("housing", tmp_path).paths.journal) as journal:
        for entry in make.small_study():
            journal.append(entry.event)
    for _ in range(2):
        result = CliRunner().invoke(cli, ["report", "housing"])
        assert (result.exit_code, result.output) == (0, "housing.html\n")
        assert "Trial 3" in Reader((tmp_path / "housing.html").read_text("utf-8")).text
    result = CliRunner().invoke(cli, ["report", "housing", "--output", "new/page.html"])
    assert result.exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [".searchlab", "housing.html", "new"]


def test_another_file_is_never_replaced(tmp_path):
    """A file that is not our page stays unchanged, and nothing is left beside it."""
    path = tmp_path / "notes.html"
    path.write_text("my notes")
    with pytest.raises(InputError, match="is not a page of searchlab's"):
        write_page(path, "page")
    assert path.read_text() == "my notes"
    with pytest.raises(InputError, match="cannot be written"):
        write_page(tmp_path, "page")
    assert list(tmp_path.iterdir()) == [path]


def test_a_page_of_very_many_trials_has_some_of_each_rank():
    """Its table has the best thousand, its picture 2,000 dots, with each that was the best."""
    values = [10.0 + n % 7 for n in range(5000)]
    values[1234], values[4321] = 5.0, 1.0
    study = record(*(make.trial(n, value=value) for n, value in enumerate(values)))
    page = Reader(report_page(study))
    assert "1,000 of 5,000 trials, best first" in page.text
    assert len(page.tables[-1]) == 1 + 1000
    assert [row[0] for row in page.tables[-1][1:3]] == ["4321", "1234"]
    history = optimization_history(study)
    assert history is not None
    dots, line = history.traces
    assert len(dots["x"]) <= 2003
    assert dots["x"] == line["x"]
    assert {1234, 4321, 4999} <= set(dots["x"])
    assert line["y"][-1] == 1.0
